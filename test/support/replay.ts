/**
 * A server that answers as a recorded dockerd did: each request takes the first recorded answer to the same request.
 * The recordings were made with docker CLI 28.2.2 and dockerd 28.5.2, one file a command line.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { buffer } from "node:stream/consumers";

interface RecordedBody {
  readonly kind: "json" | "json-stream" | "multiplexed-stream" | "text" | "tar";
  readonly json?: unknown;
  readonly messages?: readonly unknown[];
  readonly frames?: readonly Frame[];
  readonly text?: string;
}

interface Frame {
  readonly stream: "stdout" | "stderr";
  readonly text: string;
}

export interface Exchange {
  readonly request: { readonly method: string; readonly path: string; readonly json?: unknown };
  readonly response: { readonly status: number; readonly headers: Record<string, string>; readonly body?: RecordedBody };
  readonly hijacked?: { readonly framesFromServer?: readonly Frame[]; readonly rawFromServer?: { readonly text: string } };
}

export interface Recording {
  readonly command: string;
  readonly exitCode: number | string;
  readonly stdout: string;
  readonly stderr: string;
  readonly exchanges: readonly Exchange[];
}

/** What a request has to agree in: method, path without the version, query in any order. */
export function requestKey(method: string, path: string): string {
  const url = new URL(path.replace(/^\/v1\.\d+/, ""), "http://localhost");
  const empty = Array.from(url.searchParams).filter(([, value]) => value === "");
  for (const [name] of empty) url.searchParams.delete(name);
  url.searchParams.sort();
  const filters = url.searchParams.get("filters");
  if (filters) url.searchParams.set("filters", sortedJson(filters));
  return `${method} ${decodeURIComponent(url.pathname)}?${url.searchParams.toString()}`;
}

function sortedJson(text: string): string {
  const parsed = JSON.parse(text) as Record<string, Record<string, true>>;
  const byName = (a: string, b: string): number => (a < b ? -1 : 1);
  const names = Object.keys(parsed).toSorted(byName);
  return JSON.stringify(names.map((name) => [name, Object.keys(parsed[name] ?? {}).toSorted(byName)]));
}

export class Replay {
  readonly #server: Server;
  readonly #left: Exchange[];
  /** What went wrong: requests that nobody recorded, bodies that differ. */
  readonly problems: string[] = [];
  readonly #rewrite: (text: string) => string;

  /** @param rewrite undoes in what is sent what differs from machine to machine */
  constructor(exchanges: readonly Exchange[], rewrite: (text: string) => string) {
    this.#rewrite = rewrite;
    this.#left = exchanges.filter(({ request }) => !request.path.endsWith("/_ping"));
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.on("upgrade", (request, socket, head) => void this.#upgrade(request, socket as Socket, head));
  }

  async listen(path: string): Promise<void> {
    this.#server.listen(path);
    await once(this.#server, "listening");
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  /** Recorded requests that were not made. */
  get unused(): string[] {
    return this.#left.map(({ request }) => requestKey(request.method, request.path));
  }

  #take(request: IncomingMessage, body: Buffer): Exchange | undefined {
    const key = requestKey(request.method ?? "", request.url ?? "");
    const at = this.#left.findIndex((exchange) => requestKey(exchange.request.method, exchange.request.path) === key);
    if (at < 0) {
      this.problems.push(`not recorded: ${key}`);
      return undefined;
    }
    const [exchange] = this.#left.splice(at, 1);
    if (exchange?.request.json !== undefined) this.#compare(key, exchange.request.json, body);
    return exchange;
  }

  #compare(key: string, recorded: unknown, body: Buffer): void {
    const want = JSON.stringify(meaning(recorded));
    const sent = JSON.stringify(meaning(JSON.parse(this.#rewrite(body.toString()) || "null")));
    if (sent !== want) this.problems.push(`body of ${key}:\n  recorded ${want}\n  sent     ${sent}`);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    if (request.url === "/_ping") return void response.setHeader("api-version", "1.51").end();
    // What dockerd says of what only Berth serves.
    if (request.url?.startsWith("/berth/"))
      return void response.writeHead(404, { "content-type": "application/json" }).end('{"message":"page not found"}');
    const exchange = this.#take(request, body);
    if (!exchange) return void response.writeHead(500, { "content-type": "application/json" }).end('{"message":"not recorded"}');
    const { status, headers, body: answer } = exchange.response;
    response.writeHead(status, headers);
    response.end(request.method === "HEAD" ? undefined : encode(answer));
  }

  async #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    socket.on("error", () => {});
    const exchange = this.#take(request, await upgradeBody(request, socket, head));
    if (!exchange) return void socket.end("HTTP/1.1 500 Not recorded\r\nContent-Length: 0\r\n\r\n");
    const { status, headers, body } = exchange.response;
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    if (status !== 101) {
      const content = encode(body);
      return void socket.end(
        `HTTP/1.1 ${status} Recorded\r\n${lines.join("")}content-length: ${content.length}\r\n\r\n${content.toString()}`,
      );
    }
    socket.write(`HTTP/1.1 101 UPGRADED\r\n${lines.join("")}connection: Upgrade\r\nupgrade: tcp\r\n\r\n`);
    socket.write(encodeFrames(exchange.hijacked?.framesFromServer ?? []));
    socket.end(exchange.hijacked?.rawFromServer?.text ?? "");
  }
}

async function upgradeBody(request: IncomingMessage, socket: Socket, head: Buffer): Promise<Buffer> {
  const length = Number(request.headers["content-length"] ?? 0);
  let body = head;
  while (body.length < length) {
    const [chunk] = (await once(socket, "data")) as [Buffer];
    body = Buffer.concat([body, chunk]);
  }
  socket.resume();
  return body;
}

function encode(body: RecordedBody | undefined): Buffer {
  if (!body) return Buffer.alloc(0);
  if (body.kind === "json") return Buffer.from(JSON.stringify(body.json));
  if (body.kind === "json-stream") return Buffer.from((body.messages ?? []).map((message) => `${JSON.stringify(message)}\r\n`).join(""));
  if (body.kind === "multiplexed-stream") return encodeFrames(body.frames ?? []);
  return Buffer.from(body.text ?? "");
}

function encodeFrames(frames: readonly Frame[]): Buffer {
  return Buffer.concat(
    frames.map(({ stream, text }) => {
      const data = Buffer.from(text);
      const header = Buffer.alloc(8);
      header[0] = stream === "stderr" ? 2 : 1;
      header.writeUInt32BE(data.length, 4);
      return Buffer.concat([header, data]);
    }),
  );
}

/** A request without what means the same as nothing: zero values, docker's defaults, an endpoint that asks for nothing. */
export function meaning(value: unknown, key = ""): unknown {
  if (value === null || value === "" || value === 0 || value === false) return undefined;
  // Said a second time when the exec is started.
  if (key === "Detach") return undefined;
  if (key === "MemorySwappiness" && value === -1) return undefined;
  if (key === "RestartPolicy" && (value as { Name?: string }).Name === "no") return undefined;
  if (key === "NetworkMode" && value === "default") return undefined;
  if (Array.isArray(value)) {
    if (key === "ConsoleSize") return undefined;
    return value.length > 0 ? value.map((one) => meaning(one) ?? null) : undefined;
  }
  if (typeof value !== "object") return value;
  const entries = Object.entries(value)
    .map(([name, one]) => [name, isSet(key) ? (meaning(one) ?? null) : meaning(one, name)] as const)
    .filter(([, one]) => one !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

/** Objects whose keys count whatever their values. */
function isSet(key: string): boolean {
  return ["ExposedPorts", "Volumes", "Labels", "PortBindings"].includes(key);
}
