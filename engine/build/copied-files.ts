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
import type { Rooms } from "./rooms.ts";

/** What a file is, as LayerPlan says it; the first byte of its header in the tar, and the first byte behind it. */
export type CopiedFile = readonly [line: string, start: number, end: number];

export interface Copied {
  readonly chainId: Digest;
  /** The layer's tar, among the images' blobs. */
  readonly blob: Digest;
  readonly files: ReadonlyMap<string, CopiedFile>;
}

/** As JSON, of which many long names in one object would take several times as long to read. */
type Written = Omit<Copied, "files"> & { readonly files: readonly (readonly [path: string, ...file: CopiedFile])[] };

const KEPT = 200;

/** One step of one Dockerfile. */
export class CopiedFiles {
  readonly #rooms: Pick<Rooms, "copied" | "later">;
  readonly #directory: string;
  readonly #file: string;

  /** @param name what makes two steps the same step of different builds */
  constructor(rooms: Pick<Rooms, "stateDirectory" | "copied" | "later">, name: unknown) {
    this.#rooms = rooms;
    this.#directory = join(rooms.stateDirectory, "copied");
    this.#file = join(this.#directory, `${keyOf(name).slice(0, 32)}.json`);
  }

  async read(): Promise<Copied | undefined> {
    const known = this.#rooms.copied.get(this.#file);
    if (known) return known;
    const written = await readJson<Written>(this.#file).catch(() => undefined);
    if (written?.blob === undefined || !Array.isArray(written.files)) return undefined;
    return { ...written, files: new Map(written.files.map(([path, ...file]) => [path, file])) };
  }

  /** Is on disk some time later. */
  write(copied: Copied): void {
    this.#rooms.copied.set(this.#file, copied, copied.files.size);
    this.#rooms.later.do(this.#file, () => this.#write(copied));
  }

  async #write(copied: Copied): Promise<void> {
    await makeDirectory(this.#directory);
    const written: Written = { ...copied, files: [...copied.files].map(([path, file]) => [path, ...file]) };
    await writeJson(this.#file, written, { unsynced: true });
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
