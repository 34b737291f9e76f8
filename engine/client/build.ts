/**
 * Builds on one engine, by the classic build request.
 */
import type { Readable } from "node:stream";
import type { BuildCall, BuildDescription, BuildProgress } from "../api/types/builds.ts";
import type { AuthConfig, JsonMessage } from "../api/types/image.ts";
import { encodeFilters } from "./connection.ts";
import type { Connection, Filters } from "./connection.ts";
import type { Abortable } from "./containers.ts";
import { ConnectionError, endedEarly } from "./errors.ts";
import { encodeAuth } from "./images.ts";
import { jsonLines } from "./streams.ts";

export interface BuildOptions extends Abortable {
  /** The build context; consumed. Absent when `remote` names one. */
  readonly context?: Readable;
  readonly remote?: string | undefined;
  /** Path of the Dockerfile inside the context. */
  readonly dockerfile?: string | undefined;
  /** Directory of the context, as records of builds shall name it; other engines do not know this. */
  readonly contextName?: string | undefined;
  readonly tags?: readonly string[];
  readonly target?: string | undefined;
  /** A null value takes the ARG's default. */
  readonly buildArgs?: Readonly<Record<string, string | null>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly noCache?: boolean;
  readonly pull?: boolean;
  readonly quiet?: boolean;
  readonly platform?: string | undefined;
  readonly networkMode?: string | undefined;
  readonly extraHosts?: readonly string[];
  readonly shmSizeBytes?: number | undefined;
  readonly cacheFrom?: readonly string[];
  readonly auth?: Readonly<Record<string, AuthConfig>>;
  /** Asks our own engine to tell its steps exactly, as `aux["berth.progress"]`; other engines do not know this. */
  readonly exactProgress?: boolean;
}

export interface BuildPruneOptions extends Abortable {
  readonly all?: boolean;
  readonly filters?: Filters;
}

export class Builds {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Progress of a build; a message with `error` is its failure, `aux.ID` the image's id. */
  async *build(options: BuildOptions): AsyncGenerator<JsonMessage> {
    const response = await this.#connection.stream("POST", "/build", {
      query: buildQuery(options),
      headers: {
        "x-registry-config": encodeAuth(options.auth),
        ...(options.exactProgress ? { "x-berth-progress": "1" } : {}),
        ...(options.contextName === undefined ? {} : { "x-berth-context": encodeURIComponent(options.contextName) }),
      },
      ...(options.context ? { body: options.context } : {}),
      signal: options.signal,
    });
    yield* jsonLines<JsonMessage>(response);
  }

  /**
   * A build by our own engine, which reads the context where it lies. The last event is `finish`, also of a failed build.
   * @throws {ClientError} status 404 from any other engine; 400 for what is wrong with the request or the Dockerfile
   * @throws {ConnectionError} when the engine ends before the build has
   */
  async *run({ signal, ...call }: BuildCall & Abortable): AsyncGenerator<BuildProgress> {
    for await (const event of jsonLines<BuildProgress>(this.#connection.pour("/berth/build", { json: call, signal }))) {
      yield event;
      if (event.type === "finish") return;
    }
    throw new ConnectionError(this.#connection.endpoint.url, endedEarly());
  }

  /**
   * What a Dockerfile says about itself, from our own engine.
   * @param method `check`, `outline` or `targets`
   */
  describe(method: string, { signal, ...call }: BuildCall & Abortable): Promise<BuildDescription> {
    return this.#connection.json("POST", `/berth/build/describe/${encodeURIComponent(method)}`, { json: call, signal });
  }

  /** Sends a context to our own engine. @returns its id, for one build */
  async upload(context: Readable, { signal }: Abortable = {}): Promise<string> {
    return (await this.#connection.json<{ Id: string }>("POST", "/berth/build/contexts", { body: context, signal })).Id;
  }

  /** The root file system of an image of our own engine as one tar. */
  rootfs(image: string, { signal }: Abortable = {}): Promise<Readable> {
    return this.#connection.stream("GET", `/berth/images/${image}/rootfs`, { signal });
  }

  prune(options: BuildPruneOptions = {}): Promise<{ CachesDeleted: string[] | null; SpaceReclaimed: number }> {
    const query = { all: options.all, filters: encodeFilters(options.filters) };
    return this.#connection.json("POST", "/build/prune", { query, signal: options.signal });
  }
}

function buildQuery(options: BuildOptions): Record<string, string | number | boolean | readonly string[] | undefined> {
  return {
    buildargs: record(options.buildArgs),
    cachefrom: options.cacheFrom?.length ? JSON.stringify(options.cacheFrom) : undefined,
    dockerfile: options.dockerfile,
    extrahosts: options.extraHosts,
    labels: record(options.labels),
    networkmode: options.networkMode,
    nocache: options.noCache,
    platform: options.platform,
    pull: options.pull,
    q: options.quiet,
    remote: options.remote,
    shmsize: options.shmSizeBytes,
    t: options.tags,
    target: options.target,
    version: 1,
  };
}

function record(values: Readonly<Record<string, string | null>> | undefined): string | undefined {
  const entries = Object.entries(values ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return entries.length > 0 ? JSON.stringify(Object.fromEntries(entries)) : undefined;
}
