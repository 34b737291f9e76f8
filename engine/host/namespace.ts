/** Namespaces of the calling thread. Node's other threads keep theirs: use it in a worker, or before anything else runs. */
import { closeDescriptor, openDescriptor, O } from "./descriptor.ts";
import { check, declare, quote } from "./libc.ts";

const unshareCall = declare("int unshare(int flags)");
const setnsCall = declare("int setns(int fd, int kind)");

export type NamespaceKind = "mount" | "cgroup" | "uts" | "ipc" | "user" | "pid" | "net" | "time";

/** @see https://man7.org/linux/man-pages/man7/namespaces.7.html */
export const CLONE_NEW: Readonly<Record<NamespaceKind, number>> = {
  time: 0x80,
  mount: 0x20000,
  cgroup: 0x2000000,
  uts: 0x4000000,
  ipc: 0x8000000,
  user: 0x10000000,
  pid: 0x20000000,
  net: 0x40000000,
};

/** Moves the calling thread into new namespaces. */
export function unshare(...kinds: NamespaceKind[]): void {
  const flags = kinds.reduce((all, kind) => all | CLONE_NEW[kind], 0);
  check(unshareCall(flags), `make a new ${kinds.join(", ")} namespace`);
}

/**
 * Gives the calling thread file system attributes (root, cwd, umask) of its own, which a thread needs before it may enter
 * or make a mount namespace in a process with several threads.
 */
export function unshareFileSystem(): void {
  const CLONE_FS = 0x200;
  check(unshareCall(CLONE_FS), "separate this thread's working directory");
}

/** Moves the calling thread into the namespace behind an open descriptor. The descriptor stays the caller's. */
export function enterNamespace(descriptor: number, kind: NamespaceKind): void {
  check(setnsCall(descriptor, CLONE_NEW[kind]), `enter the ${kind} namespace`);
}

/** Moves the calling thread into the namespace at `path`, e.g. `/proc/42/ns/net`. */
export function enterNamespacePath(path: string, kind: NamespaceKind): void {
  const descriptor = openDescriptor(path, O.RDONLY | O.CLOEXEC);
  try {
    check(setnsCall(descriptor, CLONE_NEW[kind]), `enter the ${kind} namespace ${quote(path)}`);
  } finally {
    closeDescriptor(descriptor);
  }
}
