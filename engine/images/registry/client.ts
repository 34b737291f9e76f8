/**
 * One repository of one registry, over the distribution protocol.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
 */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { AuthConfig } from "../../api/types/image.ts";
import { EngineError } from "../../errors.ts";
import type { Digest } from "../../layers/snapshots.ts";
import { LARGEST_MANIFEST } from "../manifest.ts";
import { ACCEPTED_MANIFESTS } from "../media-types.ts";
import type { Descriptor } from "../images.ts";
import { Authenticator } from "./auth.ts";
import type { Endpoint } from "./endpoint.ts";
import { AccessError, isWorthRetrying, readError, RegistryError } from "./refusal.ts";
import { readBody, Transport, TransportError } from "./transport.ts";
import type { Request } from "./transport.ts";

export interface RawManifest {
  data: Buffer;
  digest: Digest;
  mediaType: string;
}

const PING_MS = 4500;
const MOST_TRIES = 5;

export class RegistryClient {
  readonly #transport: Transport;
  readonly #base: string;
  readonly #repository: string;
  readonly #authenticator: Authenticator;
  readonly #scope: string;

  readonly #retryMs: number;

  private constructor(transport: Transport, { base, retryMs }: { base: string; retryMs: number }, access: Access) {
    this.#transport = transport;
    this.#retryMs = retryMs;
    this.#base = base;
    this.#repository = access.repository;
    this.#scope = access.repository === "" ? "" : `repository:${access.repository}:${access.push ? "pull,push" : "pull"}`;
    this.#authenticator = new Authenticator(transport, access.auth, new URL(base).protocol === "http:");
  }

  /**
   * Finds out how the registry wants to be spoken to. Gives up after a few seconds where there is no network.
   * @throws {TransportError} `Get "https://…/v2/": …`
   */
  static async connect(endpoint: Endpoint, access: Access, env: NodeJS.ProcessEnv): Promise<RegistryClient> {
    const transport = new Transport(env, endpoint.insecure);
    try {
      return await RegistryClient.#ping(transport, { base: endpoint.url, retryMs: endpoint.retryMs }, access);
    } catch (error) {
      const plain = endpoint.url.replace(/^https:/, "http:");
      if (endpoint.insecure && error instanceof TransportError && plain !== endpoint.url)
        return await RegistryClient.#ping(transport, { base: plain, retryMs: endpoint.retryMs }, access).catch((second: unknown) => {
          transport.close();
          throw second;
        });
      transport.close();
      throw error;
    }
  }

  static async #ping(transport: Transport, at: { base: string; retryMs: number }, access: Access): Promise<RegistryClient> {
    const client = new RegistryClient(transport, at, access);
    const response = await transport.send({ method: "GET", url: `${at.base}/v2/`, signal: access.signal, timeoutMs: PING_MS });
    response.resume();
    if (response.statusCode === 401) client.#authenticator.challenged(response.headers["www-authenticate"], client.#scope);
    return client;
  }

  /** Shows the credentials. @returns the identity token that a token server gave for them, or "" @throws {EngineError} unauthorized when they are not taken */
  async login(signal?: AbortSignal): Promise<string> {
    this.#authenticator.askForIdentity = true;
    const response = await this.#once({ method: "GET", url: `${this.#base}/v2/`, signal });
    response.resume();
    if (response.statusCode === 401)
      throw new EngineError("unauthorized", `Get "${this.#base}/v2/": unauthorized: incorrect username or password`);
    if (response.statusCode !== 200)
      throw new EngineError("internal", `login attempt to ${this.#base}/v2/ failed with status: ${response.statusCode}`);
    return this.#authenticator.identityToken;
  }

  close(): void {
    this.#transport.close();
  }

  /** @throws {RegistryError} not-found, or EngineError invalid when it is not what the digest promises */
  async manifest(reference: string, signal?: AbortSignal): Promise<RawManifest> {
    const headers = { Accept: ACCEPTED_MANIFESTS.join(", ") };
    const promised = reference.startsWith("sha256:") ? reference : undefined;
    const url = this.#url(`manifests/${reference}`);
    const response = await this.#send({ method: "GET", url, headers, signal }).catch((error: unknown) => {
      // Docker begins with the digest of a tag, and names that request.
      throw error instanceof AccessError ? error.during(promised === undefined ? "Head" : "Get", url) : error;
    });
    const data = await readBody(response, LARGEST_MANIFEST);
    const digest: Digest = `sha256:${createHash("sha256").update(data).digest("hex")}`;
    if (promised !== undefined && promised !== digest)
      throw new EngineError("invalid", `manifest verification failed for digest ${promised}: the registry sent ${digest}`);
    return { data, digest, mediaType: (response.headers["content-type"] ?? "").split(";")[0]!.trim() };
  }

  /** The digest that a tag stands for, without its manifest. */
  async resolve(reference: string, signal?: AbortSignal): Promise<Digest | undefined> {
    const headers = { Accept: ACCEPTED_MANIFESTS.join(", ") };
    const response = await this.#send({ method: "HEAD", url: this.#url(`manifests/${reference}`), headers, signal }, [404]);
    response.resume();
    return response.statusCode === 404 ? undefined : (response.headers["docker-content-digest"] as Digest | undefined);
  }

  /** All tags, in the registry's order. */
  async tags(signal?: AbortSignal): Promise<string[]> {
    return this.#pages(this.#url("tags/list"), "tags", signal);
  }

  /** All repositories, where the registry lists them. */
  async repositories(signal?: AbortSignal): Promise<string[]> {
    return this.#pages(`${this.#base}/v2/_catalog`, "repositories", signal);
  }

  async #pages(first: string, list: "tags" | "repositories", signal?: AbortSignal): Promise<string[]> {
    const names: string[] = [];
    for (let url: string | undefined = first; url !== undefined;) {
      const response = await this.#send({ method: "GET", url, signal });
      const page = JSON.parse((await readBody(response, LARGEST_MANIFEST)).toString()) as Record<string, string[] | null>;
      names.push(...(page[list] ?? []));
      const next = /<([^>]+)>;\s*rel="?next"?/.exec(String(response.headers["link"] ?? ""))?.[1];
      url = next === undefined || names.length > 100_000 ? undefined : new URL(next, url).href;
    }
    return names;
  }

  /**
   * A blob from `offset` on; `offset` of the answer is 0 where the registry cannot resume. Asks once: whoever reads the body
   * has to try again anyhow.
   */
  async blob(digest: Digest, offset: number, signal?: AbortSignal): Promise<{ body: IncomingMessage; offset: number }> {
    const headers: Record<string, string> = offset > 0 ? { Range: `bytes=${offset}-` } : {};
    const body = await this.#once({ method: "GET", url: this.#url(`blobs/${digest}`), headers, signal });
    if (body.statusCode === 416 && offset > 0) {
      body.resume();
      return this.blob(digest, 0, signal);
    }
    if (body.statusCode !== 200 && body.statusCode !== 206) throw await readError(body);
    const start = /^bytes (\d+)-/.exec(body.headers["content-range"] ?? "")?.[1];
    return { body, offset: body.statusCode === 206 && start !== undefined && Number(start) === offset ? offset : 0 };
  }

  /** Waits longer each time, or as long as the registry asks. */
  async pause(attempt: number, failure: unknown, signal: AbortSignal | undefined): Promise<void> {
    const asked = failure instanceof RegistryError ? Number(failure.retryAfter) * 1000 : 0;
    const ms = Number.isFinite(asked) && asked > 0 ? Math.min(asked, 30_000) : this.#retryMs * 2 ** (attempt - 1);
    await sleep(ms, undefined, { ref: true, ...(signal && { signal }) });
  }

  async hasBlob(digest: Digest, signal?: AbortSignal): Promise<boolean> {
    const response = await this.#send({ method: "HEAD", url: this.#url(`blobs/${digest}`), signal }, [404]);
    response.resume();
    return response.statusCode === 200;
  }

  /** Uses a blob of another repository of the same registry. @returns whether that worked; if not, upload it */
  async mount(digest: Digest, from: string, signal?: AbortSignal): Promise<boolean> {
    const url = this.#url(`blobs/uploads/?mount=${digest}&from=${encodeURIComponent(from)}`);
    const response = await this.#send({ method: "POST", url, body: Buffer.alloc(0), signal }, [401, 403, 404, 405]);
    response.resume();
    return response.statusCode === 201;
  }

  /** @param content makes a new stream for each attempt */
  async upload(blob: Descriptor, content: () => Readable, signal?: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++)
      try {
        const start = await this.#send({ method: "POST", url: this.#url("blobs/uploads/"), body: Buffer.alloc(0), signal });
        start.resume();
        const target = new URL(start.headers.location ?? "", this.#base);
        target.searchParams.set("digest", blob.digest);
        const headers = { "Content-Type": "application/octet-stream", "Content-Length": String(blob.size) };
        const done = await this.#once({ method: "PUT", url: target.href, headers, body: content(), signal });
        if (done.statusCode !== 201 && done.statusCode !== 204) throw await readError(done);
        done.resume();
        return;
      } catch (error) {
        if (!isWorthRetrying(error) || attempt === MOST_TRIES) throw error;
        await this.pause(attempt, error, signal);
      }
  }

  async putManifest(reference: string, { data, mediaType }: Pick<RawManifest, "data" | "mediaType">, signal?: AbortSignal): Promise<void> {
    const headers = { "Content-Type": mediaType, "Content-Length": String(data.length) };
    const response = await this.#send({ method: "PUT", url: this.#url(`manifests/${reference}`), headers, body: data, signal });
    response.resume();
  }

  #url(path: string): string {
    return `${this.#base}/v2/${this.#repository}/${path}`;
  }

  /** Tries again where the registry is overloaded or the line is bad; not for streams, which can be sent only once. */
  async #send(request: Request, alsoFine: readonly number[] = []): Promise<IncomingMessage> {
    for (let attempt = 1; ; attempt++) {
      let failure: unknown;
      try {
        const response = await this.#once(request);
        const status = response.statusCode ?? 0;
        if ((status >= 200 && status < 300) || alsoFine.includes(status)) return response;
        failure = await readError(response);
      } catch (error) {
        failure = error;
      }
      if (!isWorthRetrying(failure) || attempt === MOST_TRIES) throw failure;
      await this.pause(attempt, failure, request.signal);
    }
  }

  /** One request, and another with credentials if it is refused without. */
  async #once(request: Request): Promise<IncomingMessage> {
    for (let isFirst = true; ; isFirst = false) {
      const authorization = await this.#authenticator.header(this.#scope, request.signal);
      const response = await this.#transport.send({ ...request, headers: { ...request.headers, ...authorization } });
      if (response.statusCode !== 401 || !isFirst || (request.body && !(request.body instanceof Buffer))) return response;
      if (!this.#authenticator.challenged(response.headers["www-authenticate"], this.#scope)) return response;
      response.resume();
    }
  }
}

/** Who wants to do what. */
export interface Access {
  /** Empty for what concerns the registry as a whole. */
  repository: string;
  push: boolean;
  auth?: AuthConfig | undefined;
  signal?: AbortSignal | undefined;
}
