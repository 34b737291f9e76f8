/**
 * Streams that end in a file.
 */
import { createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Cli } from "./cli.ts";

/** A tar on a terminal helps nobody. @throws {Error} */
export function refuseTerminal(cli: Cli): void {
  if (cli.stdout.isTTY) throw new Error("cowardly refusing to save to a terminal. Use the -o flag or redirect");
}

/** Says what docker says when there is nowhere to write to. @param what e.g. `save image` @throws {Error} */
export async function checkOutput(path: string, what: string): Promise<void> {
  const directory = dirname(path);
  const stats = await stat(directory).catch(() => undefined);
  if (!stats) throw new Error(`failed to ${what}: invalid output path: stat ${directory}: no such file or directory`);
  const target = await stat(path).catch(() => undefined);
  if (target?.isDirectory()) throw new Error(`failed to ${what}: cannot write to a directory`);
  if (!stats.isDirectory()) throw new Error(`failed to ${what}: invalid output path: "${directory}" is not a directory`);
}

/** Writes a stream to a file, all or nothing; what is not a regular file is written to as it is. */
export async function saveStream(source: Readable, path: string): Promise<void> {
  const old = await stat(path).catch(() => undefined);
  if (old && !old.isFile()) return pipeline(source, createWriteStream(path));
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await pipeline(source, createWriteStream(temporary));
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
