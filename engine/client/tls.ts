/**
 * TLS endpoints. Loaded only when one is used: it costs every command milliseconds otherwise.
 */
import { isIP } from "node:net";
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
    const name = host.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
    return connect({
      socket: this.#endpoint.dial(),
      // Whom the certificate has to name; an address cannot be asked for by name.
      host: name,
      ...(isIP(name) === 0 && { servername: name }),
      ...(tls?.ca ? { ca: tls.ca } : {}),
      ...(tls?.cert ? { cert: tls.cert } : {}),
      ...(tls?.key ? { key: tls.key } : {}),
      rejectUnauthorized: tls?.verify ?? true,
    });
  }
}
