/**
 * A TCP address of the engine beside its socket: with mutual TLS anywhere, without TLS on loopback alone and only when
 * that is said in so many words. Whoever may speak to the engine is its user.
 */
import { existsSync } from "node:fs";
import { isIP } from "node:net";
import { EngineError } from "../errors.ts";

/** Paths of PEM files, as dockerd's `--tlscacert`, `--tlscert` and `--tlskey`. */
export interface TlsPaths {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface TcpAddress {
  readonly host: string;
  readonly port: number;
  /** Null is plain text. */
  readonly tls: TlsPaths | null;
}

/**
 * @param url `tcp://HOST[:PORT]`; the port is 2376 with TLS, 2375 without, as Docker's
 * @param options.tls files, each of which has to be there; absent without TLS
 * @param options.plaintext the user said that there shall be no TLS
 * @throws {EngineError} invalid, saying what is missing
 */
export function parseTcpAddress(url: string, options: { tls?: TlsPaths; plaintext?: boolean }): TcpAddress {
  const { tls, plaintext = false } = options;
  const [, bracketed, plain, portText] = /^tcp:\/\/(?:\[([^\]]+)\]|([^:/[\]]+))(?::(\d+))?\/?$/.exec(url) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) throw new EngineError("invalid", `Cannot listen on "${url}": write tcp://HOST:PORT, e.g. tcp://0.0.0.0:2376`);
  const port = Number(portText ?? (tls ? 2376 : 2375));
  if (port < 1 || port > 65535) throw new EngineError("invalid", `Cannot listen on "${url}": ports go from 1 to 65535`);
  if (tls && plaintext) throw new EngineError("invalid", "--tlsverify and --plaintext contradict each other");
  if (tls) return { host, port, tls: checkFiles(tls) };
  if (!plaintext)
    throw new EngineError(
      "invalid",
      `Cannot listen on "${url}" without TLS: give --tlsverify with --tlscacert, --tlscert and --tlskey (or, on loopback only, --plaintext)`,
    );
  if (!isLoopback(host))
    throw new EngineError(
      "invalid",
      `Cannot listen on "${url}" without TLS: it is not a loopback address, and whoever reaches it would own this user's account`,
    );
  return { host, port, tls: null };
}

function checkFiles(tls: TlsPaths): TlsPaths {
  for (const path of [tls.ca, tls.cert, tls.key])
    if (!existsSync(path)) throw new EngineError("invalid", `Cannot read the TLS file "${path}": no such file`);
  return tls;
}

/** `localhost`, 127.0.0.0/8 and ::1. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || (isIP(host) === 4 && host.startsWith("127.")) || host === "::1";
}

export function tcpUrl({ host, port }: Pick<TcpAddress, "host" | "port">): string {
  return `tcp://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
