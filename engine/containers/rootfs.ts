/**
 * Small looks into a container's root file system, on this thread and without a worker: the kernel keeps every path inside
 * the root (openat2, RESOLVE_IN_ROOT), and nothing that is not a plain file is ever opened for reading.
 */
import { closeSync, fstatSync, readFileSync, readlinkSync, symlinkSync } from "node:fs";
import { posix } from "node:path";
import { O, openDescriptor, openInside, RESOLVE } from "../host/descriptor.ts";
import { errorCode } from "../host/libc.ts";

export const ROOT_MARK = "/.dockerenv";
const LARGEST_FILE = 16 * 1024 * 1024;

function withRoot<T>(root: string, use: (descriptor: number) => T): T {
  const descriptor = openDescriptor(root, O.PATH | O.DIRECTORY | O.CLOEXEC);
  try {
    return use(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function tryOpen(directory: number, path: string, flags: number): number | undefined {
  try {
    const how = { flags: flags | O.CLOEXEC, resolve: RESOLVE.IN_ROOT | RESOLVE.NO_MAGICLINKS };
    return openInside(directory, path, how);
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP", "EACCES", "EINVAL", "ENXIO"].includes(errorCode(error) ?? "")) return undefined;
    throw error;
  }
}

/** The empty file by which programs know that they run in a container of Docker's. A name that is taken stays as it is. */
export function markRoot(root: string): void {
  withRoot(root, (directory) => {
    const how = { flags: O.CREAT | O.EXCL | O.WRONLY | O.NOFOLLOW | O.CLOEXEC, mode: 0o755, resolve: RESOLVE.BENEATH };
    try {
      closeSync(openInside(directory, ROOT_MARK.slice(1), how));
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
    }
  });
}

/** `/etc/mtab`, which Docker links to what the kernel says is mounted wherever an image has `/etc` without it. */
export const MOUNT_TABLE = "/etc/mtab";

/** Makes that link. */
export function linkMountTable(root: string): void {
  withRoot(root, (directory) => {
    const etc = tryOpen(directory, posix.dirname(MOUNT_TABLE), O.PATH | O.DIRECTORY);
    if (etc === undefined) return;
    try {
      symlinkSync("/proc/mounts", `/proc/self/fd/${etc}/${posix.basename(MOUNT_TABLE)}`);
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
    } finally {
      closeSync(etc);
    }
  });
}

/** Content of a small text file; "" when there is none. */
export function readTextInside(root: string, path: string): string {
  return withRoot(root, (directory) => {
    const looked = tryOpen(directory, path, O.PATH);
    if (looked === undefined) return "";
    const plain = fstatSync(looked);
    closeSync(looked);
    if (!plain.isFile() || plain.size > LARGEST_FILE) return "";
    const file = tryOpen(directory, path, O.RDONLY | O.NONBLOCK | O.NOCTTY);
    if (file === undefined) return "";
    try {
      return readFileSync(file, "utf8");
    } finally {
      closeSync(file);
    }
  });
}

/** What a path is, every symbolic link followed inside the root; undefined when it does not exist. */
export function kindInside(root: string, path: string): "directory" | "file" | "other" | undefined {
  return withRoot(root, (directory) => {
    const found = tryOpen(directory, path, O.PATH);
    if (found === undefined) return undefined;
    try {
      const stat = fstatSync(found);
      return stat.isDirectory() ? "directory" : stat.isFile() ? "file" : "other";
    } finally {
      closeSync(found);
    }
  });
}

/**
 * The path with every symbolic link in it resolved inside the root, as far as it exists: where a runtime would end up.
 * A link to `/proc/self/fd/3` gives that path although there is no such thing in the root.
 */
export function resolveInside(root: string, path: string): string {
  return withRoot(root, (directory) => {
    const todo = posix.normalize(path).split("/").filter(Boolean);
    let done = "/";
    for (let links = 0; todo.length > 0;) {
      const name = todo.shift()!;
      if (name === "..") {
        done = posix.dirname(done);
        continue;
      }
      const next = posix.join(done, name);
      const target = readLink(directory, next);
      if (target === undefined || (links += 1) > 40) done = next;
      else {
        if (target.startsWith("/")) done = "/";
        todo.unshift(...target.split("/").filter((part) => part !== "" && part !== "."));
      }
    }
    return done;
  });
}

/** The target of a symbolic link whose parent is free of links; undefined when it is something else. */
function readLink(directory: number, path: string): string | undefined {
  const parent = tryOpen(directory, posix.dirname(path), O.PATH | O.DIRECTORY);
  if (parent === undefined) return undefined;
  try {
    return readlinkSync(`/proc/self/fd/${parent}/${posix.basename(path)}`);
  } catch {
    return undefined;
  } finally {
    closeSync(parent);
  }
}
