/**
 * Containers of one engine. Every name may be an id, a short id or a name.
 */
import type { Readable } from "node:stream";
import type {
  ContainerCreateRequest,
  ContainerCreateResponse,
  ContainerInspect,
  ContainerPathStat,
  ContainerSummary,
  ContainerTop,
  ContainerWaitResponse,
  FilesystemChange,
  Resources,
  RestartPolicy,
} from "../api/types/container.ts";
import { encodeFilters } from "./connection.ts";
import type { Connection, Filters } from "./connection.ts";
import { ClientError } from "./errors.ts";
import type { ContainerStats } from "./stats.ts";
import { AttachedStream } from "./exec.ts";
import { OutputStream, isMultiplexed, jsonLines } from "./streams.ts";
import { inPath } from "./names.ts";

/** Cancels a call; what it has begun on the engine is not undone. */
export interface Abortable {
  readonly signal?: AbortSignal | undefined;
}

export interface ContainerListOptions extends Abortable {
  /** Stopped ones too. */
  readonly all?: boolean;
  readonly limit?: number | undefined;
  readonly size?: boolean;
  readonly filters?: Filters;
}

export interface StopOptions extends Abortable {
  /** Name or number of the signal to send first; the container's own when absent. */
  readonly stopSignal?: string | undefined;
  /** Before SIGKILL; -1 waits for ever. */
  readonly timeoutSeconds?: number | undefined;
}

export interface LogOptions extends Abortable {
  readonly follow?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  /** Unix time with an optional fraction, RFC 3339, or a duration before now, as the engine reads it. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly timestamps?: boolean;
  /** `all` or a number of lines. */
  readonly tail?: string | undefined;
  readonly details?: boolean;
  /** The container's own setting; only engines before API 1.42 need it. */
  readonly tty?: boolean;
}

export interface AttachOptions extends Abortable {
  readonly stdin?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  /** Replays what was written before. */
  readonly logs?: boolean;
  readonly detachKeys?: string | undefined;
  readonly tty?: boolean;
}

export type WaitCondition = "not-running" | "next-exit" | "removed";

export interface CommitOptions extends Abortable {
  readonly repo?: string | undefined;
  readonly tag?: string | undefined;
  readonly comment?: string | undefined;
  readonly author?: string | undefined;
  readonly changes?: readonly string[];
  readonly pause?: boolean;
}

/** Body of a container's update: resources and restart policy. */
export type ContainerUpdate = Resources & { RestartPolicy?: RestartPolicy };

export class Containers {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  list(options: ContainerListOptions = {}): Promise<ContainerSummary[]> {
    const { all, limit, size, signal } = options;
    return this.#connection.json("GET", "/containers/json", {
      query: { all, limit, size, filters: encodeFilters(options.filters) },
      signal,
    });
  }

  create(
    config: ContainerCreateRequest,
    options: Abortable & { name?: string | undefined; platform?: string | undefined } = {},
  ): Promise<ContainerCreateResponse> {
    const { name, platform, signal } = options;
    return this.#connection.json("POST", "/containers/create", { query: { name, platform }, json: config, signal });
  }

  async inspect(id: string, options: Abortable = {}): Promise<ContainerInspect> {
    return JSON.parse(await this.inspectText(id, options)) as ContainerInspect;
  }

  /** The engine's own JSON text: inspect shows every field, in the engine's order. */
  inspectText(id: string, options: Abortable & { size?: boolean } = {}): Promise<string> {
    return this.#connection.text("GET", `${path(id)}/json`, { query: { size: options.size }, signal: options.signal });
  }

  /** @returns false when it was running already */
  async start(id: string, options: Abortable & { detachKeys?: string | undefined } = {}): Promise<boolean> {
    const { detachKeys, signal } = options;
    return (await this.#connection.done("POST", `${path(id)}/start`, { query: { detachKeys }, signal })) !== 304;
  }

  /** @returns false when it was stopped already */
  async stop(id: string, options: StopOptions = {}): Promise<boolean> {
    return (await this.#connection.done("POST", `${path(id)}/stop`, stopCall(options))) !== 304;
  }

  async restart(id: string, options: StopOptions = {}): Promise<void> {
    await this.#connection.done("POST", `${path(id)}/restart`, stopCall(options));
  }

  async kill(id: string, options: Abortable & { killSignal?: string | undefined } = {}): Promise<void> {
    await this.#connection.done("POST", `${path(id)}/kill`, { query: { signal: options.killSignal }, signal: options.signal });
  }

  async pause(id: string, options: Abortable = {}): Promise<void> {
    await this.#connection.done("POST", `${path(id)}/pause`, options);
  }

  async unpause(id: string, options: Abortable = {}): Promise<void> {
    await this.#connection.done("POST", `${path(id)}/unpause`, options);
  }

  async rename(id: string, name: string, options: Abortable = {}): Promise<void> {
    await this.#connection.done("POST", `${path(id)}/rename`, { query: { name }, signal: options.signal });
  }

  async remove(id: string, options: Abortable & { force?: boolean; volumes?: boolean; link?: boolean } = {}): Promise<void> {
    const { force, volumes, link, signal } = options;
    await this.#connection.done("DELETE", path(id), { query: { force, link, v: volumes }, signal });
  }

  /** Resolves when the container has stopped (or is gone). */
  async wait(id: string, options: Abortable & { condition?: WaitCondition } = {}): Promise<ContainerWaitResponse> {
    return (await this.startWaiting(id, options)).exit;
  }

  /**
   * Like wait, in two steps: the engine is waiting once this resolves, so that a container started afterwards
   * cannot exit unseen.
   */
  async startWaiting(
    id: string,
    options: Abortable & { condition?: WaitCondition } = {},
  ): Promise<{ exit: Promise<ContainerWaitResponse> }> {
    const { condition, signal } = options;
    const response = await this.#connection.stream("POST", `${path(id)}/wait`, { query: { condition }, signal });
    const exit = readAll(response).then((text) => JSON.parse(text) as ContainerWaitResponse);
    exit.catch(() => {});
    return { exit };
  }

  async logs(id: string, options: LogOptions = {}): Promise<OutputStream> {
    const { follow, since, until, timestamps, tail, details, signal, stdout = true, stderr = true } = options;
    const response = await this.#connection.stream("GET", `${path(id)}/logs`, {
      query: { follow, stdout, stderr, since, until, timestamps, tail, details },
      signal,
    });
    return new OutputStream(response, isMultiplexed(response.headers, options.tty));
  }

  /** A running or created container's terminal or streams; what is written to it becomes the container's stdin. */
  async attach(id: string, options: AttachOptions = {}): Promise<AttachedStream> {
    const { stdin, logs, detachKeys, signal, stdout = true, stderr = true } = options;
    const { socket, headers } = await this.#connection.hijack("POST", `${path(id)}/attach`, {
      query: { detachKeys, logs, stderr, stdin, stdout, stream: true },
      headers: { "content-type": "text/plain" },
      signal,
    });
    return new AttachedStream(socket, isMultiplexed(headers, options.tty));
  }

  async resize(id: string, size: { rows: number; columns: number }, options: Abortable = {}): Promise<void> {
    await this.#connection.done("POST", `${path(id)}/resize`, { query: { h: size.rows, w: size.columns }, signal: options.signal });
  }

  async top(id: string, { psArgs, signal }: Abortable & { psArgs?: string | undefined } = {}): Promise<ContainerTop> {
    const said = await this.#connection.text("GET", `${path(id)}/top`, { query: { ps_args: psArgs }, signal });
    // Podman answers 200 with nothing when it finds no processes of a container that runs.
    if (said === "") throw new Error(`the engine does not tell the processes of container ${id}: try ps inside it`);
    return JSON.parse(said) as ContainerTop;
  }

  /** One sample with its predecessor, so that rates can be computed; takes about a second. */
  stats(id: string, options: Abortable = {}): Promise<ContainerStats> {
    return this.#connection.json("GET", `${path(id)}/stats`, { query: { stream: "0" }, signal: options.signal });
  }

  /** A sample each second until aborted. */
  async *statsStream(id: string, options: Abortable = {}): AsyncGenerator<ContainerStats> {
    const response = await this.#connection.stream("GET", `${path(id)}/stats`, { query: { stream: true }, signal: options.signal });
    yield* jsonLines<ContainerStats>(response);
  }

  async changes(id: string, options: Abortable = {}): Promise<FilesystemChange[]> {
    return (await this.#connection.json<FilesystemChange[] | null>("GET", `${path(id)}/changes`, options)) ?? [];
  }

  /** The whole file system as tar. */
  export(id: string, options: Abortable = {}): Promise<Readable> {
    return this.#connection.stream("GET", `${path(id)}/export`, options);
  }

  /** @throws {ClientError} 404 when there is no such path */
  async statPath(id: string, inside: string, options: Abortable = {}): Promise<ContainerPathStat> {
    const response = await this.#connection.stream("HEAD", `${path(id)}/archive`, { query: { path: inside }, signal: options.signal });
    response.resume();
    return decodeStat(response.headers["x-docker-container-path-stat"]);
  }

  /** A file or directory as tar, with its stat. */
  async getArchive(id: string, inside: string, options: Abortable = {}): Promise<{ tar: Readable; stat: ContainerPathStat }> {
    const tar = await this.#connection.stream("GET", `${path(id)}/archive`, { query: { path: inside }, signal: options.signal });
    return { tar, stat: decodeStat(tar.headers["x-docker-container-path-stat"]) };
  }

  /** Unpacks `tar` into the directory `inside`. */
  async putArchive(
    id: string,
    inside: string,
    tar: Readable,
    options: Abortable & { noOverwriteDirNonDir?: boolean; copyOwner?: boolean } = {},
  ): Promise<void> {
    const query = { copyUIDGID: options.copyOwner && "true", noOverwriteDirNonDir: options.noOverwriteDirNonDir && "true", path: inside };
    await this.#connection.done("PUT", `${path(id)}/archive`, { query, body: tar, signal: options.signal });
  }

  update(id: string, update: ContainerUpdate, options: Abortable = {}): Promise<{ Warnings: string[] | null }> {
    return this.#connection.json("POST", `${path(id)}/update`, { json: update, signal: options.signal });
  }

  /** @returns the new image's id */
  async commit(id: string, options: CommitOptions = {}): Promise<string> {
    const { repo, tag, comment, author, changes, pause = true, signal } = options;
    const query = { author, changes, comment, container: id, pause: pause ? undefined : "0", repo, tag };
    return (await this.#connection.json<{ Id: string }>("POST", "/commit", { query, signal })).Id;
  }

  prune(filters?: Filters, options: Abortable = {}): Promise<{ ContainersDeleted: string[] | null; SpaceReclaimed: number }> {
    return this.#connection.json("POST", "/containers/prune", { query: { filters: encodeFilters(filters) }, signal: options.signal });
  }
}

function path(id: string): string {
  return `/containers/${inPath(id, "container")}`;
}

function stopCall(options: StopOptions): { query: Record<string, string | number | undefined>; signal: AbortSignal | undefined } {
  return { query: { signal: options.stopSignal, t: options.timeoutSeconds }, signal: options.signal };
}

async function readAll(source: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function decodeStat(header: string | string[] | undefined): ContainerPathStat {
  if (typeof header !== "string") throw new ClientError(500, "unable to decode container path stat header: EOF");
  return JSON.parse(Buffer.from(header, "base64").toString()) as ContainerPathStat;
}
