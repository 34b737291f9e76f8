/** Raw file descriptors and the files that Node cannot make: device nodes, FIFOs, event counters. */
import { check, cString, declare, lastErrno, quote } from "./libc.ts";
import type { Path } from "./libc.ts";

const openCall = declare("int open(const char *path, int flags, int mode)");
const closeCall = declare("int close(int fd)");
const syscall4 = declare("long syscall(long number, int directory, const char *path, void *how, size_t size)");
const mknodat = declare("long syscall(long number, int directory, const char *path, unsigned int mode, unsigned long device)");
const mkfifoCall = declare("int mkfifo(const char *path, unsigned int mode)");
const pipe2Call = declare("int pipe2(void *descriptors, int flags)");
const eventfdCall = declare("int eventfd(unsigned int initial, int flags)");
const spliceCall = declare("int64_t splice(int from, void *fromOffset, int to, void *toOffset, size_t length, unsigned int flags)");
const ioctlCall = declare("int ioctl(int fd, unsigned long request, void *argument)");
const fcntlCall = declare("int fcntl(int fd, int command, long argument)");

const arm = process.arch === "arm64";

/** Flags of open(2); the few that differ between processors are resolved here. */
export const O = {
  RDONLY: 0,
  WRONLY: 1,
  RDWR: 2,
  CREAT: 0o100,
  EXCL: 0o200,
  NOCTTY: 0o400,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  DIRECTORY: arm ? 0o40000 : 0o200000,
  NOFOLLOW: arm ? 0o100000 : 0o400000,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
} as const;

/** How openat2(2) walks a path. IN_ROOT treats the directory as `/`, also for absolute symlinks; BENEATH refuses to leave it. */
export const RESOLVE = { NO_XDEV: 1, NO_MAGICLINKS: 2, NO_SYMLINKS: 4, BENEATH: 8, IN_ROOT: 16 } as const;

/** File kinds for makeNode. */
export const S = { FIFO: 0o010000, CHAR: 0o020000, BLOCK: 0o060000, SOCKET: 0o140000 } as const;

/** open(2). Blocks like it: give NONBLOCK for FIFOs and terminals. Give CLOEXEC, always. */
export function openDescriptor(path: Path, flags: number, mode = 0): number {
  return check(openCall(cString(path), flags, mode), `open ${quote(path)}`);
}

/** close(2); the number may be in use again as soon as this returns. */
export function closeDescriptor(descriptor: number): void {
  check(closeCall(descriptor), `close descriptor ${descriptor}`);
}

/**
 * openat2(2): opens `path` below `directory` with the kernel itself keeping the walk inside.
 * @see https://man7.org/linux/man-pages/man2/openat2.2.html
 */
export function openInside(directory: number, path: Path, how: { flags: number; mode?: number; resolve: number }): number {
  const SYS_openat2 = 437;
  const struct = Buffer.alloc(24);
  struct.writeBigUInt64LE(BigInt(how.flags), 0);
  struct.writeBigUInt64LE(BigInt(how.mode ?? 0), 8);
  struct.writeBigUInt64LE(BigInt(how.resolve), 16);
  return check(syscall4(SYS_openat2, directory, cString(path), struct, struct.length), `open ${quote(path)}`);
}

/** Device number as the C library packs it. */
export function deviceNumber(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return ((high & 0xfffff000n) << 32n) | ((high & 0xfffn) << 8n) | ((low & 0xffffff00n) << 12n) | (low & 0xffn);
}

/** mknod(2). `mode` holds kind and permissions; the umask applies. Devices need real root. */
export function makeNode(path: Path, mode: number, device = 0n): void {
  // Older C libraries have no mknod symbol.
  const SYS_mknodat = arm ? 33 : 259;
  const AT_FDCWD = -100;
  check(mknodat(SYS_mknodat, AT_FDCWD, cString(path), mode, device), `make the node ${quote(path)}`);
}

/** mkfifo(3); the umask applies. */
export function makeFifo(path: Path, mode = 0o600): void {
  check(mkfifoCall(cString(path), mode), `make the FIFO ${quote(path)}`);
}

/** A real pipe (Node's own "pipe" is a socket pair, which /dev/stdout cannot reopen). Close-on-exec unless `flags` say otherwise. */
export function makePipe(flags: number = O.CLOEXEC): { readEnd: number; writeEnd: number } {
  const pair = Buffer.alloc(8);
  check(pipe2Call(pair, flags), "make a pipe");
  return { readEnd: pair.readInt32LE(0), writeEnd: pair.readInt32LE(4) };
}

/** eventfd(2), close-on-exec and non-blocking: wakes an epoll wait from another thread by writing 8 bytes to it. */
export function makeEventDescriptor(): number {
  return check(eventfdCall(0, O.CLOEXEC | O.NONBLOCK), "make an event descriptor");
}

/**
 * Moves up to `length` bytes between a pipe and any descriptor inside the kernel, without waiting for the pipe.
 * @param at where in the file `to` the bytes go; without it, at the descriptor's own position
 * @returns bytes moved; 0 is the end of the input; null when nothing can move now
 */
export function splice(from: number, to: number, length: number, at?: number): number | null {
  const SPLICE_F_MOVE = 1;
  const SPLICE_F_NONBLOCK = 2;
  const offset = at === undefined ? null : Buffer.alloc(8);
  offset?.writeBigInt64LE(BigInt(at!));
  const moved = spliceCall(from, null, to, offset, length, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  return moved < 0 ? whenNotNow(moved, "move bytes") : moved;
}

/** Looks at the number before there is an error object, for this is the common case where bytes flow. */
export function whenNotNow(result: number, what: string): null {
  const EAGAIN = 11;
  if (lastErrno() !== EAGAIN) check(result, what);
  return null;
}

/** Tells the terminal behind a descriptor how large its window is; its foreground processes get SIGWINCH. */
export function setWindowSize(terminal: number, size: { rows: number; columns: number }): void {
  const TIOCSWINSZ = 0x5414;
  const winsize = Buffer.alloc(8);
  winsize.writeUInt16LE(size.rows, 0);
  winsize.writeUInt16LE(size.columns, 2);
  check(ioctlCall(terminal, TIOCSWINSZ, winsize), "set the terminal's size");
}

/**
 * Tells the file system that the directories in this one have nothing to do with each other, so that it lays each of them,
 * with what is in it, where there is room (`chattr +T`). On ext4 that keeps large trees out of the places where others were
 * just deleted, which it searches inode by inode. Only a hint: file systems that do not know it are left as they are.
 */
export function spreadChildren(directory: string): void {
  const FS_IOC_GETFLAGS = 0x80086601;
  const FS_IOC_SETFLAGS = 0x40086602;
  const TOP_OF_HIERARCHIES = 0x20000;
  const flags = Buffer.alloc(8);
  const descriptor = openDescriptor(directory, O.RDONLY | O.DIRECTORY | O.CLOEXEC);
  try {
    if (ioctlCall(descriptor, FS_IOC_GETFLAGS, flags) < 0) return;
    flags.writeUInt32LE((flags.readUInt32LE() | TOP_OF_HIERARCHIES) >>> 0);
    ioctlCall(descriptor, FS_IOC_SETFLAGS, flags);
  } finally {
    closeDescriptor(descriptor);
  }
}

/** Sets or clears close-on-exec. */
export function setInherited(descriptor: number, inherited: boolean): void {
  const F_SETFD = 2;
  const FD_CLOEXEC = 1;
  check(fcntlCall(descriptor, F_SETFD, inherited ? 0 : FD_CLOEXEC), `change descriptor ${descriptor}`);
}

/** A close-on-exec copy of a descriptor. */
export function duplicate(descriptor: number): number {
  const F_DUPFD_CLOEXEC = 1030;
  return check(fcntlCall(descriptor, F_DUPFD_CLOEXEC, 3), `copy descriptor ${descriptor}`);
}

/** How many bytes a pipe holds now. */
export function bytesIn(pipe: number): number {
  const FIONREAD = 0x541b;
  const count = Buffer.alloc(4);
  check(ioctlCall(pipe, FIONREAD, count), "look into a pipe");
  return count.readInt32LE(0);
}

/** How many bytes a pipe holds before its writer waits; returns what the kernel gave, a user's share is limited. */
export function setPipeSize(descriptor: number, sizeBytes: number): number {
  const F_SETPIPE_SZ = 1031;
  return check(fcntlCall(descriptor, F_SETPIPE_SZ, sizeBytes), `resize the pipe ${descriptor}`);
}
