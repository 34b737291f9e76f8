/**
 * Where an engine listens: `unix:///run/x.sock`, `tcp://host:2375`, `http://…`, `https://…`, or a stream that the caller opens
 * (SSH, a proxy).
 */
import { connect as connectSocket } from "node:net";
import type { Duplex } from "node:stream";

/** PEM texts for a TLS endpoint. */
export interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** False accepts any server certificate (docker's `--tls` without `--tlsverify`). */
  readonly verify: boolean;
}

export interface Endpoint {
  /** As the user wrote it; it appears in messages. */
  readonly url: string;
  readonly secure: boolean;
  /** Value of the Host header. */
  readonly host: string;
  readonly tls?: TlsFiles;
  /** Opens one byte stream to the engine. */
  dial(): Duplex;
}

export interface EndpointOptions {
  readonly tls?: TlsFiles;
  /** Replaces the built-in transports, e.g. with `ssh host docker system dial-stdio`. */
  readonly dial?: () => Duplex;
}

/**
 * Reads an engine's address. A bare path is a unix socket; a bare `host:port` is tcp.
 *
 * @throws {Error} for an address of an unknown kind, in docker's words
 */
export function parseEndpoint(address: string, options: EndpointOptions = {}): Endpoint {
  const url = address.startsWith("/") ? `unix://${address}` : address.includes("://") ? address : `tcp://${address}`;
  if (options.dial) return { url, secure: false, host: "localhost", dial: options.dial };
  const [scheme = "", rest = ""] = url.split("://", 2);
  if (scheme === "unix") return { url, secure: false, host: "localhost", dial: () => connectSocket({ path: rest }) };
  if (scheme !== "tcp" && scheme !== "http" && scheme !== "https") throw new Error(`unable to parse docker host \`${address}\``);
  return parseNetwork(url, scheme, options.tls);
}

function parseNetwork(url: string, scheme: string, tls: TlsFiles | undefined): Endpoint {
  const secure = scheme === "https" || tls !== undefined;
  const parsed = new URL(url.replace(/^tcp:/, "http:"));
  const host = parsed.hostname.replace(/^\[|\]$/g, "");
  const port = Number(parsed.port || (scheme === "tcp" ? (secure ? 2376 : 2375) : secure ? 443 : 80));
  return {
    url,
    secure,
    host: parsed.host,
    ...(tls ? { tls } : {}),
    dial: () => connectSocket({ host, port, noDelay: true }),
  };
}
