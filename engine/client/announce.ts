/** The writing side of host/announcements.ts: as little as can be, for a command that has just begun. */
import { closeSync, constants, openSync, writeSync } from "node:fs";

/** The kernel writes this much in one piece, whoever else writes. */
const MOST_BYTES = 4096;

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
