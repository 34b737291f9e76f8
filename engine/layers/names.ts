/** File names as byte strings: one character a byte. */
import { EngineError } from "../errors.ts";

/** The kernel's limit for one path with its NUL. */
const PATH_MAX = 4096;
const NAME_MAX = 255;

/** An empty component, `.` or `..`. */
const ODD_PART = /(?:^|\/)\.{0,2}(?:\/|$)/;

/** A byte string as Node's file functions take it. */
export function toPath(name: string): string | Buffer {
  // oxlint-disable-next-line no-control-regex
  return /^[\x01-\x7f]*$/.test(name) ? name : Buffer.from(name, "latin1");
}

/** An ordinary string as a byte string. */
export function toBytes(text: string): string {
  return Buffer.from(text).toString("latin1");
}

/** A byte string as people read it. */
export function shown(name: string): string {
  return JSON.stringify(Buffer.from(name, "latin1").toString());
}

/**
 * The name of an archive's entry as a clean path without a leading or trailing slash; empty for the root itself.
 * @throws {EngineError} invalid when the name leads out of the root, or is longer than the kernel takes
 */
export function cleanName(name: string): string {
  const plain = name.endsWith("/") ? name.slice(0, -1) : name;
  const clean = ODD_PART.test(plain) ? resolveDots(plain) : plain;
  if (clean.length >= PATH_MAX - 64 || clean.split("/").some((part) => part.length > NAME_MAX))
    throw new EngineError("invalid", `Cannot unpack ${shown(name.slice(0, 64))}…: the name is too long`);
  return clean;
}

function resolveDots(name: string): string {
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) throw new EngineError("invalid", `Cannot unpack ${shown(name)}: it lies outside of the root`);
  }
  return parts.join("/");
}

export function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), 0));
}

export function baseOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
