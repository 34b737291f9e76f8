/** A real engine with a root of its own, run as root or as an unprivileged user, for tests. */
import { spawn } from "node:child_process";
import { chownSync, copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { enginePaths } from "../../engine/host/paths.ts";
import { ensureHolder, enterCommand } from "../../engine/host/launch.ts";
import { lock } from "../../engine/host/lock.ts";
import type { EngineStatus } from "../../engine/host/start.ts";
import { testPrograms } from "./programs.ts";
import type { Programs } from "./programs.ts";
import { testUser } from "./user.ts";
import type { As, TestUser } from "./user.ts";

export interface Result {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface TestEngine {
  /** `unix://…`, for DOCKER_HOST. */
  readonly socket: string;
  readonly socketPath: string;
  readonly root: string;
  readonly user: TestUser;
  /** As it was when the engine last started. */
  readonly status: EngineStatus;
  /** Runs the real docker command against this engine, as this process's user. */
  docker(args: readonly string[], options?: RunOptions): Promise<Result>;
  /** Runs `engine.mjs <args> --root <root>` as the engine's user. */
  engine(...args: string[]): Promise<Result>;
  /** SIGKILL to the engine's own process; resolves when it is gone. Containers go on. */
  kill9(): Promise<void>;
  /** Starts it again (or finds it running). */
  restart(): Promise<EngineStatus>;
  /** Stops everything; the root stays. */
  stop(): Promise<void>;
  /** Stops everything and deletes the root. */
  remove(): Promise<void>;
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string | Buffer;
  readonly signal?: AbortSignal;
  readonly cwd?: string;
}

/** On a slow machine a minute without a request is no sign of idleness. */
const PATIENT = { BERTH_IDLE_SECONDS: "1200" };

/**
 * Starts an engine. The test removes it: `after(() => engine.remove())`.
 * @param options.env more environment for the engine, e.g. BERTH_IDLE_SECONDS
 */
export async function startEngine(options: { as: As; root?: string; env?: NodeJS.ProcessEnv }): Promise<TestEngine> {
  const user = testUser(options.as);
  const programs = await testPrograms();
  const root = options.root ?? makeRoot(user);
  const engine = (...args: string[]): Promise<Result> => runEngine({ user, programs, root, env: { ...PATIENT, ...options.env } }, args);
  const paths = enginePaths(root, userEnvironment(user), user.uid);
  let status: EngineStatus;
  const restart = async (): Promise<EngineStatus> => {
    const { exitCode, stdout, stderr } = await engine("start");
    if (exitCode !== 0) throw new Error(`The engine did not start: ${stderr}${stdout}`);
    return (status = JSON.parse(stdout) as EngineStatus);
  };
  const stop = async (): Promise<void> => {
    const { exitCode, stderr } = await engine("stop");
    if (exitCode !== 0) throw new Error(`The engine did not stop: ${stderr}`);
  };
  status = await restart();
  return {
    socket: status.socket,
    socketPath: status.socketPath,
    root,
    user,
    get status() {
      return status;
    },
    docker: (args, more = {}) =>
      runProgram(["docker", ...args], { ...more, env: { ...process.env, DOCKER_HOST: status.socket, ...more.env } }),
    engine,
    kill9: async () => {
      process.kill(status.pid, "SIGKILL");
      (await lock(join(paths.run, "engine.lock")))();
    },
    restart,
    stop,
    remove: async () => {
      await stop();
      keepLog(paths.log);
      await removeRoot(root, user);
    },
  };
}

/** For `npm test`, which shows it when a test of the file failed. */
function keepLog(log: string): void {
  const evidence = process.env["BERTH_TEST_EVIDENCE"];
  if (evidence && existsSync(log)) copyFileSync(log, join(evidence, `${basename(dirname(log))}.log`));
}

/** An empty directory that belongs to the user. */
export function makeRoot(user: TestUser): string {
  const root = mkdtempSync(join(tmpdir(), "berth-engine-"));
  chownSync(root, user.uid, user.gid);
  return root;
}

/** What a user's containers own belongs to subordinate ids, so only root and the user's own namespace can delete it. */
export async function removeRoot(root: string, user: TestUser): Promise<void> {
  if (process.getuid!() !== 0 && existsSync(root)) {
    const holder = await ensureHolder(enginePaths(root, userEnvironment(user), user.uid));
    await runProgram(enterCommand(holder, ["rm", "-rf", join(root, "storage")]), {});
    process.kill(holder.pid, "SIGKILL");
  }
  rmSync(root, { recursive: true, force: true });
}

/** Runs `engine.mjs <args> --root <root>` as any user, also where no engine can start. */
export async function runEngine(
  at: { user: TestUser; programs: Programs; root: string; env: NodeJS.ProcessEnv },
  args: readonly string[],
): Promise<Result> {
  const argv = [at.programs.node, join(at.programs.folder, "engine.mjs"), ...args, "--root", at.root];
  return runProgram(argv, { env: { ...userEnvironment(at.user), ...at.env }, user: at.user, cwd: "/" });
}

function userEnvironment(user: TestUser): NodeJS.ProcessEnv {
  return { PATH: process.env["PATH"], HOME: user.home, USER: user.name, LANG: "C.UTF-8" };
}

/** Runs a program to its end, as another user if asked. */
export function runProgram(argv: readonly string[], options: RunOptions & { user?: TestUser }): Promise<Result> {
  const [program = "", ...args] = argv;
  const other = options.user && options.user.uid !== process.getuid!() ? { uid: options.user.uid, gid: options.user.gid } : {};
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: options.env ?? process.env,
      ...(options.cwd && { cwd: options.cwd }),
      ...(options.signal && { signal: options.signal }),
      ...other,
    });
    const output = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
    child.stdin.on("error", () => undefined).end(options.input ?? "");
    child.once("error", reject).once("close", (code) => resolve({ exitCode: code ?? -1, ...output }));
  });
}
