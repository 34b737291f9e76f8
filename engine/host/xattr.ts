/** Extended attributes, always of the entry itself and never of what a symlink points to. */
import { check, cString, declare, errorCode, quote } from "./libc.ts";
import type { Path } from "./libc.ts";

const lsetxattr = declare("int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)");
const lgetxattr = declare("int64_t lgetxattr(const char *path, const char *name, void *value, size_t size)");
const llistxattr = declare("int64_t llistxattr(const char *path, void *list, size_t size)");
const lremovexattr = declare("int lremovexattr(const char *path, const char *name)");

/** Names and values are limited to 64 KiB by the kernel. */
const LARGEST = 65536;

/** Creates or replaces one attribute, e.g. `user.overlay.opaque`. */
export function setXattr(path: Path, name: string, value: Buffer): void {
  check(lsetxattr(cString(path), name, value, value.length, 0), `set ${name} on ${quote(path)}`);
}

/** The value, or undefined when the entry has no such attribute. */
export function getXattr(path: Path, name: string): Buffer | undefined {
  const value = Buffer.allocUnsafe(LARGEST);
  try {
    const size = check(lgetxattr(cString(path), name, value, value.length), `read ${name} of ${quote(path)}`);
    return Buffer.from(value.subarray(0, size));
  } catch (error) {
    if (errorCode(error) === "ENODATA") return undefined;
    throw error;
  }
}

/** Names of all attributes that the caller may see, in the kernel's order. Empty where the file system has none. */
export function listXattrs(path: Path): string[] {
  const list = Buffer.allocUnsafe(LARGEST);
  try {
    const size = check(llistxattr(cString(path), list, list.length), `list attributes of ${quote(path)}`);
    return list.toString("utf8", 0, size).split("\0").slice(0, -1);
  } catch (error) {
    if (errorCode(error) === "ENOTSUP") return [];
    throw error;
  }
}

/** Idempotent. */
export function removeXattr(path: Path, name: string): void {
  try {
    check(lremovexattr(cString(path), name), `remove ${name} from ${quote(path)}`);
  } catch (error) {
    if (errorCode(error) !== "ENODATA") throw error;
  }
}
