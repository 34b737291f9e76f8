/** Mounts, and the root directory of this process. All of it acts on the mount namespace of the calling thread. */
import { readFileSync } from "node:fs";
import { check, cString, declare, quote } from "./libc.ts";
import type { Path } from "./libc.ts";

const mountCall = declare("int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)");
const umount2 = declare("int umount2(const char *target, int flags)");
const pivotRootCall = declare("long syscall(long number, const char *newRoot, const char *putOld)");
const chrootCall = declare("int chroot(const char *path)");

/** @see https://man7.org/linux/man-pages/man2/mount.2.html */
export const MS = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  REMOUNT: 32,
  NOATIME: 1024,
  BIND: 4096,
  MOVE: 8192,
  REC: 16384,
  UNBINDABLE: 1 << 17,
  PRIVATE: 1 << 18,
  SLAVE: 1 << 19,
  SHARED: 1 << 20,
  RELATIME: 1 << 21,
  STRICTATIME: 1 << 24,
} as const;

/** mount(2). `data` is the file system's own options, e.g. `lowerdir=…`; one page at most, the kernel cuts the rest off. */
export function mount(source: string, target: Path, type: string | null, options: { flags?: number; data?: string } = {}): void {
  const data = options.data ?? null;
  check(mountCall(source, cString(target), type, options.flags ?? 0, data), `mount ${type ?? source} on ${quote(target)}`);
}

/** Makes `source` (a file or directory) appear at `target`, which must exist. Read-only takes a second, separate mount call. */
export function bindMount(source: Path, target: Path, options: { recursive?: boolean; readOnly?: boolean } = {}): void {
  const flags = MS.BIND | (options.recursive ? MS.REC : 0);
  check(mountCall(cString(source), cString(target), null, flags, null), `bind ${quote(source)} on ${quote(target)}`);
  if (options.readOnly) remountReadOnly(target);
}

/** Makes one mount read-only, keeping the flags that a user namespace may not drop. Mounts below it stay as they are. */
export function remountReadOnly(target: Path): void {
  const flags = MS.BIND | MS.REMOUNT | MS.RDONLY | lockedFlags(target.toString());
  check(mountCall(null, cString(target), null, flags, null), `make ${quote(target)} read-only`);
}

/** A remount that would drop nosuid, nodev or noexec of an inherited mount is refused in a user namespace. */
function lockedFlags(target: string): number {
  const options = mountPoints().findLast((entry) => entry.target === target)?.options ?? [];
  const known: Record<string, number> = {
    nosuid: MS.NOSUID,
    nodev: MS.NODEV,
    noexec: MS.NOEXEC,
    noatime: MS.NOATIME,
    relatime: MS.RELATIME,
  };
  return options.reduce((flags, option) => flags | (known[option] ?? 0), 0);
}

/** Sets how mount events travel between namespaces; `slave` receives and does not send. */
export function setPropagation(target: Path, kind: "private" | "slave" | "shared", options: { recursive?: boolean } = {}): void {
  const flag = { private: MS.PRIVATE, slave: MS.SLAVE, shared: MS.SHARED }[kind];
  check(mountCall(null, cString(target), null, flag | (options.recursive ? MS.REC : 0), null), `make ${quote(target)} ${kind}`);
}

/** umount2(2), never following a symlink. `lazy` detaches now and lets go when the last user has. */
export function unmount(target: Path, options: { lazy?: boolean } = {}): void {
  const MNT_DETACH = 2;
  const UMOUNT_NOFOLLOW = 8;
  check(umount2(cString(target), UMOUNT_NOFOLLOW | (options.lazy ? MNT_DETACH : 0)), `unmount ${quote(target)}`);
}

/** pivot_root(2); `putOld` is `newRoot` or lies below it. */
export function pivotRoot(newRoot: Path, putOld: Path): void {
  const SYS_pivot_root = process.arch === "arm64" ? 41 : 155;
  check(pivotRootCall(SYS_pivot_root, cString(newRoot), cString(putOld)), `make ${quote(newRoot)} the root`);
}

/** chroot(2). Acts on the whole process, every thread of it. */
export function chroot(path: Path): void {
  check(chrootCall(cString(path)), `change root to ${quote(path)}`);
}

/** One line of mountinfo. */
export interface MountPoint {
  readonly id: number;
  readonly target: string;
  readonly options: readonly string[];
  readonly type: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

/** All mounts that a process sees, or else this thread, in the order they were made. */
export function mountPoints(pid: number | "thread-self" = "thread-self"): MountPoint[] {
  const lines = readFileSync(`/proc/${pid}/mountinfo`, "utf8").split("\n");
  return lines.filter((line) => line !== "").map(parseMountInfo);
}

/** @see https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html */
export function parseMountInfo(line: string): MountPoint {
  const [head = "", tail = ""] = line.split(" - ");
  const [id, , , , target = "", options = ""] = head.split(" ");
  const [type = "", source = "", superOptions = ""] = tail.split(" ");
  return {
    id: Number(id),
    target: unescapeOctal(target),
    options: options.split(","),
    type,
    source: unescapeOctal(source),
    superOptions: superOptions.split(","),
  };
}

/** The kernel writes blanks, tabs, newlines and backslashes as `\040` and the like, byte by byte. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
