/** Questions to registries that bring no image: its tags, what a name stands for, whether a password is right, search. */
import type { AuthConfig, RemoteManifest } from "../api/types/image.ts";
import { EngineError } from "../errors.ts";
import type { Digest } from "../layers/snapshots.ts";
import { DOCKER_HUB, withDefaultTag } from "../syntax/reference.ts";
import type { Reference } from "../syntax/reference.ts";
import type { Descriptor, Platform } from "./images.ts";
import { needReference } from "./lookup.ts";
import { LARGEST_CONFIG, parseConfig, parseManifest } from "./manifest.ts";
import type { Index, Manifest } from "./manifest.ts";
import { putManifest } from "./put-manifest.ts";
import { basicOf } from "./registry/auth.ts";
import { withClient } from "./registry/ask.ts";
import type { AskOptions, RegistryAsked } from "./registry/ask.ts";
import type { RegistryClient } from "./registry/client.ts";
import { endpointsOf, isInsecure } from "./registry/endpoint.ts";
import type { RegistryOptions } from "./registry/endpoint.ts";
import { readBody, Transport } from "./registry/transport.ts";

/** Where `docker login` without an address goes. */
const HUB_LOGIN = /^(https?:\/\/)?(index\.docker\.io|registry-1\.docker\.io|docker\.io)(\/|$)/;

/** All tags of a repository. */
export async function remoteTags(
  name: Pick<Reference, "domain" | "path">,
  { auth, signal }: AskOptions,
  registry: RegistryOptions,
): Promise<string[]> {
  return withClient(name, { ...ask(auth, signal), registry }, async (client) => client.tags(signal));
}

/** Mirrors first: where nothing else can be reached, they know the tags. The registry's own answer counts when none does. */
async function anyTags(name: Reference, options: RegistryAsked): Promise<string[]> {
  for (const endpoint of endpointsOf(name.domain, options.registry).filter(({ mirror }) => mirror)) {
    const tags = await withClient(name, { ...options, endpoint }, (client) => client.tags(options.signal)).catch(() => []);
    options.signal?.throwIfAborted();
    if (tags.length > 0) return tags;
  }
  return withClient(name, options, (client) => client.tags(options.signal));
}

function ask(auth: AuthConfig | undefined, signal: AbortSignal | undefined): AskOptions {
  return { ...(auth && { auth }), ...(signal && { signal }) };
}

/** What registries are asked that brings no image, in the shapes of Docker's API. */
export interface Registry {
  /** Tags of a repository, from the first of its mirrors that knows it, else from the registry. @throws {EngineError} invalid, or as `inspect` */
  tags(repository: string, auth?: AuthConfig, signal?: AbortSignal): Promise<string[]>;
  /** Repositories of a registry (`localhost:5000`) that lists them. @throws {EngineError} in the registry's words */
  repositories(domain: string, auth?: AuthConfig, signal?: AbortSignal): Promise<string[]>;
  /** Shows credentials to the registry that they name. @throws {EngineError} unauthorized when it does not take them */
  login(auth: AuthConfig, signal?: AbortSignal): Promise<{ status: string; identityToken: string }>;
  /**
   * The descriptor that a name stands for, and the platforms it can run on.
   * @throws {EngineError} in the registry's words, e.g. not-found `manifest unknown: manifest unknown`
   */
  inspect(reference: string, auth?: AuthConfig, signal?: AbortSignal): Promise<{ Descriptor: Descriptor; Platforms: Platform[] }>;
  /** A manifest or an index as it is, for a single one with the platform it is for. `insecure` takes the registry at its word. */
  manifest(reference: string, options: ManifestOptions): Promise<RemoteManifest>;
  /** Puts a manifest or an index under a name, or without a tag by its digest. `from` names a repository that has its blobs. */
  putManifest(reference: string, data: Buffer, options: ManifestOptions & { from?: string | undefined }): Promise<Digest>;
  /** Docker Hub's search, or another registry's where the term begins with its host. @param options.limit 1 to 100 */
  search(term: string, options: SearchOptions): Promise<SearchResult[]>;
}

/** As Docker Hub writes it. */
export interface SearchResult {
  name: string;
  description: string;
  star_count: number;
  is_official: boolean;
  is_automated: boolean;
}

export function openRegistry(options: RegistryOptions = {}): Registry {
  return {
    async login(auth, signal) {
      return { status: "Login Succeeded", identityToken: await login(auth, options, signal) };
    },
    tags: async (repository, auth, signal) => anyTags(needReference(repository), { ...ask(auth, signal), registry: options }),
    repositories: async (domain, auth, signal) => {
      const { domain: host } = needReference(`${domain}/any`);
      return withClient({ domain: host, path: "" }, { ...ask(auth, signal), registry: options }, (client) => client.repositories(signal));
    },
    inspect: async (reference, auth, signal) => inspect(withDefaultTag(needReference(reference)), ask(auth, signal), options),
    manifest: async (reference, wanted) => readManifest(withDefaultTag(needReference(reference)), wanted, options),
    putManifest: async (reference, data, { from, insecure, ...wanted }) => {
      const to = needReference(reference);
      const source = from === undefined ? undefined : needReference(from);
      return putManifest(to, data, { ...wanted, from: source, registry: trusting(to, options, insecure) });
    },
    search: async (term, search) => searchImages(term, search, options),
  };
}

async function inspect(
  reference: Reference,
  options: AskOptions,
  registry: RegistryOptions,
): Promise<{ Descriptor: Descriptor; Platforms: Platform[] }> {
  return withClient(reference, { ...options, registry }, async (client) => {
    const { data, digest, mediaType } = await client.manifest(reference.digest ?? reference.tag!, options.signal);
    const document = parseManifest(data, mediaType);
    const descriptor: Descriptor = { mediaType: document.mediaType, digest, size: data.length };
    return { Descriptor: descriptor, Platforms: await platformsOf(client, document, options.signal) };
  });
}

interface ManifestOptions {
  auth?: AuthConfig | undefined;
  insecure?: boolean;
  signal?: AbortSignal | undefined;
}

async function readManifest(reference: Reference, options: ManifestOptions, registry: RegistryOptions): Promise<RemoteManifest> {
  const asked = { ...ask(options.auth, options.signal), registry: trusting(reference, registry, options.insecure) };
  return withClient(reference, asked, async (client) => {
    const { data, digest, mediaType } = await client.manifest(reference.digest ?? reference.tag!, options.signal);
    const document = parseManifest(data, mediaType);
    const [platform] = "config" in document ? await platformsOf(client, document, options.signal) : [];
    return { mediaType: document.mediaType, digest, size: data.length, raw: data.toString("base64"), ...(platform && { platform }) };
  });
}

function trusting({ domain }: Reference, registry: RegistryOptions, insecure: boolean | undefined): RegistryOptions {
  return insecure ? { ...registry, insecure: [...(registry.insecure ?? []), domain] } : registry;
}

async function platformsOf(client: RegistryClient, document: Manifest | Index, signal: AbortSignal | undefined): Promise<Platform[]> {
  if ("manifests" in document) return document.manifests.flatMap(({ platform }) => platform ?? []);
  if (document.config.size > LARGEST_CONFIG) return [];
  const { body } = await client.blob(document.config.digest, 0, signal);
  const { os, architecture, variant } = parseConfig(await readBody(body, LARGEST_CONFIG));
  return [{ architecture, os, ...(variant && { variant }) }];
}

async function login(auth: AuthConfig, registry: RegistryOptions, signal: AbortSignal | undefined): Promise<string> {
  const address = auth.serveraddress ?? "";
  const domain = address === "" || HUB_LOGIN.test(address) ? DOCKER_HUB : address.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
  if (!auth.identitytoken && !basicOf(auth)) throw new EngineError("unauthorized", "unauthorized: username and password are required");
  return withClient({ domain, path: "" }, { ...ask(auth, signal), registry }, async (client) => client.login(signal));
}

interface SearchOptions {
  limit: number;
  auth?: AuthConfig;
  signal?: AbortSignal;
}

/** @see https://docs.docker.com/reference/cli/docker/search/ */
async function searchImages(term: string, { limit, auth, signal }: SearchOptions, registry: RegistryOptions): Promise<SearchResult[]> {
  const [first = "", ...rest] = term.split("/");
  const hasHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  const host = hasHost ? first : "index.docker.io";
  const insecure = isInsecure(host, registry);
  const query = new URLSearchParams({ q: hasHost ? rest.join("/") : term.replace(/^library\//, ""), n: String(limit) });
  const basic = basicOf(auth);
  const headers: Record<string, string> =
    basic && !hasHost ? { Authorization: `Basic ${Buffer.from(`${basic.username}:${basic.password}`).toString("base64")}` } : {};
  const transport = new Transport(registry.env ?? process.env, insecure);
  try {
    const url = `${insecure ? "http" : "https"}://${host}/v1/search?${query.toString()}`;
    const response = await transport.send({ method: "GET", url, headers, signal, timeoutMs: 4500 });
    const body = await readBody(response, 4 << 20);
    if (response.statusCode !== 200) throw new EngineError("internal", `Unexpected status code ${response.statusCode}`);
    return readResults(body);
  } finally {
    transport.close();
  }
}

function readResults(body: Buffer): SearchResult[] {
  const { results } = JSON.parse(body.toString()) as { results?: Partial<SearchResult>[] };
  return (results ?? []).map((each) => ({
    name: String(each.name ?? ""),
    description: String(each.description ?? ""),
    star_count: Number(each.star_count ?? 0),
    is_official: each.is_official === true,
    is_automated: each.is_automated === true,
  }));
}
