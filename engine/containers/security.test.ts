import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSecurityOptions } from "./security.ts";

const NONE = { noNewPrivileges: false, seccomp: "" };

/** As a dockerd on a machine without AppArmor and SELinux takes them. */
const cases: [options: string[], want: object | string][] = [
  [[], NONE],
  [["no-new-privileges"], { ...NONE, noNewPrivileges: true }],
  [["no-new-privileges=true"], { ...NONE, noNewPrivileges: true }],
  [["no-new-privileges:1"], { ...NONE, noNewPrivileges: true }],
  [["no-new-privileges", "no-new-privileges=false"], NONE],
  [["no-new-privileges=x"], 'invalid --security-opt 2: "no-new-privileges=x"'],
  [["seccomp=unconfined"], { ...NONE, seccomp: "unconfined" }],
  [["seccomp=builtin"], NONE],
  [['seccomp={"defaultAction":"a=b"}'], { ...NONE, seccomp: '{"defaultAction":"a=b"}' }],
  [["apparmor=docker-default", "apparmor:nosuch", "label=disable", "label=level:s0:c1", "label:disable"], NONE],
  [["label:type=x"], 'invalid --security-opt 2: "label:type=x"'],
  [["writable-cgroups=false"], NONE],
  [["writable-cgroups=much"], 'invalid --security-opt 2: "writable-cgroups=much"'],
  [["apparmor"], 'invalid --security-opt 1: "apparmor"'],
  [["systempaths=x"], 'invalid --security-opt 2: "systempaths=x"'],
];
for (const [options, want] of cases)
  test(`parseSecurityOptions() reads ${JSON.stringify(options)}`, () => {
    if (typeof want === "string") assert.throws(() => parseSecurityOptions(options), { message: want, kind: "invalid" });
    else assert.deepEqual(parseSecurityOptions(options), want);
  });
