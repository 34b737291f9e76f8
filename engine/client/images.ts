/**
 * Images of one engine.
 */
import type { Readable } from "node:stream";
import type {
  AuthConfig,
  ImageDeleteItem,
  ImageHistoryItem,
  ImageInspect,
  ImageSummary,
  JsonMessage,
  RemoteManifest,
} from "../api/types/image.ts";
import { encodeFilters } from "./connection.ts";
import type { Connection, Filters } from "./connection.ts";
import type { Abortable } from "./containers.ts";
import { jsonLines } from "./streams.ts";

export interface PullOptions extends Abortable {
  readonly tag?: string | undefined;
  readonly platform?: string | undefined;
  readonly auth?: AuthConfig | undefined;
}

export interface ImportOptions extends Abortable {
  /** `-` for the body, or a URL that the engine fetches. */
  readonly source: string;
  readonly tar?: Readable;
  readonly repo?: string | undefined;
  readonly tag?: string | undefined;
  readonly message?: string | undefined;
  readonly changes?: readonly string[];
  readonly platform?: string | undefined;
}

export interface SearchResult {
  name: string;
  description: string;
  star_count: number;
  is_official: boolean;
  is_automated: boolean;
}

/** Credentials as the API's headers carry them; none is `{}`. */
export function encodeAuth(auth: AuthConfig | Readonly<Record<string, AuthConfig>> | undefined): string {
  return Buffer.from(JSON.stringify(auth ?? {}))
    .toString("base64")
    .replaceAll("+", "-")
    .replaceAll("/", "_");
}

/** `linux/arm64/v8` as most calls want it, in JSON. */
export function encodePlatform(platform: string | undefined): string | undefined {
  if (!platform) return undefined;
  const [first = "", second, variant] = platform.split("/");
  const parts = second === undefined ? { architecture: first } : { architecture: second, os: first };
  return JSON.stringify(variant ? { ...parts, variant } : parts);
}

export class Images {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async list(
    options: Abortable & { all?: boolean; digests?: boolean; filters?: Filters; sharedSize?: boolean } = {},
  ): Promise<ImageSummary[]> {
    const query = {
      all: options.all,
      digests: options.digests,
      filters: encodeFilters(options.filters),
      "shared-size": options.sharedSize,
    };
    const images = await this.#connection.json<ImageSummary[]>("GET", "/images/json", { query, signal: options.signal });
    // Docker 20.10 and Podman have null for no digest and no tag.
    return images.map((image) => ({ ...image, RepoTags: image.RepoTags ?? [], RepoDigests: image.RepoDigests ?? [] }));
  }

  async inspect(name: string, options: Abortable = {}): Promise<ImageInspect> {
    return JSON.parse(await this.inspectText(name, options)) as ImageInspect;
  }

  /** The engine's own JSON text. */
  inspectText(name: string, options: Abortable & { platform?: string | undefined } = {}): Promise<string> {
    return this.#connection.text("GET", `${path(name)}/json`, {
      query: { platform: encodePlatform(options.platform) },
      signal: options.signal,
    });
  }

  history(name: string, options: Abortable & { platform?: string | undefined } = {}): Promise<ImageHistoryItem[]> {
    return this.#connection.json("GET", `${path(name)}/history`, {
      query: { platform: encodePlatform(options.platform) },
      signal: options.signal,
    });
  }

  async tag(name: string, repo: string, tag: string, options: Abortable = {}): Promise<void> {
    await this.#connection.done("POST", `${path(name)}/tag`, { query: { repo, tag }, signal: options.signal });
  }

  remove(name: string, options: Abortable & { force?: boolean; noPrune?: boolean; platforms?: string[] } = {}): Promise<ImageDeleteItem[]> {
    const query = {
      force: options.force,
      noprune: options.noPrune,
      platforms: options.platforms?.map((platform) => encodePlatform(platform) ?? ""),
    };
    return this.#connection.json("DELETE", path(name), { query, signal: options.signal });
  }

  /** Digest of an image in its registry; nothing is pulled. @param name full reference */
  async remoteDigest(name: string, options: Pick<PullOptions, "auth" | "signal"> = {}): Promise<string> {
    const headers = { "x-registry-auth": encodeAuth(options.auth) };
    const found = await this.#connection.json<{ Descriptor: { digest: string } }>("GET", `/distribution/${name}/json`, {
      headers,
      signal: options.signal,
    });
    return found.Descriptor.digest;
  }

  /** What a name stands for in its registry; nothing is pulled. Other engines than Berth's answer with status 404. */
  remoteManifest(name: string, options: Pick<PullOptions, "auth" | "signal"> & { insecure?: boolean } = {}): Promise<RemoteManifest> {
    const headers = { "x-registry-auth": encodeAuth(options.auth) };
    const query = { name, insecure: options.insecure };
    return this.#connection.json("GET", "/berth/registry/manifest", { query, headers, signal: options.signal });
  }

  /**
   * Puts a manifest or an index into a registry, under a tag or by its digest. Other engines than Berth's answer with 404.
   * @param options.from the repository of the same registry that has what a manifest names
   */
  putRemoteManifest(
    name: string,
    data: Buffer,
    options: Pick<PullOptions, "auth" | "signal"> & { insecure?: boolean; from?: string } = {},
  ): Promise<{ digest: string }> {
    const headers = { "x-registry-auth": encodeAuth(options.auth) };
    const query = { name, insecure: options.insecure, from: options.from };
    const json = { raw: data.toString("base64") };
    return this.#connection.json("PUT", "/berth/registry/manifest", { query, headers, json, signal: options.signal });
  }

  /** Tags of a repository in its registry; other engines than Berth's answer with status 404. */
  remoteTags(name: string, options: Pick<PullOptions, "auth" | "signal"> = {}): Promise<string[]> {
    const headers = { "x-registry-auth": encodeAuth(options.auth) };
    return this.#connection.json("GET", "/berth/registry/tags", { query: { name }, headers, signal: options.signal });
  }

  /** Repositories of a registry, without its name. @param registry host, with its port */
  remoteRepositories(registry: string, options: Pick<PullOptions, "auth" | "signal"> = {}): Promise<string[]> {
    const headers = { "x-registry-auth": encodeAuth(options.auth) };
    return this.#connection.json("GET", "/berth/registry/repositories", { query: { registry }, headers, signal: options.signal });
  }

  /** Progress of a pull; a message with `error` is its failure. @param name repository, or repository@digest */
  async *pull(name: string, options: PullOptions = {}): AsyncGenerator<JsonMessage> {
    const response = await this.#connection.stream("POST", "/images/create", {
      query: { fromImage: name, platform: options.platform, tag: options.tag },
      headers: { "x-registry-auth": encodeAuth(options.auth) },
      signal: options.signal,
    });
    yield* jsonLines<JsonMessage>(response);
  }

  async *push(name: string, options: PullOptions = {}): AsyncGenerator<JsonMessage> {
    const response = await this.#connection.stream("POST", `/images/${name}/push`, {
      query: { platform: encodePlatform(options.platform), tag: options.tag },
      headers: { "x-registry-auth": encodeAuth(options.auth) },
      signal: options.signal,
    });
    yield* jsonLines<JsonMessage>(response);
  }

  async *import(options: ImportOptions): AsyncGenerator<JsonMessage> {
    const { changes, source: fromSrc, message, platform, repo, tag, signal } = options;
    const response = await this.#connection.stream("POST", "/images/create", {
      query: { changes, fromSrc, message, platform, repo, tag },
      ...(options.tar ? { body: options.tar } : {}),
      signal,
    });
    yield* jsonLines<JsonMessage>(response);
  }

  /** Loads a docker-archive or OCI layout; messages are JSON when the engine says so, else one plain text. */
  async *load(tar: Readable, options: Abortable & { quiet?: boolean; platform?: string | undefined } = {}): AsyncGenerator<JsonMessage> {
    const query = { platform: encodePlatform(options.platform), quiet: options.quiet };
    const response = await this.#connection.stream("POST", "/images/load", { query, body: tar, signal: options.signal });
    if (response.headers["content-type"]?.startsWith("application/json")) yield* jsonLines<JsonMessage>(response);
    else for await (const chunk of response as AsyncIterable<Buffer>) yield { stream: chunk.toString() };
  }

  /** Images and all their layers as one tar. */
  save(names: readonly string[], options: Abortable & { platform?: string | undefined } = {}): Promise<Readable> {
    return this.#connection.stream("GET", "/images/get", {
      query: { names, platform: encodePlatform(options.platform) },
      signal: options.signal,
    });
  }

  search(
    term: string,
    options: Abortable & { limit?: number | undefined; filters?: Filters; auth?: AuthConfig | undefined } = {},
  ): Promise<SearchResult[]> {
    return this.#connection.json("GET", "/images/search", {
      query: { filters: encodeFilters(options.filters), limit: options.limit, term },
      headers: { "x-registry-auth": encodeAuth(options.auth) },
      signal: options.signal,
    });
  }

  prune(filters?: Filters, options: Abortable = {}): Promise<{ ImagesDeleted: ImageDeleteItem[] | null; SpaceReclaimed: number }> {
    return this.#connection.json("POST", "/images/prune", { query: { filters: encodeFilters(filters) }, signal: options.signal });
  }
}

/** Slashes of a name are part of the path. */
function path(name: string): string {
  return `/images/${encodeURIComponent(name).replaceAll("%2F", "/").replaceAll("%3A", ":").replaceAll("%40", "@")}`;
}
