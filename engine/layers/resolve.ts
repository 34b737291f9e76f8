/** Symbolic links resolved step by step, on a layer worker: inside its root `/` is the end of every `..`. */
import { lstatSync, readlinkSync } from "node:fs";
import { EngineError } from "../errors.ts";
import { errorCode } from "../host/libc.ts";
import type { PathStat } from "./jail.ts";
import { lstatIfAny } from "./inode.ts";
import { shown, toBytes, toPath } from "./names.ts";

/** As many as the kernel follows before it says ELOOP. */
const MOST_LINKS = 40;

/**
 * The path with all its links resolved, absolute and clean, without a trailing slash; empty is the root. Parts that do
 * not exist are kept as they are.
 * @param path byte string
 */
export function resolveLinks(path: string): string {
  const todo = path.split("/").toReversed();
  let done = "";
  let links = 0;
  for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      done = done.slice(0, Math.max(done.lastIndexOf("/"), 0));
      continue;
    }
    const next = `${done}/${part}`;
    if (!lstatIfAny(next)?.isSymbolicLink()) {
      done = next;
      continue;
    }
    if (++links > MOST_LINKS) throw new EngineError("invalid", `Cannot resolve ${shown(path)}: too many levels of symbolic links`);
    const target = readlinkSync(toPath(next), "latin1");
    if (target.startsWith("/")) done = "";
    todo.push(...target.split("/").toReversed());
  }
  return done;
}

/** Where a path leads when its parents' links are followed and its own is not, unless it ends with `/` or `/.`. */
export function resolveParents(path: string): string {
  const bytes = toBytes(path);
  const clean = bytes.replace(/\/+$/, "");
  const last = clean.slice(clean.lastIndexOf("/") + 1);
  if (clean !== bytes || last === "." || last === ".." || last === "") return resolveLinks(bytes);
  return `${resolveLinks(clean.slice(0, clean.length - last.length))}/${last}`;
}

/** What `path` is; undefined if there is nothing. */
export function statPath(path: string): PathStat | undefined {
  const resolved = resolveParents(path);
  try {
    const stats = lstatSync(toPath(resolved || "/"), { bigint: true });
    const isLink = stats.isSymbolicLink();
    return {
      name: path.split("/").findLast((part) => part !== "" && part !== ".") ?? "/",
      path: Buffer.from(resolved || "/", "latin1").toString(),
      sizeBytes: Number(stats.size),
      mode: Number(stats.mode),
      uid: Number(stats.uid),
      gid: Number(stats.gid),
      mtimeNs: stats.mtimeNs,
      linkTarget: isLink ? Buffer.from(resolveLinks(resolved) || "/", "latin1").toString() : "",
    };
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
}
