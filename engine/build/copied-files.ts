/**
 * What a COPY made when it last ran, so that the next layer can share the files that did not change.
 *
 *     STATE/copied/<name>.json    the layer, and of each of its files a line and where in the layer's tar it is
 */
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory, readJson, writeJson } from "../host/files.ts";
import type { Digest } from "../layers/snapshots.ts";
import { keyOf } from "./cache.ts";

/** What a file is, as LayerPlan says it; the first byte of its header in the tar, and the first byte behind it. */
export type CopiedFile = readonly [line: string, start: number, end: number];

export interface Copied {
  readonly chainId: Digest;
  /** The layer's tar, among the images' blobs. */
  readonly blob: Digest;
  readonly files: Readonly<Record<string, CopiedFile>>;
}

const KEPT = 200;

/** One step of one Dockerfile. */
export class CopiedFiles {
  readonly #directory: string;
  readonly #file: string;

  /** @param name what makes two steps the same step of different builds */
  constructor(stateDirectory: string, name: unknown) {
    this.#directory = join(stateDirectory, "copied");
    this.#file = join(this.#directory, `${keyOf(name).slice(0, 32)}.json`);
  }

  async read(): Promise<Copied | undefined> {
    const copied = await readJson<Copied>(this.#file).catch(() => undefined);
    return copied?.blob === undefined ? undefined : copied;
  }

  async write(copied: Copied): Promise<void> {
    await makeDirectory(this.#directory);
    await writeJson(this.#file, copied, { unsynced: true });
    await this.#tidy();
  }

  async #tidy(): Promise<void> {
    const names = await readdir(this.#directory);
    if (names.length <= KEPT) return;
    const dated = await Promise.all(
      names.map(async (name) => ({ name, mtimeMs: (await stat(join(this.#directory, name)).catch(() => undefined))?.mtimeMs ?? 0 })),
    );
    const old = dated.toSorted((a, b) => a.mtimeMs - b.mtimeMs).slice(0, names.length - KEPT);
    await Promise.all(old.map(({ name }) => rm(join(this.#directory, name), { force: true })));
  }
}
