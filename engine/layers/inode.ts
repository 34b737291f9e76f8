/** What is at a path, on a layer worker: paths are byte strings and never followed when they are links. */
import { chmodSync, lstatSync, readdirSync, rmdirSync, unlinkSync } from "node:fs";
import type { Stats } from "node:fs";
import { closeDescriptor, O, openDescriptor, openInside, RESOLVE } from "../host/descriptor.ts";
import { errorCode } from "../host/libc.ts";
import { baseOf, parentOf, toPath } from "./names.ts";

export function lstatIfAny(path: string): Stats | undefined {
  try {
    return lstatSync(toPath(path), { throwIfNoEntry: false });
  } catch (error) {
    if (errorCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/** Overlay marks what an upper layer deleted with a character device 0/0. */
export function isWhiteout(stats: Stats): boolean {
  return stats.isCharacterDevice() && stats.rdev === 0;
}

/** Whether something else is mounted there: to delete or to move that would take it from whoever sees it mounted. */
export function isMountpoint(path: string): boolean {
  const parent = openDescriptor(toPath(parentOf(path) || "/"), O.PATH | O.DIRECTORY | O.CLOEXEC);
  try {
    const how = { flags: O.PATH | O.NOFOLLOW | O.CLOEXEC, resolve: RESOLVE.NO_XDEV };
    closeDescriptor(openInside(parent, toPath(baseOf(path)), how));
    return false;
  } catch (error) {
    if (errorCode(error) === "EXDEV") return true;
    throw error;
  } finally {
    closeDescriptor(parent);
  }
}

/** Names in a directory in byte order. */
export function listNames(path: string): string[] {
  return readdirSync(toPath(path || "/"), { encoding: "latin1" }).sort();
}

/** chmod of something that is known not to be a symlink: links have no mode on Linux. */
export function chmodNoFollow(path: string, mode: number): void {
  chmodSync(toPath(path), mode);
}

/** Deletes a file, or a directory with all that is in it. Idempotent. */
export function removeAll(path: string): void {
  try {
    unlinkSync(toPath(path));
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT") return;
    if (code !== "EISDIR" && code !== "EPERM") throw error;
    for (const name of listNames(path)) removeAll(`${path}/${name}`);
    rmdirSync(toPath(path));
  }
}
