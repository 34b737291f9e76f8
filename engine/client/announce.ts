/** The writing side of host/announcements.ts: as little as can be, for a command that has just begun. */
import { closeSync, constants, openSync, realpathSync, writeSync } from "node:fs";

/** The kernel writes this much in one piece, whoever else writes. */
const MOST_BYTES = 4096;

export interface Announcement {
  /** The build's request has the same. */
  readonly id: string;
  /** Absolute, links resolved. */
  readonly contextDir: string;
  /** Where it was announced. */
  readonly fifo: string;
}

/** Announces a build of a directory. Undefined when there is none, or nobody hears it, which changes nothing but the time. */
export function announceDirectory(fifo: string, directory: string): Announcement | undefined {
  try {
    const contextDir = realpathSync.native(directory);
    const id = `${process.pid}-${process.hrtime.bigint()}`;
    return announce(fifo, JSON.stringify({ id, contextDir })) ? { id, contextDir, fifo } : undefined;
  } catch {
    // What is wrong with a directory is said where it matters.
    return undefined;
  }
}

/** Writes a line. False when nobody hears it. */
export function announce(path: string, line: string): boolean {
  const bytes = Buffer.from(`${line}\n`);
  if (bytes.length > MOST_BYTES) return false;
  let fifo: number | undefined;
  try {
    fifo = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    return writeSync(fifo, bytes) === bytes.length;
  } catch {
    return false;
  } finally {
    if (fifo !== undefined) closeSync(fifo);
  }
}
