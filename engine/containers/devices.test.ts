import assert from "node:assert/strict";
import { basename } from "node:path";
import { test } from "node:test";
import { mappedDevices, parseDeviceRules } from "./devices.ts";

for (const [text, want] of [
  ["c 1:7 rwm", { allow: true, type: "c", major: 1, minor: 7, access: "rwm" }],
  ["b *:* r", { allow: true, type: "b", access: "r" }],
  ["a 8:* w", { allow: true, type: "a", major: 8, access: "w" }],
] as const)
  test(`parseDeviceRules() reads ${text}`, () => assert.deepEqual(parseDeviceRules([text]), [want]));

for (const text of ["", "c 1:7", "x 1:7 rwm", "c 1:7 q", "c 1 7 r", "c -1:7 r"])
  test(`parseDeviceRules() refuses "${text}"`, () =>
    assert.throws(() => parseDeviceRules([text]), { kind: "invalid", message: `invalid device cgroup rule format: '${text}'` }));

for (const [path, reason] of [
  ["/nosuch", "no such file or directory"],
  ["/etc/passwd", "not a device node"],
  [import.meta.dirname, "not a device node"],
] as const)
  test(`mappedDevices() refuses ${basename(path)}`, () =>
    assert.throws(() => mappedDevices([{ PathOnHost: path, PathInContainer: path, CgroupPermissions: "rwm" }]), {
      message: `error gathering device information while adding custom device "${path}": ${reason}`,
    }));
