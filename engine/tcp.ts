/** The engine's TCP address: asked for once by its user, remembered for the engines after it. */
import { readFileSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import { join } from "node:path";
import { createTcpServer } from "./api/tcp.ts";
import { EngineError } from "./errors.ts";
import { readJson, writeJson } from "./host/files.ts";
import { log } from "./host/log.ts";
import { tcpUrl } from "./host/tcp-address.ts";
import type { TcpAddress } from "./host/tcp-address.ts";

interface Asked {
  /** Undefined is what was asked for last; null is none. */
  readonly listen?: TcpAddress | null;
  /** The engine's state directory. */
  readonly state: string;
}

/**
 * Listens where the user said. What was asked for just now has to work; what is only remembered and does not work any more
 * (the address is gone, a certificate was moved) is logged, so that the engine still serves its socket.
 * @returns the address, or undefined when there is none
 * @throws {EngineError} unavailable when it cannot be listened on
 */
export async function listenTcp(api: Server, asked: Asked): Promise<string | undefined> {
  const file = join(asked.state, "tcp-address.json");
  if (asked.listen === null) rmSync(file, { force: true });
  const address = asked.listen === undefined ? await readJson<TcpAddress>(file) : asked.listen;
  if (!address) return undefined;
  try {
    await listen(api, address);
  } catch (error) {
    const refused = new EngineError("unavailable", `Cannot listen on ${tcpUrl(address)}: ${(error as Error).message}`, { cause: error });
    if (asked.listen) throw refused;
    log("error", refused);
    return undefined;
  }
  if (asked.listen) await writeJson(file, address);
  return tcpUrl(address);
}

async function listen(api: Server, { host, port, tls }: TcpAddress): Promise<void> {
  const read = (path: string): Buffer => readFileSync(path);
  const server = createTcpServer(api, tls && { ca: read(tls.ca), cert: read(tls.cert), key: read(tls.key) });
  server.on("clientError", (_error, socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen({ host, port }, () => resolve(void server.off("error", reject)));
  });
}
