/**
 * The Docker Engine API as an HTTP server: versions, headers, errors and connections; what each path does is in `routes/`.
 *
 *     request ─► version ─► route ─► handler ─► one service call ─► JSON, a stream, or the connection itself
 */
import { createServer, ServerResponse } from "node:http";
import type { IncomingMessage, Server } from "node:http";
import { Readable } from "node:stream";
import type { Duplex } from "node:stream";
import { API_VERSION, VERSION } from "../host/version.ts";
import { Exchange } from "./exchange.ts";
import { takeConnection, takeUpgrade, readUpgradeBody } from "./hijack.ts";
import { createRouter, minorVersion, parseTarget } from "./router.ts";
import type { Match, Target } from "./router.ts";
import { routes } from "./routes.ts";
import type { Logger, Services } from "./services.ts";
import { describeError } from "./status.ts";

export interface ServerOptions {
  readonly log?: Logger;
}

/** Where a request came in: as usual, or asking for an upgrade, in which case Node hands over the bare socket. */
interface Arrival {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Readable;
  readonly hijack: (headers: Record<string, string>) => Duplex;
}

/** Containers run for weeks, and so do the streams of them: no request and no connection is too old. */
export const SERVER_OPTIONS = { requestTimeout: 0, keepAliveTimeout: 0, shouldUpgradeCallback: mayUpgrade };

const find = createRouter(routes);

/** The server, not listening yet. It ends with its connections; streams end when their clients or containers do. */
export function createApiServer(services: Services, options: ServerOptions = {}): Server {
  const log = options.log ?? ((error) => console.error(error));
  const answer = async (arrival: Arrival): Promise<void> => {
    try {
      await dispatch(arrival);
    } catch (error) {
      fail(arrival.response, error, log);
    }
  };
  const dispatch = async (arrival: Arrival): Promise<void> => {
    const { request, response } = arrival;
    const target = parseTarget(request.url ?? "/");
    const match = find(request.method ?? "GET", target.path);
    if (!match) return refuse(response, 404, "page not found");
    const version = checkVersion(response, target);
    if (version === undefined) return;
    response.setHeader("Docker-Experimental", "false");
    await match.route.handle(exchange(arrival, match, { version, search: target.search }));
  };
  const exchange = (arrival: Arrival, match: Match, at: { version: number; search: string }): Exchange =>
    new Exchange({ ...arrival, ...at, services, params: match.params, log });

  const server = createServer(SERVER_OPTIONS);
  server.timeout = 0;
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const hijack = (headers: Record<string, string>): Duplex => takeConnection(request, response, headers);
    void answer({ request, response, body: request, hijack });
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    void upgrade({ request, socket, head }, answer).catch(() => socket.destroy());
  });
  return server;
}

/** Only what takes connections over is upgraded; everywhere else an Upgrade header means nothing. */
function mayUpgrade(request: IncomingMessage): boolean {
  try {
    return find(request.method ?? "GET", parseTarget(request.url ?? "/").path)?.route.upgrades === true;
  } catch {
    return false;
  }
}

async function upgrade(
  raw: { request: IncomingMessage; socket: Duplex; head: Buffer },
  answer: (arrival: Arrival) => Promise<void>,
): Promise<void> {
  const { request, socket } = raw;
  socket.on("error", () => socket.destroy());
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket as Parameters<ServerResponse["assignSocket"]>[0]);
  response.once("finish", () => socket.end());
  const body = await readUpgradeBody(raw);
  const hijack = (headers: Record<string, string>): Duplex => takeUpgrade(request, response, headers);
  await answer({ request, response, body: Readable.from(body.length > 0 ? [body] : []), hijack });
}

/** Sets the headers that all answers carry. Undefined when the version is refused, which is answered here. */
function checkVersion(response: ServerResponse, target: Target): number | undefined {
  response.setHeader("Api-Version", API_VERSION);
  response.setHeader("Ostype", "linux");
  response.setHeader("Server", `Berth/${VERSION} (linux)`);
  try {
    return minorVersion(target.version);
  } catch (error) {
    const { message } = describeError(error);
    if (message.includes("too old")) refuseOld(response, message);
    else refuse(response, 400, message);
    return undefined;
  }
}

function refuse(response: ServerResponse, status: number, message: string): void {
  const body = Buffer.from(`${JSON.stringify({ message })}\n`);
  response.writeHead(status, { "Content-Type": "application/json", "Content-Length": body.length });
  response.end(response.req.method === "HEAD" ? undefined : body);
}

/** Clients that old know plain text only. */
function refuseOld(response: ServerResponse, message: string): void {
  response.setHeader("X-Content-Type-Options", "nosniff");
  response.writeHead(400, { "Content-Type": "text/plain; charset=utf-8" }).end(`${message}\n`);
}

function fail(response: ServerResponse, error: unknown, log: Logger): void {
  const { status, message, expected } = describeError(error);
  const gone = response.destroyed || response.socket?.destroyed === true;
  if (!expected && !gone) log(error);
  if (gone) return;
  // A half-sent answer is cut, so that the client does not take it for the whole one.
  if (response.headersSent) response.destroy();
  else if (status === 304) response.writeHead(304).end();
  else refuse(response, status, message);
}
