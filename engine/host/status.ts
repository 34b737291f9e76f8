/** What an engine says of itself on disk (run/engine.json), and whether it answers. */
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import type { EnginePaths } from "./paths.ts";
import type { Problem } from "./preflight.ts";
import { isAlive } from "./process.ts";
import { API_VERSION, VERSION } from "./version.ts";

/** Written by the engine when it has started. */
export interface EngineRecord {
  readonly pid: number;
  readonly startTime: string;
  readonly apiVersion: string;
  readonly version: string;
  readonly runtime: { readonly name: string; readonly path: string; readonly version: string } | null;
  readonly rootless: boolean;
  /** `tcp://…` where it listens besides its socket. */
  readonly tcp?: string;
  /** Pids of the engine's other processes, as far as they run: `holder`, `netd`, `uplink`. */
  readonly processes: Readonly<Record<string, number>>;
}

export interface EngineStatus extends Omit<EngineRecord, "pid" | "startTime" | "runtime"> {
  readonly running: boolean;
  /** 0 when it does not run. */
  readonly pid: number;
  /** For DOCKER_HOST: `unix://…`. */
  readonly socket: string;
  readonly socketPath: string;
  readonly runtime: EngineRecord["runtime"];
  /** What `--root` named, or null for the user's own engine. */
  readonly root: string | null;
  readonly storage: string;
  readonly log: string;
  /** What this machine lacks. */
  readonly problems: readonly Problem[];
}

/** The record of the last engine, which may be gone. */
export function readEngineRecord(paths: Pick<EnginePaths, "run">): EngineRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(paths.run, "engine.json"), "utf8")) as EngineRecord;
  } catch {
    return undefined;
  }
}

/** Whether an engine answers at this socket within `timeoutMs`. */
export async function answers(socketPath: string, timeoutMs = 5000): Promise<boolean> {
  return (await ask(socketPath, "/_ping", timeoutMs)) !== undefined;
}

/** Body of an answer 200, else undefined. */
function ask(socketPath: string, path: string, timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const nothing = (): void => resolve(undefined);
    const asked = request({ socketPath, path, method: "GET", timeout: timeoutMs, agent: false }, (response) => {
      let body = "";
      response.on("data", (chunk: Buffer) => (body += chunk.toString()));
      response.once("end", () => resolve(response.statusCode === 200 ? body : undefined)).once("error", nothing);
    });
    asked.once("timeout", () => asked.destroy(new Error("timeout"))).once("error", nothing);
    asked.end();
  });
}

/** Status of the engine of `paths`; does not start it. */
export async function engineStatus(paths: EnginePaths): Promise<EngineStatus> {
  const record = readEngineRecord(paths);
  if (record === undefined || !isAlive(record.pid, record.startTime)) return statusOf(paths, record, false);
  const said = await ask(paths.socket, "/berth/status", 5000);
  if (said === undefined) return statusOf(paths, record, await answers(paths.socket));
  // netd and uplink come after the engine, and again when they were killed, so only the engine knows them.
  const { processes } = JSON.parse(said) as Pick<EngineRecord, "processes">;
  return statusOf(paths, { ...record, processes }, true);
}

/** Status as its record has it. */
export function statusOf(paths: EnginePaths, record: EngineRecord | undefined, running: boolean): EngineStatus {
  return {
    running,
    pid: running ? record!.pid : 0,
    socket: `unix://${paths.socket}`,
    socketPath: paths.socket,
    apiVersion: record?.apiVersion ?? API_VERSION,
    version: record?.version ?? VERSION,
    runtime: record?.runtime ?? null,
    rootless: record?.rootless ?? process.getuid!() !== 0,
    ...(running && record?.tcp !== undefined && { tcp: record.tcp }),
    root: paths.root,
    storage: paths.storage,
    log: paths.log,
    processes: running ? record!.processes : {},
    problems: [],
  };
}
