/**
 * /dev/shm of a container whose IPC others may join (`--ipc shareable`): it is mounted here, where each of them can bind it.
 * A private one is made by the runtime.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { HostConfig } from "../api/types/container.ts";
import { EngineError } from "../errors.ts";
import { errorCode } from "../host/libc.ts";
import { mount, MS, unmount } from "../host/mount.ts";
import type { ContainerRecord } from "./containers.ts";
import { containerDirectory } from "./network.ts";
import type { Rooms } from "./rooms.ts";
import { DEFAULT_SHM_BYTES } from "./spec.ts";
import type { ContainerStore } from "./store.ts";

const isShareable = ({ IpcMode }: HostConfig): boolean => IpcMode === "shareable";

function pathOf(rooms: Rooms, id: string): string {
  return join(containerDirectory(rooms, id), "shm");
}

/**
 * The directory to bind, mounted if it is the container's own; undefined for a private /dev/shm.
 * @throws {EngineError} conflict when the other container does not run, invalid when it does not share
 */
export function sharedMemory(rooms: Rooms, store: ContainerStore, record: ContainerRecord): string | undefined {
  const { hostConfig, id } = record;
  const name = /^container:(.*)$/.exec(hostConfig.IpcMode ?? "")?.[1];
  if (name !== undefined) return ofOther(rooms, store, name);
  if (!isShareable(hostConfig)) return undefined;
  const path = pathOf(rooms, id);
  mkdirSync(path, { recursive: true, mode: 0o711 });
  const data = `mode=1777,size=${hostConfig.ShmSize || DEFAULT_SHM_BYTES}`;
  mount("shm", path, "tmpfs", { flags: MS.NOSUID | MS.NODEV | MS.NOEXEC, data });
  return path;
}

function ofOther(rooms: Rooms, store: ContainerStore, name: string): string {
  const { record, isUp } = store.find(name);
  if (!isUp) throw new EngineError("conflict", `failed to join IPC namespace: container ${record.id} is not running`);
  if (!isShareable(record.hostConfig))
    throw new EngineError(
      "invalid",
      `failed to join IPC namespace: container ${record.id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
    );
  return pathOf(rooms, record.id);
}

/** Idempotent. */
export function releaseSharedMemory(rooms: Rooms, record: ContainerRecord): void {
  if (!isShareable(record.hostConfig)) return;
  try {
    unmount(pathOf(rooms, record.id), { lazy: true });
  } catch (error) {
    if (!["EINVAL", "ENOENT"].includes(errorCode(error) ?? "")) throw error;
  }
}
