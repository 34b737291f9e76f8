/** From what a container's record says of its mounts to mounts whose sources exist. */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { MountPoint } from "../api/types/container.ts";
import { EngineError } from "../errors.ts";
import { topLayer } from "../images/images.ts";
import type { ContainerRecord } from "./containers.ts";
import { refuseProc } from "./create.ts";
import { mountsOf, wantedMounts } from "./mounts.ts";
import type { SpecMount, WantedMount } from "./mounts.ts";
import { checkPropagation } from "./propagation.ts";
import { kindInside, resolveInside } from "./rootfs.ts";
import type { Rooms } from "./rooms.ts";

/**
 * Makes every source usable. Volumes and image views that were mounted are given back by releaseMounts.
 * @param rootfs the container's mounted root: a target must not lead into /proc through a link in it
 * @throws {EngineError} with Docker's sentence when a source is missing
 */
export async function mountSources(rooms: Rooms, record: ContainerRecord, rootfs: string): Promise<SpecMount[]> {
  const points = new Map(record.mounts.map((point) => [point.Destination, point]));
  const asked = wantedMounts(record.config, record.hostConfig);
  const targets = new Set(asked.map(({ target }) => target));
  const taken = mountsOf(
    record.mounts.filter(({ Destination }) => !targets.has(Destination)),
    "",
  );
  const mounts: SpecMount[] = [];
  for (const mount of [...asked, ...taken]) {
    refuseProc(resolveInside(rootfs, mount.target));
    mounts.push(await mountSource(rooms, record, { mount, point: points.get(mount.target) }));
  }
  return mounts;
}

export async function releaseMounts(rooms: Rooms, record: ContainerRecord): Promise<void> {
  for (const { Type, Name, Destination } of record.mounts) {
    if (Type === "volume" && Name) await rooms.volumes.unmount(Name, record.id);
    if (Type === "image") await rooms.snapshots.remove(imageKey(record.id, Destination));
  }
}

interface Wanted {
  readonly mount: WantedMount;
  readonly point: MountPoint | undefined;
}

async function mountSource(rooms: Rooms, record: ContainerRecord, { mount, point }: Wanted): Promise<SpecMount> {
  const { target } = mount;
  switch (mount.type) {
    case "tmpfs":
      return { type: "tmpfs", source: "tmpfs", target, options: tmpfsOptions(mount.tmpfs) };
    case "bind": {
      const source = bindSource(mount);
      checkPropagation(source, mount.propagation);
      return { type: "bind", source, target, options: bindOptions(mount) };
    }
    case "volume": {
      const as = { destination: target, readOnly: mount.readOnly, propagation: mount.propagation };
      const name = point?.Name ?? mount.source;
      const directory = await rooms.volumes.mount(name, record.id, as);
      // Runtimes make a bind mount writable again unless it is asked to be read-only itself.
      const readOnly = mount.readOnly || ((await rooms.volumes.get(name)).options["o"] ?? "").split(",").includes("ro");
      return { type: "bind", source: subpath(directory, mount.subpath), target, options: bindOptions({ ...mount, readOnly }) };
    }
    case "image": {
      const layer = topLayer(await rooms.images.get(mount.source));
      if (layer === null) throw new EngineError("invalid", `image ${mount.source} has no layers to mount`);
      const root = await rooms.snapshots.view(imageKey(record.id, target), layer);
      return { type: "bind", source: subpath(root, mount.subpath), target, options: ["rbind", "rprivate", "ro"] };
    }
  }
}

function imageKey(id: string, target: string): string {
  return `${id}-image-${Buffer.from(target).toString("hex").slice(0, 48)}`;
}

function bindSource({ source, createSource }: WantedMount): string {
  if (existsSync(source)) return source;
  if (!createSource) throw new EngineError("invalid", `invalid mount config for type "bind": bind source path does not exist: ${source}`);
  try {
    mkdirSync(source, { recursive: true, mode: 0o755 });
  } catch (error) {
    const reason = (error as Error).message.replace(/^\w+: ([^,]*),.*/, "$1");
    throw new EngineError("internal", `error while creating mount source path '${source}': mkdir ${source}: ${reason}`, { cause: error });
  }
  return source;
}

function bindOptions({ readOnly, propagation, nonRecursive }: WantedMount): string[] {
  return [nonRecursive ? "bind" : "rbind", propagation || "rprivate", ...(readOnly ? ["ro"] : [])];
}

/** @throws {EngineError} not-found when there is no such path in the volume */
function subpath(root: string, path: string): string {
  if (path === "") return root;
  const inside = join(root, path);
  if (kindInside(root, path) === undefined)
    throw new EngineError("not-found", `cannot access path ${inside}: lstat ${inside}: no such file or directory`);
  return join(root, resolveInside(root, path));
}

const OPPOSITES: Readonly<Record<string, string>> = { exec: "noexec", suid: "nosuid", dev: "nodev" };

/** Docker's tmpfs is noexec, nosuid and nodev unless told otherwise. */
export function tmpfsOptions(asked: readonly string[]): string[] {
  const defaults = Object.entries(OPPOSITES).flatMap(([word, opposite]) =>
    asked.includes(word) || asked.includes(opposite) ? [] : [opposite],
  );
  return [...defaults, ...asked.filter((word) => !(word in OPPOSITES) && word !== "rw")];
}
