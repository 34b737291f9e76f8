/**
 * Files of one volume, container or image of a Berth engine; other engines answer 404 "page not found". Paths are absolute
 * as seen from inside and cannot leave. Volumes and containers need not run.
 *
 *     docker.files.of("volumes", "data").read("/postgresql.conf")
 *
 * Errors are ClientError: 404 missing, 409 exists or not empty, 403 read-only (images always are), 400 not a file or directory.
 */
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { FileStat, ImageLayerFiles } from "../api/types/file.ts";
import type { Connection } from "./connection.ts";
import type { Abortable } from "./containers.ts";

export type FileOwner = "volumes" | "containers" | "images";

export class FileTree {
  readonly #connection: Connection;
  readonly #base: string;
  readonly #layer: number | undefined;

  constructor(connection: Connection, { owner, id, layer }: { owner: FileOwner; id: string; layer?: number | undefined }) {
    this.#connection = connection;
    this.#base = `/berth/${owner}/${encodeURIComponent(id)}`;
    this.#layer = layer;
  }

  /** What `path` is; a symbolic link also says what it leads to. */
  stat(path: string, options: Abortable = {}): Promise<FileStat> {
    return this.#connection.json("GET", `${this.#base}/files/stat`, { query: { path, layer: this.#layer }, signal: options.signal });
  }

  /** What is in a directory, by name in byte order. */
  list(path: string, options: Abortable = {}): Promise<FileStat[]> {
    return this.#connection.json("GET", `${this.#base}/files/list`, { query: { path, layer: this.#layer }, signal: options.signal });
  }

  async read(path: string, options: Abortable = {}): Promise<Buffer> {
    return buffer(await this.readStream(path, options));
  }

  /** A file's bytes as they come; the caller reads or destroys the stream. */
  readStream(path: string, options: Abortable = {}): Promise<Readable> {
    return this.#connection.stream("GET", `${this.#base}/files`, { query: { path, layer: this.#layer }, signal: options.signal });
  }

  /** In place; a new file gets its directory's owner and `mode`, 0644 unless said. Both `create` and `overwrite` are on unless said. */
  async write(
    path: string,
    content: Uint8Array | Readable,
    options: Abortable & { create?: boolean; overwrite?: boolean; mode?: number } = {},
  ): Promise<void> {
    const query = {
      path,
      create: options.create === false ? "0" : "1",
      overwrite: options.overwrite === false ? "0" : "1",
      mode: options.mode?.toString(8),
    };
    const body = content instanceof Readable ? content : Readable.from([Buffer.from(content)], { objectMode: false });
    const call = { query, body, contentType: "application/octet-stream", signal: options.signal };
    await this.#connection.done("PUT", `${this.#base}/files`, call);
  }

  /** One directory in an existing one. */
  async makeDirectory(path: string, options: Abortable = {}): Promise<void> {
    await this.#connection.done("POST", `${this.#base}/files/directory`, { query: { path }, signal: options.signal });
  }

  async rename(path: string, to: string, options: Abortable & { overwrite?: boolean } = {}): Promise<void> {
    const query = { path, to, overwrite: options.overwrite };
    await this.#connection.done("POST", `${this.#base}/files/rename`, { query, signal: options.signal });
  }

  /** A directory that is not empty needs `recursive`. */
  async remove(path: string, options: Abortable & { recursive?: boolean } = {}): Promise<void> {
    const query = { path, recursive: options.recursive };
    await this.#connection.done("DELETE", `${this.#base}/files`, { query, signal: options.signal });
  }
}

export class Files {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** @param id name or id @param layer of an image: its files after this many layers, else after all */
  of(owner: FileOwner, id: string, { layer }: { layer?: number | undefined } = {}): FileTree {
    return new FileTree(this.#connection, { owner, id, layer });
  }

  /** What each layer of an image adds, changes and hides, from the bottom. */
  layers(image: string, options: Abortable = {}): Promise<ImageLayerFiles[]> {
    return this.#connection.json("GET", `/berth/images/${encodeURIComponent(image)}/layers`, options);
  }

  /** A whole volume as tar, with its own owner and mode. */
  backUp(volume: string, options: Abortable = {}): Promise<Readable> {
    return this.#connection.stream("GET", archive(volume), options);
  }

  /** Unpacks a tar into a volume; with `replace` it holds the tar's files and no others, which needs nothing to run on it. */
  async restore(volume: string, tar: Readable, options: Abortable & { replace?: boolean } = {}): Promise<void> {
    await this.#connection.done("PUT", archive(volume), { query: { replace: options.replace }, body: tar, signal: options.signal });
  }
}

function archive(volume: string): string {
  return `/berth/volumes/${encodeURIComponent(volume)}/archive`;
}
