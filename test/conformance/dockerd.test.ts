/**
 * The unmodified docker command through one long list of lines, against this engine and against Debian's dockerd: the same
 * exit status, the same shape of output, the same sentence for what is wrong.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { findProgram } from "../../engine/host/programs.ts";
import { busyboxTar } from "../../scripts/base-image.ts";
import { cannotRunDockerd, startDockerd } from "../support/dockerd.ts";
import { runProgram, startEngine } from "../support/engine.ts";
import type { Result } from "../support/engine.ts";
import { NETWORK_AND_VOLUME_GROUPS } from "./dockerd-network-steps.ts";
import { RUN_GROUPS } from "./dockerd-run-steps.ts";
import { GROUPS } from "./dockerd-steps.ts";
import type { Step } from "./dockerd-steps.ts";

/** For lines that name a port: below those that the kernel hands out, another one for each run. */
const PORT = String(20_000 + (process.pid % 10_000));

const LONGEST_LINE_MS = 120_000;
const noDocker = findProgram("docker") === undefined && "needs the docker command";

/** Runs a shell line; what still runs of it after a while is killed. */
async function shell(line: string, options: { cwd: string; env: NodeJS.ProcessEnv }): Promise<Result> {
  const child = spawn("sh", ["-c", line], { ...options, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const timer = setTimeout(() => process.kill(-child.pid!, "SIGKILL"), LONGEST_LINE_MS);
  const ended = new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? -1)));
  const [stdout, stderr, exitCode] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  clearTimeout(timer);
  return { exitCode, stdout, stderr };
}

/** Without what differs from one run to the next, and without the wraps that dockerd 20.10 does not have or has besides. */
function alike(output: string, folder: string): string {
  return output
    .replaceAll(folder, "<folder>")
    .replace(/[0-9a-f]{64}/g, "<id>")
    .replace(/\b[0-9a-f]{12}\b/g, "<id>")
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>")
    .replace(/Less than a second|About a minute|\d+ (seconds?|minutes?)/g, "<duration>")
    .replace(/^time=.* level=error msg=.*\n/gm, "")
    .replace(/failed to create task for container: |failed to set up container networking: /g, "")
    .replace(/: unknown\b/g, "")
    .replace(/[ \t]+/g, " ")
    .replaceAll("\r", "")
    .toLowerCase();
}

test("the docker command gets the same from this engine as from dockerd", { skip: cannotRunDockerd() || noDocker }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "berth-dockerd-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const dockerd = await startDockerd(join(folder, "dockerd"));
  t.after(() => dockerd.stop());
  const engine = await startEngine({ as: "root" });
  t.after(() => engine.remove());
  const tar = await busyboxTar();
  const peers = await Promise.all(
    [engine.socket, dockerd.socket].map(async (socket, index) => {
      const cwd = join(folder, `work${index}`);
      mkdirSync(cwd);
      const env = { ...process.env, PORT, DOCKER_HOST: socket, DOCKER_CONFIG: join(folder, "config"), DOCKER_BUILDKIT: "0" };
      await runProgram(["docker", "import", "-c", 'CMD ["sh"]', "-", "bb"], { env, input: tar });
      return { cwd, env };
    }),
  );
  for (const { name, steps } of [...RUN_GROUPS, ...GROUPS, ...NETWORK_AND_VOLUME_GROUPS])
    await t.test(name, async () => {
      const results = await Promise.all(
        peers.map(async (peer, index) => {
          const all: Result[] = [];
          for (const step of steps.map(stepOf)) all.push(step.newer && index > 0 ? NOT_ASKED : await shell(step.line, peer));
          return all;
        }),
      );
      const problems = steps.flatMap((each, index) => {
        const step = stepOf(each);
        const [ours, theirs] = results.map((all, peer) => ({ ...all[index]!, folder: peers[peer]!.cwd }));
        return differences(step, ours!, theirs!);
      });
      assert.deepEqual(problems, []);
    });
});

const NOT_ASKED: Result = { exitCode: 0, stdout: "", stderr: "" };

function stepOf(step: string | Step): Step {
  return typeof step === "string" ? { line: step } : step;
}

function differences({ line, exitOnly, newer }: Step, ours: Result & { folder: string }, theirs: Result & { folder: string }): string[] {
  const told = `${line}: ${ours.exitCode} ${ours.stdout}${ours.stderr}`;
  if (newer) return ours.exitCode === newer.exit && newer.says.test(ours.stdout + ours.stderr) ? [] : [told];
  const shown = exitOnly ? [] : (["stdout", "stderr"] as const);
  const same =
    ours.exitCode === theirs.exitCode && shown.every((name) => alike(ours[name], ours.folder) === alike(theirs[name], theirs.folder));
  return same ? [] : [`${told} but dockerd: ${theirs.exitCode} ${theirs.stdout}${theirs.stderr}`];
}
