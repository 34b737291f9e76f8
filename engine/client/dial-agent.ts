/** Connections of `node:http` to an endpoint without TLS. Loaded with the first request that needs it. */
import type { Duplex } from "node:stream";
import type { Endpoint } from "./endpoint.ts";

// An import would also load what node:http only offers lazily (undici), which takes longer than all the rest of a short command.
const { Agent } = process.getBuiltinModule("node:http");

export class DialAgent extends Agent {
  readonly #endpoint: Endpoint;

  constructor(endpoint: Endpoint) {
    super({ keepAlive: true });
    this.#endpoint = endpoint;
  }

  override createConnection(): Duplex {
    return this.#endpoint.dial();
  }
}
