import { pipeline } from "node:stream/promises";
import { command } from "../cli.ts";

/** Connects stdin and stdout with the engine's socket: what `ssh://` endpoints run on the far side. */
export const dialStdio = command({
  usage: "",
  about: "Proxy the stdio stream to the engine. Should not be invoked manually.",
  arity: [0, 0],
  flags: {},
  async run(cli) {
    const client = await cli.client();
    const socket = client.connection.endpoint.dial();
    await Promise.all([pipeline(cli.stdin, socket), pipeline(socket, cli.stdout, { end: false })]);
  },
});
