import assert from "node:assert/strict";
import { test } from "node:test";
import { hostPlatform, parsePlatform } from "./platform.ts";

for (const [text, want] of [
  ["linux", hostPlatform()],
  ["windows", { ...hostPlatform(), os: "windows" }],
  ["aarch64", { os: "linux", architecture: "arm64" }],
  ["linux/arm/v6", { os: "linux", architecture: "arm", variant: "v6" }],
  ["Linux/x86_64", { os: "linux", architecture: "amd64" }],
] as const)
  test(`parsePlatform() reads ${text}`, () => assert.deepEqual(parsePlatform(text), want));

const SYSTEM = String.raw`"^([A-Za-z0-9_-]+)(?:\\(([A-Za-z0-9_.-]*)\\))?$"`;
for (const [text, message] of [
  ["bogus", '"bogus": unknown operating system or architecture: invalid argument'],
  ["linux/", '"" is an invalid component of "linux/": platform specifier component must match "^[A-Za-z0-9_-]+$": invalid argument'],
  [" ", `" " is an invalid OS component of " ": OSAndVersion specifier component must match ${SYSTEM}: invalid argument`],
  ["a/b/c/d", '"a/b/c/d": cannot parse platform specifier: invalid argument'],
] as const)
  test(`parsePlatform() refuses ${JSON.stringify(text)}`, () => assert.throws(() => parsePlatform(text), { kind: "invalid", message }));
