/**
 * HTTP to one engine: versioned paths, JSON in and out, streams both ways, and connections taken over by an attach.
 *
 *     request → (first time: _ping, lowest version of the two) → response checked → JSON | stream | duplex
 */
import { once } from "node:events";
import type { Agent, ClientRequest, IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Duplex, Readable } from "node:stream";
import { addAbortSignal, pipeline } from "node:stream";
import { text } from "node:stream/consumers";
import { ClientError, ConnectionError, messageOf } from "./errors.ts";
import type { Endpoint } from "./endpoint.ts";
import { post } from "./plain-request.ts";

/** The newest API version that this client knows. */
export const API_VERSION = "1.51";

export type QueryValue = string | number | boolean | readonly string[] | undefined;

/** Filters of lists, prunes and events, e.g. `{ label: ["a", "b=c"] }`. */
export type Filters = Readonly<Record<string, readonly string[]>>;

export interface Call {
  /** False and undefined are left out, true is `1`, a list repeats its key. */
  readonly query?: Readonly<Record<string, QueryValue>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is, with backpressure; the stream is consumed. */
  readonly body?: Readable;
  readonly contentType?: string;
  /** Aborting ends the request, also when its answer is still streaming. */
  readonly signal?: AbortSignal | undefined;
}

/** A connection that an attach or exec has taken over. */
export interface Hijacked {
  readonly socket: Duplex;
  readonly headers: IncomingHttpHeaders;
}

/** Filters as the API wants them, `{"label":{"a":true}}`, or undefined when there are none. */
export function encodeFilters(filters: Filters | undefined): string | undefined {
  if (!filters) return undefined;
  const entries = Object.entries(filters).filter(([, values]) => values.length > 0);
  if (entries.length === 0) return undefined;
  return JSON.stringify(Object.fromEntries(entries.map(([key, values]) => [key, Object.fromEntries(values.map((v) => [v, true]))])));
}

export interface ConnectionOptions {
  /** Fixes the API version instead of asking the engine. */
  readonly apiVersion?: string;
  readonly userAgent?: string;
  /** Headers of every request (docker's `HttpHeaders` setting). */
  readonly headers?: Readonly<Record<string, string>>;
}

/** One engine. Safe to use from many places at once; requests share kept-alive connections. */
export class Connection {
  readonly endpoint: Endpoint;
  #agent: Promise<Agent> | undefined;
  readonly #headers: Record<string, string>;
  #version: Promise<string> | undefined;
  #server: string | undefined;

  constructor(endpoint: Endpoint, options: ConnectionOptions = {}) {
    this.endpoint = endpoint;
    this.#headers = { host: endpoint.host, "user-agent": options.userAgent ?? "berth", ...options.headers };
    if (options.apiVersion) this.#version = Promise.resolve(options.apiVersion.replace(/^v/, ""));
  }

  /** The API version that requests use; asks the engine the first time. */
  async apiVersion(signal?: AbortSignal): Promise<string> {
    this.#version ??= this.#negotiate(signal);
    try {
      return await this.#version;
    } catch (error) {
      this.#version = undefined;
      throw error;
    }
  }

  /** Whether this is an engine of Berth, which answers under `/berth/`. */
  async isBerth(signal?: AbortSignal): Promise<boolean> {
    await this.apiVersion(signal);
    if (this.#server === undefined) await this.#negotiate(signal);
    return this.#server!.startsWith("Berth/");
  }

  /** Sends a request and gives the answer's head; the caller reads or destroys its body. @throws {ClientError} for status ≥ 400 */
  async stream(method: string, path: string, call: Call = {}): Promise<IncomingMessage> {
    const response = await this.#send(method, await this.#versioned(path, call.signal), call);
    if (call.signal) addAbortSignal(call.signal, response);
    if ((response.statusCode ?? 0) >= 400) throw await errorOf(response, path);
    return response;
  }

  /** What is posted under `/berth/` is answered with a stream that nobody takes up after an answer: it has a connection of its own. */
  async *pour(path: string, { json, signal }: Pick<Call, "json" | "signal">): AsyncGenerator<Buffer> {
    if (this.endpoint.secure) yield* (await this.stream("POST", path, { json, signal })) as AsyncIterable<Buffer>;
    else yield* post(this.endpoint, path, { headers: this.#headers, json, signal });
  }

  /** The whole answer as text. */
  async text(method: string, path: string, call?: Call): Promise<string> {
    const response = await this.stream(method, path, call);
    const body = await text(response);
    if (!call?.body) await released(response);
    return body;
  }

  /** The whole answer as JSON; the engine is trusted to answer in the shape of its API. */
  async json<T>(method: string, path: string, call?: Call): Promise<T> {
    return JSON.parse(await this.text(method, path, call)) as T;
  }

  /** For calls without an answer. @returns the status: 204, or 304 when there was nothing to do */
  async done(method: string, path: string, call?: Call): Promise<number> {
    const response = await this.stream(method, path, call);
    response.resume();
    return response.statusCode ?? 0;
  }

  /** Turns the connection of a request into a byte stream of its own. Ending the stream's write side half-closes it. */
  async hijack(method: string, path: string, call: Call = {}): Promise<Hijacked> {
    const versioned = await this.#versioned(path, call.signal);
    const request = await this.#request(method, versioned, {
      ...call,
      headers: { ...call.headers, connection: "Upgrade", upgrade: "tcp" },
    });
    return new Promise((resolve, reject) => {
      request.once("upgrade", (response, socket, head) => {
        if (head.length > 0) socket.unshift(head);
        if (call.signal) addAbortSignal(call.signal, socket);
        resolve({ socket, headers: response.headers });
      });
      request.once("response", (response) => {
        errorOf(response, path).then(reject, reject);
      });
      request.once("error", (error) => reject(this.#failure(error, call.signal)));
      sendBody(request, call);
    });
  }

  /** Ends idle connections; the client can still be used afterwards. */
  async close(): Promise<void> {
    (await this.#agent)?.destroy();
  }

  async #negotiate(signal?: AbortSignal): Promise<string> {
    const response = await this.#send("HEAD", "/_ping", { signal });
    response.resume();
    await released(response);
    this.#server = String(response.headers.server ?? "");
    const version = String(response.headers["api-version"] ?? "1.24");
    return compareVersions(version, API_VERSION) < 0 ? version : API_VERSION;
  }

  async #versioned(path: string, signal?: AbortSignal): Promise<string> {
    return path === "/_ping" || path.startsWith("/berth/") ? path : `/v${await this.apiVersion(signal)}${path}`;
  }

  async #request(method: string, path: string, call: Call): Promise<ClientRequest> {
    call.signal?.throwIfAborted();
    const headers: Record<string, string> = { ...this.#headers, ...call.headers };
    if (call.json !== undefined) headers["content-type"] = "application/json";
    else if (call.body) headers["content-type"] = call.contentType ?? "application/x-tar";
    else if (method === "POST") headers["content-length"] = "0";
    const agent = await (this.#agent ??= makeAgent(this.endpoint));
    const signal = call.signal ? { signal: call.signal } : {};
    // Without a server's name Node would look for one in the Host header, with an expression that takes milliseconds to compile.
    const servername = this.endpoint.secure ? {} : { servername: "" };
    // Loaded here for the same reason as there.
    const { request } = process.getBuiltinModule("node:http");
    return request({ agent, method, path: path + encodeQuery(call.query), headers, setHost: false, ...servername, ...signal });
  }

  async #send(method: string, path: string, call: Call): Promise<IncomingMessage> {
    const request = await this.#request(method, path, call);
    try {
      return await answer(request, call);
    } catch (error) {
      // The engine may close an idle connection at the moment it is used again: nothing was handled, so ask once more.
      const stale = request.reusedSocket && (error as NodeJS.ErrnoException).code === "ECONNRESET" && !call.body;
      if (stale) return answer(await this.#request(method, path, call), call);
      throw this.#failure(error, call.signal);
    }
  }

  #failure(error: unknown, signal: AbortSignal | undefined): Error {
    if (signal?.aborted) return signal.reason as Error;
    if (error instanceof BodyError) return error.cause as Error;
    return new ConnectionError(this.endpoint.url, error);
  }
}

/** Resolves when the next request may have the connection, which is a moment after the answer's end: by ssh another one is another login. */
async function released(response: IncomingMessage): Promise<void> {
  const { req } = response as IncomingMessage & { readonly req: ClientRequest };
  if (!req.closed) await once(req, "close");
}

/** What is sent could not be read: nothing is wrong with the connection. */
class BodyError extends Error {}

function answer(request: ClientRequest, call: Call): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once("response", resolve);
    // A body that fails takes the request with it, and the other way round: whichever failed first is the reason.
    call.body?.once("error", (error) => reject(new BodyError("", { cause: error })));
    request.on("error", reject);
    sendBody(request, call);
  });
}

function sendBody(request: ClientRequest, call: Call): void {
  if (call.json !== undefined) request.end(JSON.stringify(call.json));
  // A failing body destroys the request, whose error event then carries the reason.
  else if (call.body) pipeline(call.body, request, () => {});
  else request.end();
}

async function makeAgent(endpoint: Endpoint): Promise<Agent> {
  if (endpoint.secure) {
    const { TlsAgent } = await import("./tls.ts");
    return new TlsAgent(endpoint);
  }
  const { DialAgent } = await import("./dial-agent.ts");
  return new DialAgent(endpoint);
}

function encodeQuery(query: Call["query"]): string {
  if (!query) return "";
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "object") for (const one of value) params.append(key, one);
    else params.append(key, value === true ? "1" : String(value));
  }
  const encoded = params.toString();
  return encoded ? `?${encoded}` : "";
}

async function errorOf(response: IncomingMessage, path: string): Promise<ClientError> {
  const status = response.statusCode ?? 0;
  const body = (await text(response)).trim();
  return new ClientError(status, messageOf(body) || `request returned ${response.statusMessage} for API route and version ${path}`);
}

/** Negative when `a` is the older API version. */
export function compareVersions(a: string, b: string): number {
  const [aMajor = 0, aMinor = 0] = a.split(".").map(Number);
  const [bMajor = 0, bMinor = 0] = b.split(".").map(Number);
  return aMajor - bMajor || aMinor - bMinor;
}
