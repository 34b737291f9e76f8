/**
 * A root with more mounted in it, for the calling thread alone: in a mount namespace of its own, which goes with the work or with
 * the engine, so that nobody else ever sees a user's directories below the engine's.
 */
import { closeSync, constants, mkdirSync, openSync, statSync } from "node:fs";
import { posix } from "node:path";
import { closeDescriptor, O, openDescriptor } from "../host/descriptor.ts";
import { bindMount, setPropagation } from "../host/mount.ts";
import { enterNamespace, unshare } from "../host/namespace.ts";
import { Root } from "../host/thread-root.ts";
import { lstatIfAny } from "./inode.ts";
import type { JobMount } from "./jobs.ts";
import { toBytes, toPath } from "./names.ts";
import { resolveLinks } from "./resolve.ts";

/** Mounts in the order given, works, and takes the thread back to where it was. The thread has a root directory of its own. */
export async function withMounts<T>(root: string, mounts: readonly JobMount[], work: () => Promise<T>): Promise<T> {
  const home = openDescriptor("/proc/thread-self/ns/mnt", O.RDONLY | O.CLOEXEC);
  try {
    unshare("mount");
    const outside = new Root("/");
    try {
      setPropagation("/", "private", { recursive: true });
      for (const mount of mounts) put(root, mount, outside);
      return await work();
    } finally {
      outside.close();
    }
  } finally {
    enterNamespace(home, "mount");
    closeDescriptor(home);
  }
}

function put(root: string, { source, target, readOnly }: JobMount, outside: Root): void {
  const isDirectory = statSync(source).isDirectory();
  const below = inRoot(root, outside, () => {
    const path = resolveLinks(toBytes(target));
    make(path, isDirectory);
    return path;
  });
  bindMount(source, Buffer.concat([Buffer.from(root), Buffer.from(below, "latin1")]), { recursive: true, readOnly });
}

function inRoot<T>(path: string, outside: Root, look: () => T): T {
  const root = new Root(path);
  try {
    root.enter();
    return look();
  } finally {
    outside.enter();
    root.close();
  }
}

/** As Docker does it for a container that never ran. */
function make(path: string, isDirectory: boolean): void {
  if (lstatIfAny(path || "/")) return;
  mkdirSync(toPath(isDirectory ? path : posix.dirname(path)), { recursive: true, mode: 0o755 });
  if (!isDirectory) closeSync(openSync(toPath(path), constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o644));
}
