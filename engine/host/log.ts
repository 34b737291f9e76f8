/**
 * The engine's log: one line an event on stderr, which the launcher points at the log file.
 * Never a request body, an environment or a credential. A log that grows too large starts again; one older is kept.
 */
import { copyFileSync, fstatSync, ftruncateSync, readlinkSync } from "node:fs";

const LARGEST_BYTES = 4 * 1024 * 1024;

/** Writes a line; an Error with its stack. */
export function log(level: "info" | "warn" | "error", message: unknown): void {
  const text = message instanceof Error ? (message.stack ?? message.message) : String(message);
  process.stderr.write(`${new Date().toISOString()} ${level} ${text}\n`);
  startAgainWhenLarge();
}

/** The file is opened for appending, so whoever else writes to it goes on at its new end. */
function startAgainWhenLarge(): void {
  const STDERR = 2;
  try {
    const status = fstatSync(STDERR);
    if (!status.isFile() || status.size < LARGEST_BYTES) return;
    const path = readlinkSync(`/proc/self/fd/${STDERR}`);
    copyFileSync(path, `${path}.1`);
    ftruncateSync(STDERR);
  } catch {
    // Without a log there is nobody to tell.
  }
}
