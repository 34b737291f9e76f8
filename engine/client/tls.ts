/**
 * TLS endpoints. Loaded only when one is used: it costs every command milliseconds otherwise.
 */
import type { Duplex } from "node:stream";
import { connect } from "node:tls";
import type { Endpoint } from "./endpoint.ts";

const { Agent } = process.getBuiltinModule("node:http");

/** Connections to a `https://` or TLS `tcp://` endpoint. */
export class TlsAgent extends Agent {
  readonly #endpoint: Endpoint;

  constructor(endpoint: Endpoint) {
    super({ keepAlive: true });
    this.#endpoint = endpoint;
  }

  override createConnection(): Duplex {
    const { tls, host } = this.#endpoint;
    const servername = host.replace(/:\d+$/, "");
    return connect({
      socket: this.#endpoint.dial(),
      ...(/^[\d.]+$|:/.test(servername) ? {} : { servername }),
      ...(tls?.ca ? { ca: tls.ca } : {}),
      ...(tls?.cert ? { cert: tls.cert } : {}),
      ...(tls?.key ? { key: tls.key } : {}),
      rejectUnauthorized: tls?.verify ?? true,
    });
  }
}
