/**
 * Trees that nobody needs any more. They are renamed out of the way at once and deleted afterwards, when whoever removed them
 * has the answer: big ones by a worker, for that takes seconds. What a killed engine left is deleted when the next one starts.
 */
import { randomBytes } from "node:crypto";
import { renameSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { makeDirectory } from "../host/files.ts";
import { errorCode } from "../host/libc.ts";
import { setTimeout as delay } from "node:timers/promises";
import { runJob } from "./pool.ts";
import { removeSmallTree } from "./small-tree.ts";

/** Whoever removes one container often makes the next at once, and waits for its process then. */
const LATER_MS = 20;

export class Trash {
  readonly #directory: string;
  /** Deletions run one after another: they compete with what people wait for. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async open(directory: string): Promise<Trash> {
    await makeDirectory(directory);
    const trash = new Trash(directory);
    for (const name of await readdir(directory)) trash.#delete(join(directory, name));
    return trash;
  }

  /** Moves a tree of the same file system out of the way; gone for everybody when the promise resolves. Idempotent. */
  async discard(path: string): Promise<void> {
    const grave = join(this.#directory, `${basename(path)}-${randomBytes(6).toString("hex")}`);
    try {
      renameSync(path, grave);
    } catch (error) {
      if (errorCode(error) === "ENOENT") return;
      throw error;
    }
    const later = delay(LATER_MS);
    this.#last = this.#last.then(async () => later);
    this.#delete(grave);
  }

  /** Resolves when everything discarded so far is deleted, or could not be. */
  async emptied(): Promise<void> {
    await this.#last;
  }

  #delete(path: string): void {
    // What cannot be deleted now is tried again by the next engine.
    this.#last = this.#last.then(async () => isGone(path) || runJob({ kind: "delete", path })).catch(() => undefined);
  }
}

function isGone(grave: string): boolean {
  try {
    return removeSmallTree(grave);
  } catch {
    // A file, or something that a worker may be able to delete later.
    return false;
  }
}
