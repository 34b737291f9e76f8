/** Watches over a process of tests: ends it when it hangs or lingers, and says where it was and what it had open. */
import { spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

/** What hangs is cut here: many times what the longest file takes. */
const LIMIT_MINUTES = 20;
/** For what is done after the last test: ending engines, deleting files. */
const LINGER_MINUTES = 5;
const LOOK_MS = 5000;

const REPORT = "open.json";

/** Flags of Node for a process that is watched over. @param folder an own directory of it */
export function watchable(folder: string): string[] {
  return ["--report-on-signal", `--report-directory=${folder}`, `--report-filename=${REPORT}`, "--report-exclude-env", "--report-exclude-network"]; // oxfmt-ignore
}

export interface Watched {
  /** Leads a group of its own, and was started with watchable(). */
  readonly child: ChildProcess;
  readonly folder: string;
  /** What count-reporter.mjs writes; "" when nobody does. */
  readonly counts: string;
}

/** How a process was ended that did not end by itself. */
export interface Cut {
  /** Its tests had all ended: only something that is open kept it. */
  readonly lingered: boolean;
  readonly words: string;
}

export interface Watch {
  /** Of a process that has ended. */
  stop(): Cut | undefined;
}

export function watchOver(watched: Watched): Watch {
  const started = performance.now();
  let cut: Cut | undefined;
  const look = (): void => {
    const lingered = lingersFor(watched.counts) > LINGER_MINUTES * 60_000;
    if (cut || !(lingered || performance.now() - started > LIMIT_MINUTES * 60_000)) return;
    const first = lingered
      ? `All tests had ended ${LINGER_MINUTES} minutes ago, but not their process, which is ended now.`
      : `This has run for ${LIMIT_MINUTES} minutes and is ended.`;
    cut = { lingered, words: first };
    void end(watched).then((open) => (cut = { lingered, words: [first, ...open].join("\n") }));
  };
  const timer = setInterval(look, LOOK_MS);
  return {
    stop: () => {
      clearInterval(timer);
      return cut;
    },
  };
}

/** Tests that have begun and not ended, by the lines of count-reporter.mjs. */
export function openTests(lines: readonly (readonly [what: string, name: string])[]): string[] {
  const open: string[] = [];
  for (const [what, name] of lines)
    if (what === "begun") open.push(name);
    else open.splice(open.indexOf(name), 1);
  return open;
}

export function countLines(path: string): [what: string, name: string][] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
  return lines.filter(Boolean).map((line) => JSON.parse(line) as [string, string]);
}

/** Milliseconds since the last test ended; 0 while there is one, and before the first. */
function lingersFor(counts: string): number {
  const lines = countLines(counts);
  return lines.length === 0 || openTests(lines).length > 0 ? 0 : Date.now() - statSync(counts).mtimeMs;
}

/** @returns what it had open and who was at work, in words */
async function end({ child, folder }: Watched): Promise<string[]> {
  child.kill("SIGUSR2");
  await wait(3000);
  const open = [...openHandles(join(folder, REPORT)), "At work:", ...membersOf(child.pid!)];
  signalGroup(child, "SIGTERM");
  setTimeout(() => signalGroup(child, "SIGKILL"), 10_000).unref();
  return open;
}

export function signalGroup(child: ChildProcess, name: NodeJS.Signals): void {
  try {
    process.kill(-child.pid!, name);
  } catch {
    // All of the group have ended.
  }
}

interface Endpoint {
  readonly host: string;
  readonly port: number;
}

interface Handle {
  readonly type: string;
  readonly is_active: boolean;
  readonly is_referenced: boolean;
  readonly localEndpoint?: Endpoint | string | null;
  readonly remoteEndpoint?: Endpoint | string | null;
  readonly pid?: number;
  readonly firesInMsFromNow?: number;
}

/** What keeps a process, of Node's own report about it. */
function openHandles(report: string): string[] {
  if (!existsSync(report)) return ["It did not say what it had open: its thread was at work or waited."];
  const { libuv, workers } = JSON.parse(readFileSync(report, "utf8")) as { libuv: Handle[]; workers?: unknown[] };
  const held = libuv.filter((handle) => handle.is_active && handle.is_referenced).map(handleWords);
  return [`Open, besides ${workers?.length ?? 0} threads:`, ...held.map((words) => `  ${words}`)];
}

function handleWords({ type, localEndpoint, remoteEndpoint, pid, firesInMsFromNow }: Handle): string {
  const place = (end: Endpoint | string): string => (typeof end === "string" ? end : `${end.host}:${end.port}`);
  return [
    type,
    localEndpoint && place(localEndpoint),
    remoteEndpoint && `to ${place(remoteEndpoint)}`,
    pid !== undefined && `process ${pid}`,
    firesInMsFromNow !== undefined && `in ${firesInMsFromNow} ms`,
  ]
    .filter(Boolean)
    .join(" ");
}

function membersOf(group: number): string[] {
  const { stdout } = spawnSync("ps", ["-e", "-o", "pgid=,pid=,etimes=,args="], { encoding: "utf8" });
  return (stdout ?? "").split("\n").filter((line) => Number.parseInt(line) === group);
}
