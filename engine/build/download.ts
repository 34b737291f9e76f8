/** ADD of a URL. */
import { createHash, randomUUID } from "node:crypto";
import { createWriteStream, rmSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { EngineError } from "../errors.ts";
import { DirectoryTree } from "./directory-tree.ts";
import type { FileTree, TreeEntry } from "./file-tree.ts";
import { get } from "./guarded-get.ts";
import { httpAuthorization } from "./remote-access.ts";
import type { Access } from "./remote-access.ts";

export interface DownloadOptions {
  readonly checksum: string | undefined;
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly access?: Access;
  /** Is told the digest of what came. */
  readonly tell?: (digest: string) => void;
}

/**
 * Downloads into a directory of its own and shows it as a tree of one file, mode 0600 as Docker has it. Closing the tree
 * deletes it.
 * @throws {EngineError} invalid for what is refused, a status other than 200, or another checksum
 */
export async function download(url: string, { checksum, directory, signal, access = {}, tell }: DownloadOptions): Promise<FileTree> {
  const own = join(directory, randomUUID());
  await mkdir(own, { mode: 0o700 });
  try {
    const response = await fetched(url, { signal, access });
    const name = fileName(url);
    const path = join(own, name);
    const hash = createHash("sha256");
    response.on("data", (chunk: Buffer) => hash.update(chunk));
    await pipeline(response, createWriteStream(path, { mode: 0o600 }), { signal });
    const digest = `sha256:${hash.digest("hex")}`;
    if (checksum !== undefined && checksum !== digest) {
      throw new EngineError("invalid", `digest mismatch sha256:${digest.slice(7)}: ${checksum}`);
    }
    tell?.(digest);
    return new DownloadedTree(own, modifiedSeconds(response));
  } catch (error) {
    await rm(own, { recursive: true, force: true });
    throw error;
  }
}

function modifiedSeconds(response: IncomingMessage): number {
  const time = Date.parse(response.headers["last-modified"] ?? "");
  return Number.isNaN(time) ? 0 : Math.floor(time / 1000);
}

/** The last component of the URL's path. @throws {EngineError} invalid when there is none */
function fileName(url: string): string {
  const name = decodeURIComponent(basename(new URL(url).pathname));
  return name === "" || name === "." || name === ".." || name.includes("/") || name.includes("\0") ? "__unnamed__" : name;
}

async function fetched(url: string, { signal, access }: { signal: AbortSignal; access: Access }): Promise<IncomingMessage> {
  const at = new URL(url);
  const response = await get(at, { signal, login: await httpAuthorization(access, at.hostname) }).catch((error: Error) => {
    signal.throwIfAborted();
    throw new EngineError("invalid", `Cannot download ${url}: ${error.message}`, { cause: error });
  });
  if (response.statusCode === 200) return response;
  response.destroy();
  throw new EngineError("invalid", `invalid response status ${response.statusCode}`);
}

class DownloadedTree extends DirectoryTree {
  readonly #directory: string;
  readonly #mtimeSeconds: number;

  constructor(directory: string, mtimeSeconds: number) {
    super(directory, { owner: "root" });
    this.#directory = directory;
    this.#mtimeSeconds = mtimeSeconds;
  }

  override entry(path: string): TreeEntry | undefined {
    const entry = super.entry(path);
    return entry?.type === "file" ? { ...entry, mtimeSeconds: this.#mtimeSeconds } : entry;
  }

  override close(): void {
    super.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
