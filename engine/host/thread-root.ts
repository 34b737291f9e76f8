/**
 * A thread with a root directory of its own: after `unshareFileSystem()` the kernel resolves every path of this thread
 * inside the root that it entered, `..` and symbolic links included. Only synchronous calls of the thread are bound by
 * it: what Node does on its pool sees the process's root.
 */
import { openDescriptor, closeDescriptor, O } from "./descriptor.ts";
import { check, cString, declare, quote } from "./libc.ts";
import type { Path } from "./libc.ts";
import { unshareFileSystem } from "./namespace.ts";

const chrootCall = declare("int chroot(const char *path)");
const fchdirCall = declare("int fchdir(int fd)");
const umaskCall = declare("unsigned int umask(unsigned int mask)");
const utimensatCall = declare("int utimensat(int directory, const char *path, const void *times, int flags)");

/** A directory that a thread may make its root; holds a descriptor until it is closed. */
export class Root {
  readonly #descriptor: number;
  readonly #path: Path;

  /** `path` is resolved in the root that is current now. */
  constructor(path: Path) {
    this.#path = path;
    this.#descriptor = openDescriptor(path, O.PATH | O.DIRECTORY | O.CLOEXEC);
  }

  /** Makes this directory the thread's root and working directory. */
  enter(): void {
    check(fchdirCall(this.#descriptor), `enter ${quote(this.#path)}`);
    check(chrootCall("."), `change root to ${quote(this.#path)}`);
  }

  close(): void {
    closeDescriptor(this.#descriptor);
  }
}

/** Separates this thread's root and umask from the process's; the umask becomes 0. Returns the root it has now. */
export function ownRoot(): Root {
  unshareFileSystem();
  umaskCall(0);
  return new Root("/");
}

const times = new BigInt64Array(4);
const timesBytes = Buffer.from(times.buffer);

/** Sets access and modification time of the entry itself, not of what a symlink points to; to the nanosecond. */
export function setTimes(path: Path, seconds: number, nanoseconds: number): void {
  const AT_FDCWD = -100;
  const AT_SYMLINK_NOFOLLOW = 0x100;
  times[0] = times[2] = BigInt(seconds);
  times[1] = times[3] = BigInt(nanoseconds);
  check(utimensatCall(AT_FDCWD, cString(path), timesBytes, AT_SYMLINK_NOFOLLOW), `set times of ${quote(path)}`);
}
