import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { arch, tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, suite, test } from "node:test";
import { findProgram } from "../programs.ts";
import { initProgram } from "./program.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-init-"));
after(() => rmSync(folder, { recursive: true }));

/** The program for a processor, and what runs it here. */
function programOf(processor: string, emulator: string): readonly string[] | undefined {
  const path = join(folder, processor);
  writeFileSync(path, initProgram(processor), { mode: 0o755 });
  if (processor === arch()) return [path, "--"];
  const other = process.env["BERTH_QEMU"] ?? findProgram(emulator);
  return other ? [other, path, "--"] : undefined;
}

const CASES: readonly (readonly [name: string, args: readonly string[], exitCode: number, says: string])[] = [
  ["a command found by PATH", ["sh", "-c", "echo $1 $VALUE", "-", "two words"], 0, "two words kept\n"],
  ["an exit code", ["sh", "-c", "exit 7"], 7, ""],
  ["the highest exit code", ["sh", "-c", "exit 255"], 255, ""],
  ["the end by a signal", ["sh", "-c", "kill -9 $$"], 137, ""],
  ["the end by a signal with a core dump", ["sh", "-c", "ulimit -c 0; kill -QUIT $$"], 131, ""],
  ["a path", ["/bin/sh", "-c", "echo here"], 0, "here\n"],
  ["no such command", ["nosuch"], 127, "docker-init: exec nosuch failed: No such file or directory\n"],
  ["no such path", ["/no/such"], 127, "docker-init: exec /no/such failed: No such file or directory\n"],
  ["a folder", ["/etc"], 126, "docker-init: exec /etc failed: Permission denied\n"],
  ["something in PATH that may not be run", ["closed"], 126, "docker-init: exec closed failed: Permission denied\n"],
  [
    "a name that is too long",
    ["x".repeat(5000)],
    126,
    `docker-init: exec ${"x".repeat(5000)} failed
`,
  ],
  ["no command", [], 127, "docker-init: exec  failed: No such file or directory\n"],
];

for (const [processor, emulator] of [
  ["x64", "qemu-x86_64-static"],
  ["arm64", "qemu-aarch64-static"],
] as const) {
  const argv = programOf(processor, emulator);
  suite(`initProgram() for ${processor}`, { skip: !argv && `needs ${emulator}` }, () => {
    const [program = "", ...before] = argv ?? [];
    mkdirSync(join(folder, "bin"), { recursive: true });
    writeFileSync(join(folder, "bin/closed"), "");
    chmodSync(join(folder, "bin/closed"), 0o644);
    const env = { VALUE: "kept", NOPATH: "/x", PATH: `:${join(folder, "nosuch")}:${join(folder, "bin")}::/usr/bin:/bin` };

    for (const [name, args, exitCode, says] of CASES)
      test(name, () => {
        const { status, stdout, stderr } = spawnSync(program, [...before, ...args], { encoding: "utf8", env, timeout: 120_000 });
        assert.equal(stdout + stderr, says);
        assert.equal(status, exitCode);
      });

    test("signals go to the command", async () => {
      const script = "trap 'echo got; exit 9' TERM USR1 HUP INT; echo ready; while :; do sleep 0.05; done";
      for (const signal of ["SIGTERM", "SIGUSR1", "SIGHUP", "SIGINT"] as const) {
        const child = spawn(program, [...before, "sh", "-c", script], { env, stdio: ["ignore", "pipe", "inherit"] });
        child.stdout.once("data", () => child.kill(signal));
        const ended = new Promise((resolve) => child.once("close", resolve));
        assert.match(await text(child.stdout), /got/);
        assert.equal(await ended, 9);
      }
    });

    test("the command has the signals that were let through before", () => {
      const { stdout } = spawnSync(program, [...before, "grep", "SigBlk", "/proc/self/status"], { encoding: "utf8", env });
      assert.equal(stdout, readFileSync("/proc/self/status", "utf8").match(/SigBlk.*\n/)![0]);
    });
  });
}

test("initProgram() refuses other processors", () => {
  assert.throws(() => initProgram("mips"), /There is no init for this processor: mips/);
});
