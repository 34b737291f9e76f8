/** A build context that a URL names: an archive, a Dockerfile alone, or a Git repository. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { EngineError } from "../errors.ts";
import { looksLikeArchive, plainArchive } from "./archive.ts";
import { isGitSource, withoutCredentials } from "../syntax/git-source.ts";
import type { BuildRequest } from "./builder.ts";
import { open } from "./remote.ts";
import type { Access } from "./remote-access.ts";
import { cloneRepository } from "./repository.ts";
import { receiveContext } from "./tar-tree.ts";

/** Bytes that tell an archive, and far more than a Dockerfile has. */
const HEAD = 512;
const LARGEST_DOCKERFILE = 16 << 20;

/** Whether a context is fetched by the engine, and not a path of the client. */
export function isRemote(context: string): boolean {
  return isGitSource(context) || /^https?:\/\//.test(context);
}

export interface RemoteContext {
  /** What a build request takes: a directory, or the received tar. */
  readonly dir: string;
  /** Path of the Dockerfile when the context is nothing but one. */
  readonly dockerfile?: string;
  /** Where it came from, and what it was. */
  readonly remote: NonNullable<BuildRequest["remote"]>;
}

export interface FetchOptions {
  readonly signal: AbortSignal;
  /** Is told where from. */
  readonly tell?: (text: string) => void;
  readonly access?: Access;
  /** Of a repository: BUILDKIT_CONTEXT_KEEP_GIT_DIR. */
  readonly keepGitDir?: boolean;
}

/**
 * Fetches a context into `dir`, which is there and empty. What a server sends is told by its content, not by its type.
 * @throws {EngineError} invalid for what is no context; internal when it cannot be had
 */
export async function fetchContext(
  remote: string,
  dir: string,
  { signal, tell = () => undefined, access = {}, keepGitDir = false }: FetchOptions,
): Promise<RemoteContext> {
  const uri = withoutCredentials(remote);
  if (isGitSource(remote)) {
    let sha1 = "";
    const clone = await cloneRepository(remote, dir, { signal, access, keepGitDir, tell: (commit) => (sha1 = commit) });
    return { dir: clone, remote: { uri, digest: { sha1 } } };
  }
  const { body, contentType } = await open(remote, signal, tell);
  const { head, all } = await peek(body);
  if (looksLikeArchive(head)) return { dir: await receiveContext(await plainArchive(all), dir, { signal }), remote: { uri } };
  if (head.includes(0)) {
    body.destroy();
    throw new EngineError(
      "invalid",
      `unable to detect if ${remote} is a Dockerfile or an archive: content type ${JSON.stringify(contentType)}`,
    );
  }
  await writeFile(join(dir, "Dockerfile"), await buffer(limited(all, remote)));
  return { dir, dockerfile: "Dockerfile", remote: { uri } };
}

/** The first bytes, and everything from the beginning. */
async function peek(body: Readable): Promise<{ head: Buffer; all: Readable }> {
  const pieces = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let head: Buffer = Buffer.alloc(0);
  while (head.length < HEAD) {
    const next = await pieces.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  const whole = async function* (): AsyncGenerator<Buffer> {
    yield head;
    for (let next = await pieces.next(); !next.done; next = await pieces.next()) yield next.value;
  };
  return { head, all: Readable.from(whole(), { objectMode: false }) };
}

async function* limited(body: Readable, remote: string): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const piece of body) {
    size += (piece as Buffer).length;
    if (size > LARGEST_DOCKERFILE) throw new EngineError("invalid", `${remote} is too large for a Dockerfile, and is no archive`);
    yield piece as Buffer;
  }
}
