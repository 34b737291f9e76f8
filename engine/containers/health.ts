/** Health checks: a command in the container every so often, and what its exit codes say. */
import type { ExecCreateRequest, HealthConfig } from "../api/types/container.ts";
import { log } from "../host/log.ts";
import { processStartTime } from "../host/process.ts";
import { nowText } from "../runtime/clock.ts";
import { announce } from "./announce.ts";
import type { ContainerRecord } from "./containers.ts";
import type { Entry } from "./entry.ts";
import type { Rooms } from "./rooms.ts";
import type { ContainerStore } from "./store.ts";

const SECOND_NS = 1e9;
const DEFAULT = { interval: 30 * SECOND_NS, timeout: 30 * SECOND_NS, startInterval: 5 * SECOND_NS, retries: 3 };
const MOST_OUTPUT = 4096;
const MOST_RESULTS = 5;

/** Runs a command in a container to its end. */
export interface Commands {
  collect(
    entry: Entry,
    request: ExecCreateRequest,
    options: { timeoutMs: number; mostBytes: number },
  ): Promise<{ exitCode: number; output: string; timedOut: boolean }>;
}

/** The command of a check; undefined when there is none or it was turned off. */
export function healthCommand(health: HealthConfig | undefined, shell: readonly string[] | null | undefined): string[] | undefined {
  const [kind, ...rest] = health?.Test ?? [];
  if (kind === "CMD") return rest;
  if (kind === "CMD-SHELL") return [...(shell?.length ? shell : ["/bin/sh", "-c"]), rest[0] ?? ""];
  return undefined;
}

/** Starts checking a container that has just started, or goes on with one that was adopted; the returned function stops it. */
export function watchHealth(rooms: Rooms, store: ContainerStore, watched: { entry: Entry; commands: Commands }): () => void {
  const { entry } = watched;
  const { config, state } = entry.record;
  const command = healthCommand(config.Healthcheck, config.Shell);
  if (!command) return () => undefined;
  state.health ??= { status: "starting", failingStreak: 0, log: [] };
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const next = (): void => {
    if (!stopped) timer = setTimeout(() => void check(), delayMs(entry));
  };
  const check = async (): Promise<void> => {
    try {
      // A frozen container can answer nothing.
      if (state.status === "running") await checkOnce(rooms, store, { ...watched, command, isStopped: () => stopped });
    } catch (error) {
      log("warn", error);
    }
    next();
  };
  next();
  return () => {
    stopped = true;
    clearTimeout(timer);
    unchecked(state);
  };
}

/** Nobody knows of a container that is not checked any more, which Docker calls unhealthy. */
export function unchecked({ health }: ContainerRecord["state"]): void {
  if (health) health.status = "unhealthy";
}

function inStartPeriod(entry: Entry): boolean {
  const { config, state } = entry.record;
  const periodMs = (config.Healthcheck?.StartPeriod ?? 0) / 1e6;
  return Date.now() - Date.parse(state.startedAt) < periodMs;
}

function delayMs(entry: Entry): number {
  const { Interval, StartInterval, StartPeriod } = entry.record.config.Healthcheck ?? {};
  const starting = StartPeriod && entry.record.state.health?.status === "starting" && inStartPeriod(entry);
  return (starting ? StartInterval || Math.min(Interval || DEFAULT.interval, DEFAULT.startInterval) : Interval || DEFAULT.interval) / 1e6;
}

async function checkOnce(
  rooms: Rooms,
  store: ContainerStore,
  { entry, commands, command, isStopped }: { entry: Entry; commands: Commands; command: string[]; isStopped: () => boolean },
): Promise<void> {
  const { config, state } = entry.record;
  const timeoutMs = (config.Healthcheck?.Timeout || DEFAULT.timeout) / 1e6;
  const start = nowText();
  const result = await commands.collect(entry, { Cmd: command }, { timeoutMs, mostBytes: MOST_OUTPUT }).catch((error: unknown) => ({
    exitCode: -1,
    output: error instanceof Error ? error.message : String(error),
    timedOut: false,
  }));
  const health = state.health;
  // A check that was killed together with its container says nothing.
  if (isStopped() || processStartTime(state.pid) !== state.pidStartTime || !health) return;
  const exitCode = result.timedOut ? -1 : result.exitCode;
  const output = result.timedOut
    ? `Health check exceeded timeout (${timeoutMs < 1000 ? `${timeoutMs}ms` : `${timeoutMs / 1000}s`})`
    : result.output;
  health.log = [...health.log, { start, end: nowText(), exitCode, output }].slice(-MOST_RESULTS);
  const before = health.status;
  if (exitCode === 0) {
    health.failingStreak = 0;
    health.status = "healthy";
  } else if (before !== "starting" || !inStartPeriod(entry)) {
    health.failingStreak += 1;
    if (health.failingStreak >= (config.Healthcheck?.Retries || DEFAULT.retries)) health.status = "unhealthy";
  }
  if (health.status === before) return;
  // In the same moment: who sees the new status finds its event among those until now.
  announce(rooms.events, entry.record, `health_status: ${health.status}`);
  await store.note(entry);
}
