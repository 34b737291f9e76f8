/**
 * The same API on a TCP address. Clients prove who they are by a certificate; browsers, which would send a user's
 * certificate for any page that asks, and names that somebody else's DNS made point here are turned away.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createServer as createHttpServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { EngineError } from "../errors.ts";
import { isLoopback } from "../host/tcp-address.ts";
import { SERVER_OPTIONS } from "./server.ts";
import { refuseStrangers } from "./tls-refusals.ts";

/** PEM texts. */
export interface TlsFiles {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/**
 * A server, not listening yet, whose requests `api` answers.
 * @param tls null is plain text, which is for loopback only
 * @throws {EngineError} invalid for files that do not hold what they should
 */
export function createTcpServer(api: Server, tls: TlsFiles | null): Server {
  if (tls) checkFiles(tls);
  // Half open, as HTTP without TLS always is: a client that has sent all its input still waits for the output.
  const verified = { ...tls, requestCert: true, rejectUnauthorized: false, minVersion: "TLSv1.2", allowHalfOpen: true } as const;
  const secure = tls && createHttpsServer({ ...SERVER_OPTIONS, ...verified });
  if (secure) refuseStrangers(secure);
  const server = secure ?? createHttpServer(SERVER_OPTIONS);
  server.timeout = 0;
  const mayCall = hostTest(tls);
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const problem = foreign(request, mayCall);
    if (problem === undefined) return void api.emit("request", request, response);
    response.writeHead(403, { "Content-Type": "application/json", Connection: "close" }).end(`${JSON.stringify({ message: problem })}\n`);
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const problem = foreign(request, mayCall);
    if (problem === undefined) api.emit("upgrade", request, socket, head);
    else socket.end(`HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n${problem}\n`);
  });
  return server;
}

/** TLS itself takes a file without certificates, and then lets nobody in. */
function checkFiles({ ca, cert, key }: TlsFiles): void {
  const read = <T>(what: string, make: () => T): T => {
    try {
      return make();
    } catch (cause) {
      throw new EngineError("invalid", `the file of the ${what} holds none`, { cause });
    }
  };
  read("CA's certificate", () => new X509Certificate(ca));
  const certificate = read("server's certificate", () => new X509Certificate(cert));
  const own = read("server's key", () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(own)) throw new EngineError("invalid", "the server's key is not that of its certificate");
}

/** Which names in a `Host` header mean this server: those of its certificate, or, in plain text, loopback's. */
function hostTest(tls: TlsFiles | null): (host: string) => boolean {
  if (!tls) return isLoopback;
  const certificate = new X509Certificate(tls.cert);
  return (host) => isIP(host) !== 0 || isLoopback(host) || certificate.checkHost(host) !== undefined;
}

/** Why a request is refused; undefined when it is not. */
function foreign({ headers }: IncomingMessage, mayCall: (host: string) => boolean): string | undefined {
  const host = /^(?:\[([^\]]+)\]|([^:]*))(?::\d+)?$/.exec(headers.host ?? "");
  const name = host?.[1] ?? host?.[2] ?? "";
  if (!mayCall(name)) return `The request is for "${name}", which is no name of this engine`;
  if (headers.origin !== undefined || headers["sec-fetch-site"] !== undefined) return "Web pages may not speak to the engine";
  return undefined;
}
