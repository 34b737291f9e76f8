/**
 * The life of one engine process, inside its namespaces.
 *
 *     start ─► lock ─► rooms, adoption ─► socket ─► "ready" ─► requests ─┬─ SIGTERM: ends alone; containers, netd, uplink go on
 *                                                                      ├─ idle: nobody connected, nothing runs ─► all ends
 *                                                                      └─ SIGUSR2: containers are stopped ─► all ends
 */
import { closeSync, rmSync, writeSync } from "node:fs";
import { chmod } from "node:fs/promises";
import type { Server } from "node:http";
import { join } from "node:path";
import { openEngine } from "./engine.ts";
import type { Engine } from "./engine.ts";
import { hearAnnouncements } from "./host/announcements.ts";
import { writeJson } from "./host/files.ts";
import { closeHost, openHost } from "./host/host.ts";
import type { Host } from "./host/host.ts";
import { lock, tryLock } from "./host/lock.ts";
import { log } from "./host/log.ts";
import { announcementsPath } from "./host/paths.ts";
import { processStartTime } from "./host/process.ts";
import type { Launch } from "./host/start.ts";
import { restAfter } from "./host/rest.ts";
import { answers } from "./host/status.ts";
import type { EngineRecord } from "./host/status.ts";
import { API_VERSION, VERSION } from "./host/version.ts";
import { whenVanished } from "./host/vanish.ts";
import { whenIdle } from "./idle.ts";
import { listenTcp } from "./tcp.ts";

/** Where the launcher listens for `ready` or the sentence that says why not. */
const LAUNCHER = 3;

/** After so long without a request, and when threads have ended that wait for another one, memory that is not needed is given back. */
const QUIET_MS = 8000;

/** Runs the engine until it is told to end or is idle; never returns while it serves. */
export async function serve(): Promise<void> {
  const launch = JSON.parse(process.env["BERTH_LAUNCH"] ?? "null") as Launch | null;
  if (launch === null) throw new Error("serve is for the launcher; people say start");
  delete process.env["BERTH_LAUNCH"];
  process.umask(0o022);
  process.title = "berth-engine";
  // Ends by process.exit only: while it closes, what it waits for may not keep it alive.
  setInterval(() => undefined, 2 ** 30);
  watchErrors();
  try {
    await takeRoot(launch);
    const host = await openHost(launch);
    const engine = await openEngine(host);
    const tcp = await listenTcp(engine.server, { ...launch, state: host.paths.state });
    await listen(engine.server, host.paths.socket);
    hearAnnouncements(announcementsPath(host.paths), engine.announced);
    await writeJson(join(host.paths.run, "engine.json"), { ...describe(host, engine), ...(tcp !== undefined && { tcp }) });
    watchSignals(host, engine);
    whenVanished(host.paths.run, () => void endVanished(host, engine));
    // Nobody who comes over TCP could start it again.
    if (tcp === undefined) whenIdle(engine, idleSeconds(), () => endWhenAlone(host, engine));
    log(
      "info",
      `engine ${VERSION} serves ${host.paths.socket}, ${host.runtime.name} ${host.runtime.version}, cgroups ${host.cgroups.mode}`,
    );
    restWhenQuiet(engine.server);
    tell("ready");
    engine.warmUp().catch((error: unknown) => log("error", error));
  } catch (error) {
    log("error", error);
    tell(error instanceof Error ? error.message : String(error));
    process.exit(1);
  }
}

/** What goes on without asking anything, as a stream of events does, may go on. */
function restWhenQuiet(server: Server): void {
  const used = restAfter(QUIET_MS);
  for (const event of ["request", "upgrade"] as const) server.on(event, used);
  used();
}

/** One engine a root. Another that is just starting, because its launcher was killed, is given time to answer. */
async function takeRoot(launch: Launch): Promise<void> {
  const path = join(launch.paths.run, "engine.lock");
  if (tryLock(path)) return;
  try {
    await lock(path, AbortSignal.timeout(10_000));
  } catch {
    if (!(await answers(launch.paths.socket))) throw new Error(`Another engine holds ${launch.paths.run} and does not answer`);
    tell("ready");
    process.exit(0);
  }
}

/** The socket belongs to its user alone from its first moment. Whoever holds the lock may replace what a dead engine left. */
async function listen(server: Server, path: string): Promise<void> {
  rmSync(path, { force: true });
  const before = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(path, () => resolve(void server.off("error", reject)));
    });
  } finally {
    process.umask(before);
  }
  await chmod(path, 0o600);
}

function describe(host: Host, engine: Engine): EngineRecord {
  const { name, path, version } = host.runtime;
  return {
    pid: process.pid,
    startTime: processStartTime(process.pid)!,
    apiVersion: API_VERSION,
    version: VERSION,
    runtime: { name, path, version },
    rootless: host.rootless,
    processes: { holder: host.holder.pid, ...engine.processes() },
  };
}

/** The launcher waits for these words; it may be gone. */
function tell(words: string): void {
  try {
    writeSync(LAUNCHER, `${words}\n`);
    closeSync(LAUNCHER);
  } catch {
    // Nobody listens, the log has it.
  }
}

function idleSeconds(): number {
  const seconds = Number(process.env["BERTH_IDLE_SECONDS"]);
  return seconds > 0 ? seconds : 60;
}

function watchErrors(): void {
  process.on("uncaughtException", (error) => {
    log("error", error);
    // What is on disk is true; a new engine takes over from there.
    process.exit(1);
  });
  process.on("unhandledRejection", (reason) => log("error", reason));
}

function watchSignals(host: Host, engine: Engine): void {
  const once = (ending: () => Promise<void>): (() => void) => {
    return () => {
      for (const name of ["SIGTERM", "SIGINT", "SIGUSR2"] as const) process.removeAllListeners(name).on(name, () => undefined);
      ending().catch((error: unknown) => {
        log("error", error);
        process.exit(1);
      });
    };
  };
  process.on("SIGHUP", () => undefined);
  process.on(
    "SIGTERM",
    once(() => leave(host, engine)),
  );
  process.on(
    "SIGINT",
    once(() => leave(host, engine)),
  );
  process.on(
    "SIGUSR2",
    once(() => endAll(host, engine)),
  );
}

/** Ends this process alone. */
async function leave(host: Host, engine: Engine): Promise<void> {
  await engine.close();
  for (const path of [host.paths.socket, announcementsPath(host.paths), join(host.paths.run, "engine.json")]) rmSync(path, { force: true });
  log("info", "engine ends, containers go on");
  process.exit(0);
}

/** One step that fails must not keep the rest: nothing may be left. */
async function endAll(host: Host, engine: Engine): Promise<void> {
  engine.server.close();
  for (const step of [() => engine.stopContainers(), () => engine.close({ everything: true })])
    await step().catch((error: unknown) => log("error", error));
  for (const path of [host.paths.socket, announcementsPath(host.paths), join(host.paths.run, "engine.json")]) rmSync(path, { force: true });
  await closeHost(host);
  log("info", "engine ends with everything");
  process.exit(0);
}

/** Nothing can be stopped gently or recorded any more. */
async function endVanished(host: Host, engine: Engine): Promise<void> {
  log("error", `${host.paths.run} was deleted, so the engine ends with everything`);
  await engine.close({ everything: true }).catch((error: unknown) => log("error", error));
  await closeHost(host).catch((error: unknown) => log("error", error));
  process.exit(1);
}

/** Launchers and this take the same lock, so that nobody is handed an engine that is about to go. */
async function endWhenAlone(host: Host, engine: Engine): Promise<boolean> {
  const unlock = tryLock(join(host.paths.run, "start.lock"));
  if (unlock === undefined) return false;
  if (await engine.busy()) {
    unlock();
    return false;
  }
  await endAll(host, engine);
  return true;
}
