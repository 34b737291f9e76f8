import assert from "node:assert/strict";
import { test } from "node:test";
import { fixCommand } from "./state.ts";

const cases: [string, string[], string | undefined][] = [
  ["nothing", [], undefined],
  ["advice that is not a command", ["Make it writable for you"], undefined],
  ["one command", ["sudo sysctl -w a=1"], "sudo sysctl -w a=1"],
  [
    "packages in one go",
    ["sudo apt-get install -y crun", "sudo apt-get install -y uidmap", "sudo apt-get install -y crun"],
    "sudo apt-get install -y crun uidmap",
  ],
  ["packages and more", ["sudo dnf install -y crun", "sudo modprobe tun", "Use WSL"], "sudo dnf install -y crun && sudo modprobe tun"],
];

for (const [name, fixes, want] of cases)
  test(`fixCommand() mends ${name}`, () =>
    assert.equal(fixCommand(fixes.map((fix) => ({ id: "no-runtime" as const, message: "x", fix }))), want));
