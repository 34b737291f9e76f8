/**
 * The file system calls that Node lacks. Each acts on the calling thread at once and throws a `CallError` with Node's
 * `code` when the kernel refuses. Paths are strings or bytes: file names on Linux need not be UTF-8.
 */
import { createRequire } from "node:module";
import { constants } from "node:os";

const koffi = createRequire(import.meta.url)("koffi") as typeof import("koffi");

export type Path = string | Buffer;

/** A refused system call; `code` is the errno's name, as on Node's own errors. */
export class CallError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;

  constructor(syscall: string, errno: number, path?: Path) {
    const code = errnoNames.get(errno) ?? `errno ${errno}`;
    super(`${code}: ${syscall}${path === undefined ? "" : ` "${path.toString()}"`}`);
    this.name = "CallError";
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
  }
}

const errnoNames = new Map(Object.entries(constants.errno).map(([name, value]) => [value, name]));

const libc = koffi.load(null);
const calls = {
  mount: libc.func("int mount(const uint8_t *source, const uint8_t *target, const char *type, unsigned long flags, const uint8_t *data)"),
  umount2: libc.func("int umount2(const uint8_t *target, int flags)"),
  unshare: libc.func("int unshare(int flags)"),
  chroot: libc.func("int chroot(const uint8_t *path)"),
  chdir: libc.func("int chdir(const uint8_t *path)"),
  fchdir: libc.func("int fchdir(int fd)"),
  umask: libc.func("unsigned int umask(unsigned int mask)"),
  mknod: libc.func("int mknod(const uint8_t *path, unsigned int mode, unsigned long dev)"),
  utimensat: libc.func("int utimensat(int dirfd, const uint8_t *path, const int64_t *times, int flags)"),
  lsetxattr: libc.func("int lsetxattr(const uint8_t *path, const char *name, const uint8_t *value, size_t size, int flags)"),
  lgetxattr: libc.func("int64_t lgetxattr(const uint8_t *path, const char *name, _Out_ uint8_t *value, size_t size)"),
  llistxattr: libc.func("int64_t llistxattr(const uint8_t *path, _Out_ uint8_t *list, size_t size)"),
  lremovexattr: libc.func("int lremovexattr(const uint8_t *path, const char *name)"),
  syncfs: libc.func("int syncfs(int fd)"),
};

function bytes(path: Path): Buffer {
  const text = typeof path === "string" ? Buffer.from(path + "\0") : Buffer.concat([path, Buffer.of(0)]);
  if (text.indexOf(0) !== text.length - 1) throw new CallError("path with a NUL", constants.errno.EINVAL, path);
  return text;
}

function check(result: number, syscall: string, path?: Path): number {
  if (result < 0) throw new CallError(syscall, koffi.errno(), path);
  return result;
}

export const MS_RDONLY = 1;
export const MS_NOSUID = 2;
export const MS_NODEV = 4;
export const MS_NOEXEC = 8;
export const MS_REMOUNT = 32;
export const MS_NOATIME = 1024;
export const MS_BIND = 4096;
export const MS_REC = 16384;
export const MS_PRIVATE = 1 << 18;
export const MNT_DETACH = 2;

export interface MountCall {
  source: Path;
  target: Path;
  type: string;
  flags?: number;
  data?: Path;
}

/** mount(2). */
export function mount({ source, target, type, flags = 0, data }: MountCall): void {
  check(calls.mount(bytes(source), bytes(target), type, flags, data === undefined ? null : bytes(data)), "mount", target);
}

/** umount2(2). */
export function unmount(target: Path, flags = 0): void {
  check(calls.umount2(bytes(target), flags), "umount2", target);
}

/** Gives the calling thread its own root, working directory and umask. */
export function unshareFilesystemState(): void {
  const CLONE_FS = 0x200;
  check(calls.unshare(CLONE_FS), "unshare");
}

/** chroot(2) of the calling thread (of the whole process unless unshareFilesystemState() came first). */
export function chroot(path: Path): void {
  check(calls.chroot(bytes(path)), "chroot", path);
}

export function chdir(path: Path): void {
  check(calls.chdir(bytes(path)), "chdir", path);
}

export function fchdir(descriptor: number): void {
  check(calls.fchdir(descriptor), "fchdir");
}

/** Sets the umask of the calling thread; `process.umask()` refuses to in a worker. Returns the former one. */
export function umask(mask: number): number {
  return Number(calls.umask(mask));
}

/** The device number that mknod(2) takes, in glibc's encoding. */
export function deviceNumber(major: number, minor: number): bigint {
  const [a, b] = [BigInt(major), BigInt(minor)];
  return ((a & 0xfffff000n) << 32n) | ((a & 0xfffn) << 8n) | ((b & 0xffffff00n) << 12n) | (b & 0xffn);
}

/** mknod(2): `mode` includes the type (S_IFCHR, S_IFBLK, S_IFIFO). */
export function mknod(path: Path, mode: number, device: bigint): void {
  check(calls.mknod(bytes(path), mode, device), "mknod", path);
}

/** Sets access and modification time, in seconds and nanoseconds, of the path itself, not of what a symlink names. */
export function setTimes(path: Path, seconds: number, nanoseconds: number): void {
  const AT_FDCWD = -100;
  const AT_SYMLINK_NOFOLLOW = 0x100;
  times[0] = times[2] = BigInt(seconds);
  times[1] = times[3] = BigInt(nanoseconds);
  check(calls.utimensat(AT_FDCWD, bytes(path), times, AT_SYMLINK_NOFOLLOW), "utimensat", path);
}

const times = new BigInt64Array(4);

export function setXattr(path: Path, name: string, value: Buffer): void {
  check(calls.lsetxattr(bytes(path), name, value, value.length, 0), "lsetxattr", path);
}

/** The value, or undefined where the path has no such attribute. */
export function getXattr(path: Path, name: string): Buffer | undefined {
  const at = bytes(path);
  for (let size = 256; ; size = 65536) {
    const value = Buffer.alloc(size);
    const length = Number(calls.lgetxattr(at, name, value, size));
    if (length >= 0) return value.subarray(0, length);
    const errno = koffi.errno();
    if (errno === constants.errno.ENODATA || errno === constants.errno.EOPNOTSUPP) return undefined;
    if (errno !== constants.errno.ERANGE || size === 65536) throw new CallError("lgetxattr", errno, path);
  }
}

/** Names of the attributes that this process may see; empty where the file system has none. */
export function listXattrs(path: Path): string[] {
  const at = bytes(path);
  for (let size = 1024; ; size = 65536) {
    const list = Buffer.alloc(size);
    const length = Number(calls.llistxattr(at, list, size));
    if (length === 0) return [];
    if (length > 0) return list.toString("utf8", 0, length - 1).split("\0");
    const errno = koffi.errno();
    if (errno === constants.errno.EOPNOTSUPP) return [];
    if (errno !== constants.errno.ERANGE || size === 65536) throw new CallError("llistxattr", errno, path);
  }
}

export function removeXattr(path: Path, name: string): void {
  check(calls.lremovexattr(bytes(path), name), "lremovexattr", path);
}

/** Writes everything of the file system that `descriptor` is on to disk. Takes as long as the disk does. */
export function syncFilesystem(descriptor: number): void {
  check(calls.syncfs(descriptor), "syncfs");
}
