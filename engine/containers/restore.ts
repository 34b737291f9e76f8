/**
 * What a new engine does with what the last one left: adopts what runs, records what has ended meanwhile, sweeps what was
 * half made, and starts what has to run.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { removeTree } from "../host/files.ts";
import { topLayer } from "../images/images.ts";
import { log } from "../host/log.ts";
import { bootId } from "../host/process.ts";
import { nowText } from "../runtime/clock.ts";
import type { Task } from "../runtime/runtime.ts";
import type { ContainerRecord } from "./containers.ts";
import type { Entry } from "./entry.ts";
import type { Life } from "./life.ts";
import { containerDirectory } from "./network.ts";
import { shouldStartWithEngine } from "./restart-policy.ts";
import type { Rooms } from "./rooms.ts";
import { taskOptions } from "./start.ts";
import type { ContainerStore } from "./store.ts";

const CONTAINER_ID = /^[0-9a-f]{64}$/;

/**
 * What runs, or has ended unrecorded, gets its task back; of what is gone the record says so. Needs nothing of the network,
 * so that it is done before anybody asks.
 * @returns those that were up and are gone
 */
export async function adoptContainers(rooms: Rooms, store: ContainerStore, life: Life): Promise<ReadonlySet<Entry>> {
  const boot = bootId();
  const gone = new Set<Entry>();
  for (const entry of store.all()) {
    const task = await adopt(rooms, entry, boot);
    if (task) {
      await recordPause(rooms, store, entry);
      life.watch(entry, task);
    } else if (entry.isUp) {
      gone.add(entry);
      if (entry.record.state.status !== "restarting") await recordLoss(store, entry);
    }
  }
  return gone;
}

/** An engine that was killed while it paused or unpaused did one and had written the other. */
async function recordPause(rooms: Rooms, store: ContainerStore, entry: Entry): Promise<void> {
  const { state } = entry.record;
  const status = rooms.runtime.isPaused(entry.id, state) ? "paused" : "running";
  if (state.status === status) return;
  state.status = status;
  await store.save(entry);
}

async function recordLoss(store: ContainerStore, entry: Entry): Promise<void> {
  const error = "exit status unknown: the machine was restarted or the supervisor was killed";
  Object.assign(entry.record.state, { status: "exited", pid: 0, pidStartTime: "", exitCode: 255, finishedAt: nowText(), error });
  entry.record.sandbox = null;
  await store.save(entry);
}

/** The rest: removes what belongs to nobody, gives the networks back, and starts what has to run. */
export async function restoreContainers(rooms: Rooms, store: ContainerStore, at: { life: Life; gone: ReadonlySet<Entry> }): Promise<void> {
  const idle = store.all().filter(({ task }) => !task);
  const alive = new Set(store.all().flatMap(({ id, task }) => (task ? [id] : [])));
  await sweep(rooms, store, alive);
  const sandboxes = store.all().flatMap(({ record, task }) => (task && record.sandbox ? [record.sandbox] : []));
  await rooms.networks.restore(sandboxes);
  const kept = new Set(await rooms.snapshots.keys());
  for (const { id, record } of idle) if (!kept.has(id) && record.state.startedAt === "") await remake(rooms, record);
  for (const entry of idle) await settle(store, { life: at.life, entry, wasUp: at.gone.has(entry), isWhole: kept.has(entry.id) });
}

/** Nothing is lost of a root file system that was never started, and whose making a power cut had undone. */
async function remake(rooms: Rooms, { id, imageId, hostConfig }: ContainerRecord): Promise<void> {
  const image = hostConfig.AutoRemove ? undefined : await rooms.images.find(imageId);
  if (image) await rooms.snapshots.prepare(id, topLayer(image)).catch((error: unknown) => log("error", error));
}

/** The task of a container: one that runs, or one whose end was not recorded yet. */
async function adopt(rooms: Rooms, entry: Entry, boot: string): Promise<Task | undefined> {
  const { state } = entry.record;
  // What was started and never recorded had not been promised to anybody; the sweep ends it.
  if (state.bootId !== boot || (state.status !== "running" && state.status !== "paused")) return undefined;
  try {
    return await rooms.runtime.adopt(entry.id, taskOptions(entry), { pid: state.pid, pidStartTime: state.pidStartTime });
  } catch (error) {
    log("error", error);
    return undefined;
  }
}

/** Tasks, root file systems and directories that belong to no container, or to one that does not run. */
async function sweep(rooms: Rooms, store: ContainerStore, alive: ReadonlySet<string>): Promise<void> {
  for (const id of await rooms.runtime.ids()) if (!alive.has(id)) await rooms.runtime.destroy(id);
  for (const key of await rooms.snapshots.keys()) {
    if (!CONTAINER_ID.test(key.slice(0, 64))) continue;
    const id = key.slice(0, 64);
    if (!store.has(id) || (key !== id && !alive.has(id))) await rooms.snapshots.remove(key);
    else if (!alive.has(id)) await rooms.snapshots.unmount(key);
  }
  await removeTree(join(rooms.host.paths.run, "steps"));
  const directories = join(containerDirectory(rooms, "x"), "..");
  if (!existsSync(directories)) return;
  for (const id of readdirSync(directories)) if (!store.has(id)) await removeTree(join(directories, id));
}

interface Idle {
  readonly life: Life;
  readonly entry: Entry;
  readonly wasUp: boolean;
  /** Its files are there: those of a container that goes with its process are not waited for, and a power cut may take them. */
  readonly isWhole: boolean;
}

/** A container that does not run: applies its policies. */
async function settle(store: ContainerStore, { life, entry, wasUp, isWhole }: Idle): Promise<void> {
  const { record } = entry;
  const { state } = record;
  if ((wasUp || !isWhole) && record.hostConfig.AutoRemove) return life.remove(entry, { volumes: true });
  const ending = { exitCode: state.exitCode, stopped: false, restartCount: record.restartCount, stoppedByUser: state.stoppedByUser };
  // One that had ended before, while an engine watched it, and was not started again has used up its restarts.
  const hadItsChance = !wasUp && record.hostConfig.RestartPolicy?.Name === "on-failure";
  const again = state.startedAt !== "" && !hadItsChance && shouldStartWithEngine(record.hostConfig.RestartPolicy, ending);
  if (again) {
    state.status = "restarting";
    // As with dockerd, what the engine starts is counted anew.
    void life.restartNow(entry, 0);
  } else if (state.status === "restarting") {
    state.status = "exited";
    await store.save(entry);
  }
}
