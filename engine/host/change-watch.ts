/** Whether anything has changed in some directories since they were named: inotify. */
import { close } from "node:fs";
import { cString, declare } from "./libc.ts";
import type { Path } from "./libc.ts";

const init = declare("int inotify_init1(int flags)");
const ioctl = declare("int ioctl(int fd, unsigned long request, void *argument)");
const addWatch = declare("int inotify_add_watch(int fd, const char *path, unsigned int mask)");

const [NONBLOCK, CLOEXEC] = [0o4000, 0o2000000];
/** Asks how many bytes could be read. */
const FIONREAD = 0x541b;
/** Content, attributes, names that come or go, and the directory itself; for directories only, and not through a link. */
const MASK = 0x2 | 0x4 | 0x8 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x800 | 0x1000000 | 0x2000000;

/**
 * Sees what programs of this machine change by system calls. It sees neither what is written through a mapping nor what other
 * machines do to a file system on the network, so it is good for moments only.
 */
export class ChangeWatch {
  readonly #fd: number;
  readonly #waiting = Buffer.alloc(4);
  #open = true;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Undefined when there are too many of them. Whoever opens it closes it. */
  static open(): ChangeWatch | undefined {
    const fd = init(NONBLOCK | CLOEXEC);
    return fd < 0 ? undefined : new ChangeWatch(fd);
  }

  /** From now on what happens in this directory counts, not in those below it. False when it cannot be watched. */
  add(directory: Path): boolean {
    return this.#open && addWatch(this.#fd, cString(directory), MASK) >= 0;
  }

  /** Whether something happened until this very moment. True once it is closed. */
  changed(): boolean {
    return !this.#open || ioctl(this.#fd, FIONREAD, this.#waiting) < 0 || this.#waiting.readInt32LE() > 0;
  }

  /** Idempotent. The kernel lets go of what was watched in twenty milliseconds or more, for which nobody waits. */
  close(): void {
    if (this.#open) close(this.#fd, () => undefined);
    this.#open = false;
  }
}
