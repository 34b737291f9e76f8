/** What an overlay's upper directory says about its snapshot. Runs on a layer worker. */
import { rmdirSync, lstatSync, readlinkSync, unlinkSync } from "node:fs";
import type { Stats } from "node:fs";
import { Root, setTimes } from "../host/thread-root.ts";
import { isWhiteout, listNames, lstatIfAny } from "./inode.ts";
import type { Job } from "./jobs.ts";
import { parentOf, toBytes, toPath } from "./names.ts";
import type { Change, LayerFile } from "./snapshots.ts";

/** Where a container's start links `/etc/mtab` to. */
const MOUNTS = "/proc/mounts";

/**
 * Tells what the runtime made to mount on from what the container wrote: empty, and in the list; or a directory that
 * exists only to hold such. A mount point that the image has is never in the upper directory, because nothing can be
 * written to it while it is covered. The link to the table of mounts is passed over as well.
 */
export function ignoring(mountpoints: readonly string[]): (path: string, stats: Stats) => boolean {
  const listed = new Set(mountpoints.map((path) => toBytes(path)));
  const parents = new Set<string>();
  for (const path of listed) for (let parent = parentOf(path); parent !== ""; parent = parentOf(parent)) parents.add(parent);
  const isIgnored = (path: string, stats: Stats): boolean => {
    if (listed.has(path) && stats.isFile()) return stats.size === 0;
    if (listed.has(path) && stats.isSymbolicLink()) return readlinkSync(toPath(path)) === MOUNTS;
    if (!stats.isDirectory() || !(listed.has(path) || parents.has(path)) || !isPlain(stats)) return false;
    const names = listNames(path);
    if (names.length === 0) return listed.has(path);
    return names.every((name) => {
      const child = lstatIfAny(`${path}/${name}`);
      return child !== undefined && isIgnored(`${path}/${name}`, child);
    });
  };
  return isIgnored;
}

/** As the runtimes make directories; crun sets the sticky bit too. */
function isPlain(stats: Stats): boolean {
  return (stats.mode & 0o6777) === 0o755 && stats.uid === 0 && stats.gid === 0;
}

/** Deletes from the upper directory what `ignoring` would pass over. */
export function strip(mountpoints: readonly string[]): void {
  const isIgnored = ignoring(mountpoints);
  for (const path of mountpoints.map((mountpoint) => toBytes(mountpoint)).toSorted((a, b) => b.length - a.length))
    for (let at = path; at !== ""; at = parentOf(at)) {
      const stats = lstatIfAny(at);
      if (!stats) continue;
      if (!isIgnored(at, stats) && !(at !== path && isEmptied(at, stats))) break;
      // Its other mount points are still in it; the last of them takes it along.
      if (stats.isDirectory() && listNames(at).length > 0) break;
      const holder = toPath(parentOf(at) || "/");
      const { mtimeNs } = lstatSync(holder, { bigint: true });
      if (stats.isDirectory()) rmdirSync(toPath(at));
      else unlinkSync(toPath(at));
      setTimes(holder, Number(mtimeNs / 1_000_000_000n), Number(mtimeNs % 1_000_000_000n));
    }
}

function isEmptied(path: string, stats: Stats): boolean {
  return stats.isDirectory() && isPlain(stats) && listNames(path).length === 0;
}

interface Found {
  path: string;
  stats: Stats;
}

/** Compares the upper directory with the parent's tree; either is a root of its own while it is looked at. */
export function findChanges(job: Job & { kind: "changes" }, checkStop: () => void): Change[] {
  const upper = new Root(job.root);
  const parent = job.parent === null ? undefined : new Root(job.parent);
  try {
    upper.enter();
    const found: Found[] = [];
    const isIgnored = ignoring(job.options.mountpoints ?? []);
    const walk = (path: string): void => {
      checkStop();
      for (const name of listNames(path)) {
        const child = `${path}/${name}`;
        const stats = lstatSync(toPath(child));
        if (isIgnored(child, stats)) continue;
        found.push({ path: child, stats });
        if (stats.isDirectory()) walk(child);
      }
    };
    walk("");
    parent?.enter();
    return withParents(found.map((each) => compare(each, parent !== undefined)));
  } finally {
    upper.close();
    parent?.close();
  }
}

/** What a layer holds and hides, with sizes; directories count only where they are new or gone. */
export function findLayerFiles(job: Job & { kind: "layer-files" }, checkStop: () => void): LayerFile[] {
  // Opened before the comparison, which ends inside the parent's tree.
  const upper = new Root(job.root);
  try {
    const changes = findChanges({ ...job, kind: "changes", options: {} }, checkStop);
    upper.enter();
    return changes.flatMap(({ path, kind }) => {
      const stats = kind === "deleted" ? undefined : lstatIfAny(toBytes(path));
      if (stats?.isDirectory() && kind === "modified") return [];
      return [{ path, kind, directory: stats?.isDirectory() ?? false, sizeBytes: stats?.isFile() ? stats.size : 0 }];
    });
  } finally {
    upper.close();
  }
}

type Compared = { path: string; kind: Change["kind"] | "same" };

function compare({ path, stats }: Found, hasParent: boolean): Compared {
  if (isWhiteout(stats)) return { path, kind: "deleted" };
  const before = hasParent ? lstatIfAny(path) : undefined;
  if (!before) return { path, kind: "added" };
  const isSame =
    stats.isDirectory() &&
    before.isDirectory() &&
    stats.mode === before.mode &&
    stats.uid === before.uid &&
    stats.gid === before.gid &&
    stats.mtimeMs === before.mtimeMs;
  return { path, kind: isSame ? "same" : "modified" };
}

/** A directory in which something changed counts as modified; one that overlay merely copied does not. */
function withParents(compared: Compared[]): Change[] {
  const touched = new Set<string>();
  for (const { path, kind } of compared)
    if (kind !== "same") for (let at = parentOf(path); at !== "" && !touched.has(at); at = parentOf(at)) touched.add(at);
  return compared.flatMap(({ path, kind }) => {
    const shownPath = Buffer.from(path, "latin1").toString();
    if (kind !== "same") return [{ path: shownPath, kind }];
    return touched.has(path) ? [{ path: shownPath, kind: "modified" as const }] : [];
  });
}
