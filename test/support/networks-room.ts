/**
 * The networks room alone in a real holder, without the rest of the engine: a program that opens it and does what it is told
 * by JSON lines, and the test's end of it. Kill the program and start another to see what outlives an engine.
 */
import { build } from "esbuild";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { EngineError } from "../../engine/errors.ts";
import { enginePaths } from "../../engine/host/paths.ts";
import { processesInside, readHolder } from "../../engine/host/launch.ts";
import type { Networks, Sandbox, SandboxRequest } from "../../engine/networks/networks.ts";
import { makeRoot, removeRoot } from "./engine.ts";
import { sendKill } from "./processes.ts";
import { testPrograms } from "./programs.ts";
import { testUser } from "./user.ts";
import type { As, TestUser } from "./user.ts";

interface Output {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The room, and what a test does in the namespaces around it. */
export interface NetworksRoom extends Pick<
  Networks,
  "list" | "get" | "create" | "remove" | "attach" | "detach" | "connect" | "disconnect" | "restore" | "close"
> {
  /** Runs a program in a sandbox's network, or in R (null). */
  inside(netnsPath: string | null, argv: readonly string[]): Promise<Output>;
  /** Starts a program that stays, and waits for its first line. */
  serve(netnsPath: string, argv: readonly string[]): Promise<number>;
  processes(): Promise<Record<string, number>>;
  problem(): Promise<string>;
  /** Milliseconds that `count` rounds of attach and detach took each, in order. */
  measure(request: SandboxRequest, count: number): Promise<{ attachMs: number[]; detachMs: number[] }>;
}

export interface RoomProcess {
  readonly room: NetworksRoom;
  readonly user: TestUser;
  readonly root: string;
  readonly run: string;
  /** SIGKILL to the program that stands for the engine; netd, uplink and R stay. */
  kill9(): Promise<void>;
  /** Another program on the same root. */
  again(): Promise<RoomProcess>;
  /** Ends everything and removes the root. */
  remove(): Promise<void>;
}

let bundled: Promise<string> | undefined;

/** A folder with the built programs and the driver beside them. */
async function bundle(): Promise<string> {
  const { folder } = await testPrograms();
  const target = mkdtempSync(join(tmpdir(), "berth-networks-"));
  cpSync(folder, target, { recursive: true });
  await build({
    entryPoints: [join(import.meta.dirname, "networks-driver.ts")],
    outfile: join(target, "driver.mjs"),
    bundle: true,
    platform: "node",
    format: "esm",
    external: ["koffi", "esbuild"],
    banner: { js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);" },
    logLevel: "error",
  });
  chmodSync(target, 0o755);
  process.on("exit", () => rmSync(target, { recursive: true, force: true }));
  return target;
}

/**
 * Opens the room for a user in a new root. The test removes it.
 * @param within a command that runs the rest of its arguments somewhere else, e.g. `nsenter …`
 */
export async function openRoom(as: As, within: readonly string[] = []): Promise<RoomProcess> {
  const user = testUser(as);
  return start({ user, root: makeRoot(user), within });
}

async function start({ user, root, within }: { user: TestUser; root: string; within: readonly string[] }): Promise<RoomProcess> {
  const folder = await (bundled ??= bundle());
  const { node } = await testPrograms();
  const isOther = user.uid !== process.getuid!();
  // Entering somewhere else is root's; the user begins there.
  const become = ["setpriv", `--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"];
  const identity = isOther && within.length === 0 ? { uid: user.uid, gid: user.gid } : {};
  const before = isOther && within.length > 0 ? [...within, ...become] : within;
  const env = { PATH: process.env["PATH"], HOME: user.home, USER: user.name };
  const [program, ...args] = [...before, node, join(folder, "driver.mjs"), "launch", root];
  const child = spawn(program, args, { ...identity, env, cwd: "/", stdio: ["pipe", "pipe", "inherit"] });
  const ask = asker(child);
  const { pid } = (await ask("hello", [])) as { pid: number };
  const room = new Proxy(
    {},
    { get: (_, call) => (call === "then" ? undefined : (...args: unknown[]) => ask(String(call), args)) },
  ) as NetworksRoom;
  const paths = enginePaths(root, env, user.uid);
  return {
    room,
    user,
    root,
    run: paths.run,
    kill9: async () => {
      const ended = once(child, "close");
      process.kill(pid, "SIGKILL");
      await ended;
    },
    again: () => start({ user, root, within }),
    remove: async () => {
      await room.close({ everything: true }).catch(() => undefined);
      child.kill("SIGKILL");
      const holder = readHolder(paths);
      // A way out that was started again, or that a killed program made, is known to nobody else.
      for (const pid of holder ? processesInside(paths, holder) : []) sendKill(pid);
      await removeRoot(root, user);
    },
  };
}

function asker(child: ChildProcess): (call: string, args: unknown[]) => Promise<unknown> {
  const waiting: { resolve(value: unknown): void; reject(error: Error): void }[] = [];
  createInterface({ input: child.stdout! }).on("line", (line) => {
    const { id, result, error } = JSON.parse(line) as {
      id: number;
      result?: unknown;
      error?: { kind: EngineError["kind"]; message: string };
    };
    if (error) waiting[id]?.reject(new EngineError(error.kind, error.message));
    else waiting[id]?.resolve(result);
  });
  child.once("close", () => waiting.forEach(({ reject }) => reject(new Error("The driver has ended"))));
  child.stdin!.on("error", () => undefined);
  return (call, args) =>
    new Promise((resolve, reject) => {
      if (child.exitCode !== null || child.signalCode !== null) return reject(new Error("The driver has ended"));
      const id = waiting.push({ resolve, reject }) - 1;
      child.stdin!.write(`${JSON.stringify({ id, call, args })}\n`);
    });
}

/** A request with nothing special. */
export function plainRequest(name: string, more: Partial<SandboxRequest> = {}): SandboxRequest {
  const containerId = Buffer.from(name.padEnd(32, "_")).toString("hex").slice(0, 64);
  return {
    containerId,
    containerName: name,
    hostname: containerId.slice(0, 12),
    mode: "bridge",
    endpoints: {},
    ports: {},
    publishAll: false,
    exposedPorts: [],
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
    ...more,
  };
}

export type { Sandbox };
