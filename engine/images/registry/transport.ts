/**
 * HTTP as registries need it: redirects that do not leak credentials, time limits, errors in the words that Docker's users
 * know. Bodies are streams; whoever gets a response reads or destroys it.
 */
import { readdirSync, readFileSync } from "node:fs";
import { Agent as HttpAgent, request as httpRequest } from "node:http";
import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream";
import { getCACertificates } from "node:tls";
import { EngineError } from "../../errors.ts";
import { errorCode } from "../../host/libc.ts";
import { withoutLoopback } from "./settings.ts";

export interface Request {
  method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH";
  url: string;
  headers?: Record<string, string>;
  body?: Readable | Buffer | undefined;
  signal?: AbortSignal | undefined;
  /** Until the answer's head is there. Default 20 seconds. */
  timeoutMs?: number;
}

/** Nothing came for this long: the connection is dead. */
const STALL_MS = 30_000;
const HEAD_MS = 20_000;
const MOST_REDIRECTS = 5;

/** A request that got no answer: worth another try. `message` is `Get "<url>": <reason>`. */
export class TransportError extends EngineError {
  constructor(method: string, url: string, cause: unknown) {
    const verb = method.charAt(0) + method.slice(1).toLowerCase();
    super("internal", `${verb} "${redact(url)}": ${reasonOf(cause)}`, { cause });
    this.name = "TransportError";
  }
}

/** Signed addresses of storage services carry secrets in their query. */
function redact(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

export class Transport {
  readonly #http: HttpAgent;
  readonly #https = new Map<string, HttpsAgent>();
  readonly #env: NodeJS.ProcessEnv;
  readonly #insecure: boolean;

  constructor(env: NodeJS.ProcessEnv, insecure: boolean) {
    this.#env = withoutLoopback(env);
    this.#insecure = insecure;
    this.#http = new HttpAgent({ keepAlive: true, keepAliveMsecs: 5000, proxyEnv: this.#env });
  }

  close(): void {
    this.#http.destroy();
    for (const agent of this.#https.values()) agent.destroy();
  }

  /** Sends a request and follows redirects of those without a body. @throws {TransportError} */
  async send(request: Request): Promise<IncomingMessage> {
    let { url, headers = {} } = request;
    for (let redirects = 0; ; redirects++) {
      const response = await this.#once({ ...request, url, headers });
      const location = response.headers.location;
      const isRedirect = [301, 302, 303, 307, 308].includes(response.statusCode ?? 0) && location !== undefined;
      if (!isRedirect || (request.method !== "GET" && request.method !== "HEAD")) return response;
      response.resume();
      const next = new URL(location, url);
      if (redirects === MOST_REDIRECTS) throw new EngineError("internal", `stopped after ${MOST_REDIRECTS} redirects`);
      checkRedirect(new URL(url), next);
      if (next.host !== new URL(url).host) headers = withoutCredentials(headers);
      url = next.href;
    }
  }

  async #once(request: Request): Promise<IncomingMessage> {
    request.signal?.throwIfAborted();
    const { method, url, headers, body, timeoutMs = HEAD_MS } = request;
    const { protocol, host } = new URL(url);
    const options: RequestOptions = { method, headers: { "User-Agent": "berth", ...headers } };
    return new Promise((done, failed) => {
      const outgoing: ClientRequest =
        protocol === "https:"
          ? httpsRequest(url, { ...options, agent: this.#httpsAgent(host) })
          : httpRequest(url, { ...options, agent: this.#http });
      const fail = (error: unknown): void => {
        outgoing.destroy();
        failed(request.signal?.aborted ? abortReason(request.signal) : new TransportError(method, url, error));
      };
      const timer = setTimeout(() => fail(timedOut()), body ? STALL_MS * 20 : timeoutMs);
      const abort = (): void => fail(request.signal!.reason);
      request.signal?.addEventListener("abort", abort, { once: true });
      outgoing.setTimeout(STALL_MS, () => outgoing.destroy(timedOut()));
      outgoing.once("error", fail);
      outgoing.once("response", (response) => {
        clearTimeout(timer);
        response.once("close", () => request.signal?.removeEventListener("abort", abort));
        done(response);
      });
      outgoing.once("close", () => clearTimeout(timer));
      if (body instanceof Buffer || body === undefined) outgoing.end(body);
      else pipeline(body, outgoing, (error) => error && fail(error));
    });
  }

  #httpsAgent(host: string): HttpsAgent {
    let agent = this.#https.get(host);
    if (!agent) {
      const own = certificatesOf(host);
      const ca = [...authorities(), ...(own.ca ?? [])];
      agent = new HttpsAgent({
        keepAlive: true,
        keepAliveMsecs: 5000,
        proxyEnv: this.#env,
        ...own,
        ca,
        rejectUnauthorized: !this.#insecure,
      });
      this.#https.set(host, agent);
    }
    return agent;
  }
}

let known: string[] | undefined;

/** Node brings its own list; the machine's may have the company's. */
function authorities(): string[] {
  known ??= [...new Set([...getCACertificates("default"), ...getCACertificates("system")])];
  return known;
}

/** A registry's own authority and client certificate, where Docker looks for them. */
function certificatesOf(host: string): { ca?: string[]; cert?: string; key?: string } {
  const directory = join("/etc/docker/certs.d", host);
  try {
    const names = readdirSync(directory);
    const read = (name: string): string => readFileSync(join(directory, name), "utf8");
    const cert = names.find((name) => name.endsWith(".cert"));
    const key = cert?.replace(/\.cert$/, ".key");
    return { ca: names.filter((name) => name.endsWith(".crt")).map(read), ...(cert && key && { cert: read(cert), key: read(key) }) };
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "EACCES") return {};
    throw error;
  }
}

function checkRedirect(from: URL, to: URL): void {
  if (to.protocol === "https:" || (to.protocol === "http:" && from.protocol === "http:")) return;
  throw new EngineError("internal", `Cannot follow the redirect from ${from.origin} to ${to.origin}: it is not encrypted`);
}

function withoutCredentials(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== "authorization"));
}

function timedOut(): Error {
  return Object.assign(new Error("timed out"), { code: "ETIMEDOUT" });
}

function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason));
}

const REASONS: Record<string, string> = {
  ECONNREFUSED: "connect: connection refused",
  EHOSTUNREACH: "connect: no route to host",
  ENETUNREACH: "connect: network is unreachable",
  ECONNRESET: "connection reset by peer",
  EPIPE: "write: broken pipe",
};
const CERTIFICATES = /^(UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|CERT_|ERR_TLS_CERT)/;

/** The cause in the words of Go's network library, which people search for. */
function reasonOf(cause: unknown): string {
  const first = cause instanceof AggregateError ? (cause.errors[0] as unknown) : cause;
  const {
    code = "",
    address,
    port,
    hostname,
    message,
  } = first as NodeJS.ErrnoException & { address?: string; port?: number; hostname?: string };
  if (code === "ENOTFOUND") return `dial tcp: lookup ${hostname}: no such host`;
  if (code === "EAI_AGAIN") return `dial tcp: lookup ${hostname}: Temporary failure in name resolution`;
  if (code === "ETIMEDOUT")
    return "net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)";
  if (CERTIFICATES.test(code)) return `tls: failed to verify certificate: x509: ${code === "ERR_TLS_CERT_ALTNAME_INVALID" ? message : "certificate signed by unknown authority"}`; // oxfmt-ignore
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER" || code === "ERR_SSL_PACKET_LENGTH_TOO_LONG")
    return "http: server gave HTTP response to HTTPS client";
  const reason = REASONS[code] ?? message;
  return address === undefined ? reason : `dial tcp ${address.includes(":") ? `[${address}]` : address}:${port}: ${reason}`;
}

/** A whole small body. @throws {EngineError} when it is larger */
export async function readBody(response: IncomingMessage, mostBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += (chunk as Buffer).length;
    if (size > mostBytes) {
      response.destroy();
      throw new EngineError("invalid", `The registry's answer is larger than ${mostBytes} bytes`);
    }
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
