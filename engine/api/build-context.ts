/** The build context of a request: the tar that it carries or a URL names, kept in a directory of its own. */
import { randomBytes } from "node:crypto";
import { mkdir, readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { plainArchive } from "../build/archive.ts";
import { explained } from "../build/full-disk.ts";
import { fetchContext } from "../build/remote-context.ts";
import type { FetchOptions, RemoteContext } from "../build/remote-context.ts";
import { isReceived, receiveContext as receiveTar } from "../build/tar-tree.ts";
import { EngineError } from "../errors.ts";
import { withoutCredentials } from "../syntax/git-source.ts";
import type { Exchange } from "./exchange.ts";

export interface BuildContext {
  /** What a build request takes: a directory, or the received tar. */
  readonly dir: string;
  /** Path of the Dockerfile when the context decides it. */
  readonly dockerfile?: string;
  /** Of one that was fetched. */
  readonly remote?: RemoteContext["remote"];
  /** What tells this context from others where it has no directory that the user knows: the URL. */
  readonly name?: string;
  /** Deletes the directory. */
  remove(): Promise<void>;
}

/** @throws {EngineError} invalid when the tar is malformed or leaves the directory; internal when a URL cannot be had */
export async function receiveContext(
  exchange: Exchange,
  tell: (text: string) => void,
  {
    remote = exchange.query.optional("remote"),
    ...fetching
  }: { remote?: string | undefined } & Pick<FetchOptions, "access" | "keepGitDir"> = {},
): Promise<BuildContext> {
  const dir = contextDirectory(exchange, randomBytes(8).toString("hex"));
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const remove = (): Promise<void> => rm(dir, { recursive: true, force: true });
  try {
    if (remote === undefined || remote === "client-session") return { dir: await keep(exchange, dir, exchange.body), remove };
    return {
      ...(await fetchContext(remote, dir, { signal: exchange.signal, tell, ...fetching })),
      name: withoutCredentials(remote),
      remove,
    };
  } catch (error) {
    await remove();
    throw explained(error);
  }
}

function contextDirectory({ services }: Exchange, id: string): string {
  return join(services.system.scratch, `context-${id}`);
}

/** Keeps an uploaded tar until a build takes it, or the engine ends. @returns its id */
export async function uploadContext(exchange: Exchange): Promise<string> {
  const { dir } = await receiveContext(exchange, () => undefined, { remote: "client-session" });
  return basename(dirname(dir)).slice("context-".length);
}

/** @throws {EngineError} not-found */
export async function takeUploaded(exchange: Exchange, id: string): Promise<BuildContext> {
  const dir = /^[0-9a-f]{16}$/.test(id) ? contextDirectory(exchange, id) : undefined;
  const [tar] = dir === undefined ? [] : (await readdir(dir).catch(() => [])).filter((name) => isReceived(join(dir, name)));
  if (dir === undefined || tar === undefined) throw new EngineError("not-found", `No such build context: ${id}`);
  return { dir: join(dir, tar), remove: () => rm(dir, { recursive: true, force: true }) };
}

/** What a client sends is its user's; in an image it belongs to root unless COPY says otherwise. */
async function keep({ signal }: Exchange, dir: string, tar: Readable): Promise<string> {
  return receiveTar(await plainArchive(tar), dir, { signal });
}
