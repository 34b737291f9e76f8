/**
 * Connections that an attach or exec takes over: after the head of the answer they carry raw bytes both ways. With an
 * `Upgrade` header the answer is `101 UPGRADED`, without one `200 OK` without a length, as Docker's first API had it.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { EngineError } from "../errors.ts";

const LARGEST_BODY_BYTES = 1024 * 1024;

/** The JSON body of a request that asks for an upgrade; what comes after it stays in the socket, for stdin. */
export async function readUpgradeBody(raw: { request: IncomingMessage; socket: Duplex; head: Buffer }): Promise<Buffer> {
  const { request, socket, head } = raw;
  if (head.length > 0) socket.unshift(head);
  const length = Number(request.headers["content-length"] ?? 0);
  if (!(length > 0)) return Buffer.alloc(0);
  if (length > LARGEST_BODY_BYTES) throw new EngineError("invalid", "request body too large");
  for (;;) {
    const body = socket.read(length) as Buffer | null;
    if (body !== null) return body;
    if (socket.readableEnded || socket.destroyed) throw new EngineError("invalid", "unexpected EOF");
    await Promise.race([once(socket, "readable"), once(socket, "end"), once(socket, "close")]);
  }
}

/** Answers `101 UPGRADED` and gives the connection. */
export function takeUpgrade(request: IncomingMessage, response: ServerResponse, headers: Record<string, string>): Duplex {
  const socket = detach(request, response);
  const protocol = request.headers.upgrade ?? "tcp";
  socket.write(head("101 UPGRADED", { ...headers, Connection: "Upgrade", Upgrade: protocol }));
  return socket;
}

/** Answers `200 OK` and gives the connection, whose HTTP parser is taken away. */
export function takeConnection(request: IncomingMessage, response: ServerResponse, headers: Record<string, string>): Duplex {
  const socket = detach(request, response);
  // Whoever counts connections listens to "close", which must stay.
  for (const event of ["data", "end", "drain", "error", "timeout"]) socket.removeAllListeners(event);
  socket.on("error", () => socket.destroy());
  socket.write(head("200 OK", headers));
  return socket;
}

function detach(request: IncomingMessage, response: ServerResponse): Duplex {
  const { socket } = request;
  response.detachSocket(socket);
  return socket;
}

function head(status: string, headers: Record<string, string>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status}\r\n${lines.join("")}\r\n`;
}
