import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_CAPABILITIES } from "./capabilities.ts";
import { customSeccomp, defaultSeccomp } from "./seccomp.ts";

interface Resolved {
  defaultAction: string;
  defaultErrnoRet: number;
  architectures: string[];
  syscalls: { names: string[]; action: string; errnoRet?: number; args?: object[] }[];
}

const machine = { arch: "x64", kernel: "6.1.0-18-amd64" };
const resolve = (capabilities: readonly string[], on = machine): Resolved => defaultSeccomp(capabilities, on) as unknown as Resolved;

/** Whether a call is allowed whatever its arguments are. */
function allows(profile: Resolved, name: string): boolean {
  return profile.syscalls.some(({ names, action, args }) => names.includes(name) && action === "SCMP_ACT_ALLOW" && !args);
}

test("defaultSeccomp() is Docker's: an error unless allowed", () => {
  const profile = resolve(DEFAULT_CAPABILITIES);
  assert.deepEqual([profile.defaultAction, profile.defaultErrnoRet], ["SCMP_ACT_ERRNO", 1]);
  assert.deepEqual(profile.architectures, ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]);
  assert.equal(profile, resolve(DEFAULT_CAPABILITIES), "resolved once");
});

for (const [name, capabilities, on, want] of [
  ["openat", [], machine, true],
  ["mount", DEFAULT_CAPABILITIES, machine, false],
  ["unshare", DEFAULT_CAPABILITIES, machine, false],
  ["mount", ["CAP_SYS_ADMIN"], machine, true],
  ["chroot", DEFAULT_CAPABILITIES, machine, true],
  ["chroot", [], machine, false],
  ["ptrace", [], machine, true],
  ["ptrace", [], { arch: "x64", kernel: "4.4.0" }, false],
  ["arch_prctl", [], machine, true],
  ["arch_prctl", [], { arch: "arm64", kernel: "6.1.0" }, false],
  ["arm_fadvise64_64", [], { arch: "arm64", kernel: "6.1.0" }, true],
] as const)
  test(`defaultSeccomp() ${want ? "allows" : "does not allow"} ${name} with ${capabilities.length} capabilities on ${on.arch} ${on.kernel}`, () => {
    assert.equal(allows(resolve(capabilities, on), name), want);
  });

test("clone3 is answered with ENOSYS, so that the C library falls back to clone", () => {
  const rule = resolve(DEFAULT_CAPABILITIES).syscalls.find(({ names }) => names.includes("clone3"));
  assert.deepEqual([rule?.action, rule?.errnoRet], ["SCMP_ACT_ERRNO", 38]);
});

test("customSeccomp() resolves a user's profile and refuses what is none", () => {
  const profile = customSeccomp('{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"mkdir","action":"SCMP_ACT_ERRNO"}]}', [], machine);
  assert.deepEqual(profile, { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_ERRNO" }] });
  for (const text of ["{", "null", "{}"])
    assert.throws(() => customSeccomp(text, [], machine), { kind: "invalid", message: /^Decoding seccomp profile failed: / });
});
