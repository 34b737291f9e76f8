import assert from "node:assert/strict";
import { test } from "node:test";
import { buildSpec, MASKED_PATHS, READONLY_PATHS } from "./spec.ts";
import type { SpecInput } from "./spec.ts";

const base: SpecInput = {
  config: { Env: ["A=1"] },
  hostConfig: {},
  args: ["sh"],
  cwd: "/",
  user: { uid: 0, gid: 0, additionalGids: [0, 10], home: "/root" },
  hostname: "box",
  rootfs: "/rootfs",
  capabilities: ["CAP_CHOWN"],
  seccomp: { defaultAction: "SCMP_ACT_ERRNO" },
  noNewPrivileges: false,
  mounts: [],
  files: { resolvConf: "/f/resolv", hostname: "/f/hostname", hosts: "/f/hosts" },
  namespaces: { network: { path: "/ns/net" }, pid: "private", ipc: "private", uts: "private", cgroup: "private" },
  cgroupsPath: "/berth/c",
  devices: [],
  deviceRules: [],
  rootless: false,
};

const destinations = (input: SpecInput): string[] => buildSpec(input).mounts.map(({ destination }) => destination);
const mountAt = (input: SpecInput, destination: string) => buildSpec(input).mounts.find((mount) => mount.destination === destination);

test("buildSpec() protects what Docker protects", () => {
  const { linux, process } = buildSpec(base);
  assert.deepEqual(linux.maskedPaths, MASKED_PATHS);
  assert.deepEqual(linux.readonlyPaths, READONLY_PATHS);
  assert.deepEqual(linux.seccomp, base.seccomp);
  assert.deepEqual(process.capabilities, { bounding: ["CAP_CHOWN"], effective: ["CAP_CHOWN"], permitted: ["CAP_CHOWN"] });
  assert.deepEqual((linux.resources!["devices"] as object[])[0], { allow: false, access: "rwm" });
  assert.ok(mountAt(base, "/sys")!.options!.includes("ro"));
});

test("buildSpec() opens up for --privileged", () => {
  const input = { ...base, hostConfig: { Privileged: true }, seccomp: undefined };
  const { linux } = buildSpec(input);
  assert.deepEqual([linux.maskedPaths, linux.readonlyPaths, linux.seccomp], [undefined, undefined, undefined]);
  assert.deepEqual(linux.resources!["devices"], [{ allow: true, access: "rwm" }]);
  assert.ok(!mountAt(input, "/sys")!.options!.includes("ro"));
});

test("a user that is not root has no effective capabilities", () => {
  const { capabilities } = buildSpec({ ...base, user: { ...base.user, uid: 1000 } }).process;
  assert.deepEqual(capabilities, { bounding: ["CAP_CHOWN"], effective: [], permitted: [] });
});

test("the environment has Docker's own variables under the user's", () => {
  const env = (input: Partial<SpecInput>): string[] => buildSpec({ ...base, ...input }).process.env;
  assert.deepEqual(env({}), ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=box", "A=1", "HOME=/root"]);
  assert.ok(env({ config: { Tty: true } }).includes("TERM=xterm"));
  assert.deepEqual(env({ config: { Env: ["PATH=/mine", "HOME=/h", "HOSTNAME", "N=a\nb"] } }), ["PATH=/mine", "HOME=/h", "N=a\nb"]);
});

test("mounts come in order: the system's, then the files and the user's from the root down, who may replace any", () => {
  const mounts = [
    { type: "bind", source: "/x", target: "/a/b", options: ["rbind"] },
    { type: "bind", source: "/y", target: "/a", options: ["rbind"] },
    { type: "bind", source: "/z", target: "/etc/hosts", options: ["rbind"] },
  ] as const;
  assert.deepEqual(destinations({ ...base, mounts }), [
    "/proc",
    "/dev",
    "/dev/pts",
    "/sys",
    "/sys/fs/cgroup",
    "/dev/mqueue",
    "/dev/shm",
    "/a",
    "/etc/resolv.conf",
    "/etc/hostname",
    "/a/b",
    "/etc/hosts",
  ]);
});

for (const [name, input, want] of [
  ["a network of its own, as root", {}, { "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647" }],
  ["a network of its own, rootless", { rootless: true }, { "net.ipv4.ip_unprivileged_port_start": "0" }],
  ["the machine's network", { namespaces: { ...base.namespaces, network: "host" } }, undefined],
  [
    "a sysctl of the user",
    { hostConfig: { Sysctls: { "net.ipv4.ip_unprivileged_port_start": "1024", "kernel.msgmax": "1" } }, rootless: true },
    { "net.ipv4.ip_unprivileged_port_start": "1024", "kernel.msgmax": "1" },
  ],
] as const)
  test(`sysctls with ${name}`, () => assert.deepEqual(buildSpec({ ...base, ...(input as Partial<SpecInput>) }).linux.sysctl, want));

for (const [name, input, destination, want] of [
  ["--shm-size", { hostConfig: { ShmSize: 1024 } }, "/dev/shm", { type: "tmpfs", has: "size=1024" }],
  ["--ipc host", { namespaces: { ...base.namespaces, ipc: "host" } }, "/dev/shm", { type: "bind", has: "rbind" }],
  [
    "--ipc container",
    { shm: "/shared/shm", namespaces: { ...base.namespaces, ipc: { path: "/proc/7/ns/ipc" } } },
    "/dev/shm",
    { type: "bind", source: "/shared/shm" },
  ],
  ["--pid host, rootless", { rootless: true, namespaces: { ...base.namespaces, pid: "host" } }, "/proc", { type: "bind", has: "rbind" }],
  [
    "--network host, rootless",
    { rootless: true, namespaces: { ...base.namespaces, network: "host" } },
    "/sys",
    { source: "/sys", has: "rbind" },
  ],
] as const)
  test(`${destination} with ${name}`, () => {
    const mount = mountAt({ ...base, ...(input as Partial<SpecInput>) }, destination)!;
    if ("type" in want) assert.equal(mount.type, want.type);
    if ("source" in want) assert.equal(mount.source, want.source);
    if ("has" in want) assert.ok(mount.options!.includes(want.has));
  });

test("without cgroups there are no limits and no device rules", () => {
  const { linux } = buildSpec({ ...base, cgroupsPath: undefined, hostConfig: { Memory: 1e8 } });
  assert.deepEqual([linux.resources, linux.cgroupsPath], [{}, undefined]);
  assert.deepEqual(destinations({ ...base, cgroupsPath: undefined }).includes("/sys/fs/cgroup"), false);
});

test("--init puts its program in front", () => {
  const spec = buildSpec({ ...base, init: "/storage/docker-init" });
  assert.deepEqual(spec.process.args, ["/sbin/docker-init", "--", "sh"]);
  assert.equal(spec.mounts.at(-1)!.source, "/storage/docker-init");
});
