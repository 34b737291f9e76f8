/** A container's files: copy in and out, export, changes. Everything goes through the jail, so no link leads out. */
import { statSync } from "node:fs";
import { posix } from "node:path";
import type { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import type { ContainerPathStat, MountPoint } from "../api/types/container.ts";
import { EngineError } from "../errors.ts";
import { errorCode } from "../host/libc.ts";
import { extractInto, packFrom, statIn } from "../layers/jail.ts";
import type { PathStat } from "../layers/jail.ts";
import type { JobMount } from "../layers/jobs.ts";
import type { Change } from "../layers/snapshots.ts";
import { timeText } from "../runtime/clock.ts";
import type { Entry } from "./entry.ts";
import { resolveInside } from "./rootfs.ts";
import type { Rooms } from "./rooms.ts";
import { CONTAINER_MOUNTPOINTS } from "./spec.ts";
import { findUser } from "./start.ts";

/** What a path is, in st_mode. */
const S_IFMT = 0o170000;
const S_IFREG = 0o100000;

const noSuchFile = (path: string, name: string): EngineError =>
  new EngineError("not-found", `Could not find the file ${path} in container ${name}`);

/** A directory that stands for `/`, and a path in it. */
interface Place {
  readonly root: string;
  readonly inside: string;
  /** What is to be mounted in it. */
  readonly mounts?: readonly JobMount[];
}

/**
 * Where a container's path is. A running container is seen with its mounts; of another one's, a path in a volume or a bind
 * mount is looked for there, everything else in its layers, with the mounts where the path has some below it.
 */
async function withPlace<T>(rooms: Rooms, at: { entry: Entry; path: string }, use: (place: Place) => Promise<T>): Promise<T> {
  const { entry } = at;
  const { pid } = entry.record.state;
  const path = posix.join("/", at.path);
  if (entry.isUp && pid > 0) return use({ root: `/proc/${pid}/root`, inside: path });
  return entry.inTurn(async () => {
    const root = await rooms.snapshots.mount(entry.id);
    // The last name may be a link, which is meant itself.
    const real = posix.join(resolveInside(root, posix.dirname(path)), posix.basename(path));
    const mounts = entry.record.mounts
      .filter(({ Type }) => ["bind", "volume"].includes(Type))
      .toSorted((a, b) => b.Destination.length - a.Destination.length);
    if (mounts.some(({ Destination }) => Destination !== real && isWithin(Destination, real)))
      return withMounts(rooms, mounts.toReversed(), async (mounts) => use({ root, inside: path, mounts }));
    const mount = mounts.find(({ Destination }) => isWithin(real, Destination));
    return mount ? withMount(rooms, { entry, mount, path: real }, use) : use({ root, inside: path });
  });
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === "/" ? "/" : `${directory}/`);
}

/** Volumes are held until the work has begun: what mounts them holds them itself. */
async function withMounts<T>(rooms: Rooms, mounts: readonly MountPoint[], use: (mounts: readonly JobMount[]) => Promise<T>): Promise<T> {
  const held: { release(): Promise<void> }[] = [];
  try {
    const found: JobMount[] = [];
    for (const { Type, Name, Source, Destination: target, RW } of mounts) {
      const volume = Type === "volume" ? await rooms.volumes.hold(Name ?? "") : undefined;
      if (volume) held.push(volume);
      found.push({ source: volume?.directory ?? Source, target, readOnly: !RW });
    }
    return await use(found);
  } finally {
    for (const volume of held) await volume.release();
  }
}

async function withMount<T>(
  rooms: Rooms,
  at: { entry: Entry; mount: MountPoint; path: string },
  use: (place: Place) => Promise<T>,
): Promise<T> {
  const { Name, Type, Source, Destination } = at.mount;
  const inside = posix.join("/", at.path.slice(Destination.length));
  if (Type === "bind") {
    // A single file is a name in its directory.
    const directory = statSync(Source, { throwIfNoEntry: false })?.isDirectory() ?? false;
    return use(directory ? { root: Source, inside } : { root: posix.dirname(Source), inside: `/${posix.basename(Source)}` });
  }
  const volume = await rooms.volumes.hold(Name ?? "");
  try {
    return await use({ root: volume.directory, inside });
  } finally {
    await volume.release();
  }
}

/** A running container is seen with its mounts, another one as its layers are. */
async function withRoot<T>(rooms: Rooms, entry: Entry, use: (root: string) => Promise<T>): Promise<T> {
  const { pid } = entry.record.state;
  if (entry.isUp && pid > 0) return use(`/proc/${pid}/root`);
  return entry.inTurn(async () => use(await rooms.snapshots.mount(entry.id)));
}

export async function rootOf(rooms: Rooms, entry: Entry, writing: readonly string[]): Promise<string> {
  for (const path of writing) refuseReadOnly(entry, path);
  return withRoot(rooms, entry, async (root) => Promise.resolve(root));
}

export async function statPath(rooms: Rooms, entry: Entry, path: string): Promise<ContainerPathStat> {
  return toContainerStat(await statOf(rooms, entry, path));
}

async function statOf(rooms: Rooms, entry: Entry, path: string): Promise<PathStat> {
  const stat = await withPlace(rooms, { entry, path }, async ({ root, inside, mounts }) => statIn(root, inside, mounts));
  // Behind a slash only a directory can be meant.
  if (!stat || (path.endsWith("/") && (stat.mode & S_IFMT) === S_IFREG)) throw noSuchFile(path, entry.record.name);
  return { ...stat, name: nameOf(path) };
}

/** A volume's root has the name that it is mounted under. */
function nameOf(path: string): string {
  return posix.basename(posix.join("/", path)) || "/";
}

function toContainerStat({ name, sizeBytes, mode, mtimeNs, linkTarget }: PathStat): ContainerPathStat {
  return { name, size: sizeBytes, mode: goFileMode(mode), mtime: timeText(mtimeNs), linkTarget };
}

/** st_mode as Go's os.FileMode. @see https://pkg.go.dev/io/fs#FileMode */
export function goFileMode(mode: number): number {
  const kinds: Readonly<Record<number, number>> = {
    0o040000: 2 ** 31,
    0o120000: 2 ** 27,
    0o060000: 2 ** 26,
    0o020000: 2 ** 26 + 2 ** 21,
    0o010000: 2 ** 25,
    0o140000: 2 ** 24,
  };
  const special = (mode & 0o4000 ? 2 ** 23 : 0) + (mode & 0o2000 ? 2 ** 22 : 0) + (mode & 0o1000 ? 2 ** 20 : 0);
  return (mode & 0o777) + special + (kinds[mode & 0o170000] ?? 0);
}

export async function getArchive(
  rooms: Rooms,
  entry: Entry,
  path: string,
  signal?: AbortSignal,
): Promise<{ stat: ContainerPathStat; tar: Readable }> {
  return withPlace(rooms, { entry, path }, async ({ root, inside, mounts }) => {
    const stat = await statIn(root, inside, mounts);
    if (!stat) throw noSuchFile(path, entry.record.name);
    const content = path.endsWith("/.") || nameOf(path) === "/";
    const tar = packFrom(root, inside, { name: content ? "." : nameOf(path), ...(mounts && { mounts }), ...(signal && { signal }) });
    // It may have gone since; while nothing was sent, that can be said.
    await begun(tar).catch((error: unknown) => {
      throw errorCode(error) === "ENOENT" || isNoSuchDirectory(error) ? noSuchFile(path, entry.record.name) : error;
    });
    return { stat: toContainerStat({ ...stat, name: nameOf(path) }), tar };
  });
}

/** Resolves when there is something to read. */
async function begun(stream: Readable): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const done = (): void => resolve();
  stream.once("readable", done).once("end", done).once("error", reject);
  await promise.finally(() => stream.off("readable", done).off("end", done).off("error", reject));
}

export async function putArchive(
  rooms: Rooms,
  entry: Entry,
  to: { path: string; tar: Readable; noOverwriteDirNonDir: boolean; copyUidGid: boolean },
): Promise<void> {
  const { record } = entry;
  refuseReadOnly(entry, to.path);
  await withPlace(rooms, { entry, path: to.path }, async ({ root, inside, mounts }) => {
    const owner = to.copyUidGid || !record.config.User ? undefined : findUser(await ownRoot(rooms, entry), record);
    try {
      await extractInto(root, inside, to.tar, {
        keepKinds: to.noOverwriteDirNonDir,
        ...(mounts && { mounts }),
        ...(owner && { owner: { uid: owner.uid, gid: owner.gid } }),
      });
    } catch (error) {
      throw errorCode(error) === "ENOENT" || isNoSuchDirectory(error) ? noSuchFile(to.path, record.name) : error;
    }
  });
}

/** Where a container's own users are listed. */
async function ownRoot(rooms: Rooms, { isUp, id, record }: Entry): Promise<string> {
  return isUp && record.state.pid > 0 ? `/proc/${record.state.pid}/root` : rooms.snapshots.mount(id);
}

function isNoSuchDirectory(error: unknown): boolean {
  return error instanceof EngineError && error.kind === "not-found";
}

/** @throws {EngineError} forbidden */
function refuseReadOnly({ record }: Entry, path: string): void {
  const inside = posix.join("/", path);
  const mount = record.mounts
    .filter(({ Destination }) => isWithin(inside, Destination))
    .toSorted((a, b) => b.Destination.length - a.Destination.length)[0];
  if (mount && !mount.RW) throw new EngineError("forbidden", "mounted volume is marked read-only");
  if (!mount && record.hostConfig.ReadonlyRootfs) throw new EngineError("forbidden", "container rootfs is marked read-only");
}

/** The root file system as tar, without what is mounted into it. */
export async function exportTar(rooms: Rooms, entry: Entry, signal?: AbortSignal): Promise<Readable> {
  const root = await entry.inTurn(async () => rooms.snapshots.mount(entry.id));
  const tar = packFrom(root, "/", { name: "", ...(signal && { signal }) });
  void finished(tar).catch(() => undefined);
  return tar;
}

export function changesOf(rooms: Rooms, entry: Entry): AsyncIterable<Change> {
  return rooms.snapshots.changes(entry.id, { mountpoints: CONTAINER_MOUNTPOINTS });
}

export async function sizeOf(rooms: Rooms, entry: Entry): Promise<{ rwBytes: number; rootFsBytes: number }> {
  const rwBytes = await rooms.snapshots.usage(entry.id, { mountpoints: CONTAINER_MOUNTPOINTS });
  const image = await rooms.images.find(entry.record.imageId);
  return { rwBytes, rootFsBytes: rwBytes + (image?.sizeBytes ?? 0) };
}
