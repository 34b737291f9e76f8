import assert from "node:assert/strict";
import { test } from "node:test";
import { ALL_CAPABILITIES, capabilitiesOfMask, DEFAULT_CAPABILITIES, resolveCapabilities } from "./capabilities.ts";

const all = new Set<string>(ALL_CAPABILITIES);
const defaults = [...DEFAULT_CAPABILITIES];

for (const [name, options, want] of [
  ["nothing", { privileged: false }, defaults],
  ["privileged", { privileged: true }, [...ALL_CAPABILITIES]],
  ["ALL dropped", { drop: ["ALL"], privileged: false }, []],
  ["ALL dropped, one added", { drop: ["all"], add: ["net_admin"], privileged: false }, ["CAP_NET_ADMIN"]],
  ["one dropped", { drop: ["CAP_CHOWN"], privileged: false }, defaults.filter((each) => each !== "CAP_CHOWN")],
  ["one added", { add: ["SYS_PTRACE"], privileged: false }, [...defaults, "CAP_SYS_PTRACE"]],
  [
    "ALL added, one dropped",
    { add: ["ALL"], drop: ["SYS_ADMIN"], privileged: false },
    ALL_CAPABILITIES.filter((each) => each !== "CAP_SYS_ADMIN"),
  ],
] as const)
  test(`resolveCapabilities() of ${name}`, () => assert.deepEqual(resolveCapabilities(options, all), want));

test("resolveCapabilities() leaves out what the engine does not have", () => {
  assert.deepEqual(resolveCapabilities({ privileged: true }, new Set(["CAP_CHOWN"])), ["CAP_CHOWN"]);
});

for (const [field, options] of [
  ["CapAdd", { add: ["NOPE"], privileged: false }],
  ["CapDrop", { drop: ["CAP_NOPE"], privileged: false }],
] as const)
  test(`resolveCapabilities() refuses an unknown ${field}`, () => {
    assert.throws(() => resolveCapabilities(options, all), {
      kind: "invalid",
      message: `invalid ${field}: unknown capability: "CAP_NOPE"`,
    });
  });

test("capabilitiesOfMask() reads what the kernel writes", () => {
  assert.deepEqual(capabilitiesOfMask("00000000a80425fb\n"), new Set(defaults));
  assert.deepEqual(capabilitiesOfMask("000001ffffffffff"), all);
});
