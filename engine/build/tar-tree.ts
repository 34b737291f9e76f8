/**
 * A context that came as a tar: the uncompressed archive is kept as one file and read where its entries lie in it.
 * Unpacking 5,000 files and reading them again would cost more than the rest of a cached build.
 *
 *     DIR/context.tar         the archive
 *     DIR/context.tar.index   one JSON line an entry, with the digests that were computed on the way in
 */
import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { mkdir, open, readFile, writeFile } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join as joinPath } from "node:path";
import type { Readable } from "node:stream";
import { EngineError } from "../errors.ts";
import { decompress } from "../layers/decompress.ts";
import { cleanName } from "../layers/names.ts";
import type { TarEntry } from "../layers/tar-header.ts";
import { TarReader } from "../layers/tar-reader.ts";
import type { TarHandler } from "../layers/tar-reader.ts";
import { baseOf, parentOf, plainDirectory } from "./file-tree.ts";
import type { FileTree, TreeEntry } from "./file-tree.ts";

/** What the index says of an entry. */
interface Indexed extends TreeEntry {
  /** Where a file's bytes begin in the archive. */
  readonly offset: number;
  readonly digest: string;
}

const NAME = "context.tar";

export interface ReceiveOptions {
  readonly signal?: AbortSignal;
  /** Contexts belong to root whatever the archive says; other archives keep their owners. */
  readonly owner?: "root" | "kept";
}

/**
 * Takes a build context as clients send it (tar, gzip, zstd) into `directory`, which is made when missing.
 * @returns what `BuildRequest.contextDir` takes; removing `directory` is the caller's
 * @throws {EngineError} invalid when the archive is malformed
 */
export async function receiveContext(tar: Readable, directory: string, options: ReceiveOptions = {}): Promise<string> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = joinPath(directory, NAME);
  const file = await open(path, "w", 0o600);
  try {
    const index = await receive(tar, file, options);
    await writeFile(`${path}.index`, JSON.stringify([...index.values()]), { mode: 0o600 });
    return path;
  } finally {
    await file.close();
  }
}

/** Whether a request's context is what receiveContext returned. */
export function isReceived(contextDir: string): boolean {
  return contextDir.endsWith(`/${NAME}`);
}

async function receive(tar: Readable, file: FileHandle, { signal, owner }: ReceiveOptions): Promise<Map<string, Indexed>> {
  const indexer = new Indexer(owner === "kept");
  const reader = new TarReader(indexer);
  const writer = new BatchWriter(file);
  for await (const chunk of decompress(tar as AsyncIterable<Buffer>)) {
    signal?.throwIfAborted();
    indexer.begin(chunk);
    reader.push(chunk);
    await writer.write(chunk);
  }
  reader.finish();
  await writer.end();
  return indexer.entries;
}

const BATCH = 1 << 20;

/** Writes a megabyte at a time while the next one is being read. */
class BatchWriter {
  readonly #file: FileHandle;
  #held: Buffer[] = [];
  #size = 0;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async write(chunk: Buffer): Promise<void> {
    this.#held.push(chunk);
    this.#size += chunk.length;
    if (this.#size >= BATCH) await this.#flush();
  }

  async end(): Promise<void> {
    await this.#flush();
    await this.#writing;
  }

  async #flush(): Promise<void> {
    const held = this.#held;
    this.#held = [];
    this.#size = 0;
    await this.#writing;
    this.#writing = held.length === 0 ? Promise.resolve() : this.#file.writev(held);
    // Whoever writes next sees a failure; until then nobody may call it unhandled.
    this.#writing.catch(() => undefined);
  }
}

/** Notes where each entry's content lies while the archive passes by. */
class Indexer implements TarHandler {
  readonly entries = new Map<string, Indexed>();
  #chunk: Buffer = Buffer.alloc(0);
  #chunkStart = 0;
  #entry: TarEntry | undefined;
  #name = "";
  #offset = 0;
  #hash: Hash | undefined;
  readonly #keepsOwner: boolean;

  constructor(keepsOwner: boolean) {
    this.#keepsOwner = keepsOwner;
  }

  begin(chunk: Buffer): void {
    this.#chunkStart += this.#chunk.length;
    this.#chunk = chunk;
  }

  entry(entry: TarEntry): void {
    if (entry.segments) throw new EngineError("invalid", "Cannot read the build context: sparse files are not supported");
    this.#entry = entry;
    this.#name = cleanName(entry.name);
    this.#hash = entry.type === "file" ? createHash("sha256") : undefined;
    this.#offset = -1;
  }

  data(bytes: Buffer): void {
    if (this.#offset < 0) this.#offset = this.#chunkStart + bytes.byteOffset - this.#chunk.byteOffset;
    this.#hash!.update(bytes);
  }

  end(): void {
    const entry = this.#entry!;
    const path = this.#name;
    if (entry.type === "link") return this.#link(path, cleanName(entry.linkName));
    const { mode, sizeBytes, mtimeSeconds, linkName, major, minor, type } = entry;
    const digest = this.#hash?.digest("hex") ?? "";
    const { uid, gid } = this.#keepsOwner ? entry : { uid: 0, gid: 0 };
    const common = { path, mode, uid, gid, sizeBytes, mtimeSeconds, linkName, major, minor, digest };
    this.entries.delete(path);
    this.entries.set(path, { ...common, type, inode: undefined, offset: this.#offset });
  }

  #link(path: string, target: string): void {
    const first = this.entries.get(target);
    if (!first) throw new EngineError("invalid", `Cannot read the build context: ${JSON.stringify(path)} links to a missing file`);
    const shared = { ...first, inode: first.inode ?? target };
    this.entries.set(target, shared);
    this.entries.set(path, { ...shared, path });
  }
}

const SMALL = 1 << 20;

export class TarTree implements FileTree {
  readonly #file: number;
  readonly #entries: ReadonlyMap<string, Indexed>;
  readonly #names: ReadonlyMap<string, readonly string[]>;

  private constructor(file: number, entries: ReadonlyMap<string, Indexed>) {
    this.#file = file;
    this.#entries = entries;
    this.#names = namesByDirectory(entries);
  }

  /** @param path what receiveContext returned */
  static async open(path: string): Promise<TarTree> {
    const list = JSON.parse(await readFile(`${path}.index`, "utf8")) as Indexed[];
    return new TarTree(openSync(path, "r"), withParents(list));
  }

  entry(path: string): TreeEntry | undefined {
    return this.#entries.get(path);
  }

  children(path: string): readonly string[] {
    return this.#names.get(path) ?? [];
  }

  async *content(entry: TreeEntry): AsyncGenerator<Buffer> {
    const { offset, sizeBytes } = this.#entries.get(entry.path)!;
    for (let at = 0; at < sizeBytes;) {
      const piece = Buffer.allocUnsafe(Math.min(SMALL, sizeBytes - at));
      const read = readSync(this.#file, piece, 0, piece.length, offset + at);
      if (read === 0) throw new EngineError("internal", "Cannot read the build context: it has become shorter");
      at += read;
      yield piece.subarray(0, read);
    }
  }

  digest(entry: TreeEntry): string {
    return this.#entries.get(entry.path)!.digest;
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Adds directories that no entry describes, and drops what lies below something that is no directory. */
function withParents(list: readonly Indexed[]): Map<string, Indexed> {
  const entries = new Map(list.map((entry) => [entry.path, entry]));
  const implied = (path: string): Indexed => ({ ...plainDirectory, path, offset: 0, digest: "" });
  if (!entries.has("")) entries.set("", implied(""));
  for (const { path } of list) {
    for (let parent = path; parent !== "";) {
      parent = parentOf(parent);
      if (!entries.has(parent)) entries.set(parent, implied(parent));
    }
  }
  const isReachable = (path: string): boolean => {
    if (path === "") return true;
    const parent = parentOf(path);
    return entries.get(parent)?.type === "directory" && isReachable(parent);
  };
  for (const path of entries.keys()) if (!isReachable(path)) entries.delete(path);
  return entries;
}

function namesByDirectory(entries: ReadonlyMap<string, Indexed>): Map<string, string[]> {
  const names = new Map<string, string[]>();
  for (const path of [...entries.keys()].toSorted()) {
    if (path === "") continue;
    const parent = parentOf(path);
    const list = names.get(parent);
    if (list) list.push(baseOf(path));
    else names.set(parent, [baseOf(path)]);
  }
  return names;
}
