/** The `berth` command as a person runs it: the built program, on a test's engine, as the engine's user. */
import { join } from "node:path";
import { busyboxTar } from "../../scripts/base-image.ts";
import type { RunOptions, Result, TestEngine } from "./engine.ts";
import { runProgram } from "./engine.ts";
import { testPrograms } from "./programs.ts";
import type { TestUser } from "./user.ts";

/** Environment of a person's shell, with `--root` given by BERTH_ROOT. */
export function personEnvironment(user: TestUser, root: string): NodeJS.ProcessEnv {
  return { PATH: process.env["PATH"], HOME: user.home, USER: user.name, LANG: "C.UTF-8", BERTH_ROOT: root };
}

/** Runs `berth <args>`; a failing exit code is a result. */
export async function berth(engine: Pick<TestEngine, "user" | "root">, args: readonly string[], options: RunOptions = {}): Promise<Result> {
  const { folder, node } = await testPrograms();
  const env = { ...personEnvironment(engine.user, engine.root), BERTH_NODE: node, ...options.env };
  return runProgram([join(folder, "berth"), ...args], { cwd: "/", ...options, env, user: engine.user });
}

/** Like berth; its stdout without the last newline. @throws {Error} when it fails */
export async function berthSays(
  engine: Pick<TestEngine, "user" | "root">,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const result = await berth(engine, args, options);
  if (result.exitCode !== 0) throw new Error(`berth ${args.join(" ")} ended with ${result.exitCode}: ${result.stderr}${result.stdout}`);
  return result.stdout.trimEnd();
}

/** Puts an image `busybox` into the engine, made from this machine's busybox. */
export async function importBusybox(engine: TestEngine): Promise<void> {
  await berthSays(engine, ["import", "--change", 'CMD ["sh"]', "-", "busybox:latest"], { input: await busyboxTar() });
}
