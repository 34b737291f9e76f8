/** A unix socket that leads to another one. */
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import type { Socket } from "node:net";
import { pipeline } from "node:stream/promises";

/** @returns what closes the socket at `path` with all its connections, and deletes it */
export async function forwardSocket(path: string, to: string): Promise<() => Promise<void>> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ path: to, allowHalfOpen: true });
    for (const end of [near, far]) {
      open.add(end);
      end.once("close", () => open.delete(end));
    }
    // One end that breaks takes the other along; nobody else has to know.
    pipeline(near, far, near).catch(() => undefined);
  });
  server.listen(path);
  await once(server, "listening");
  return async () => {
    for (const end of open) end.destroy();
    server.close();
    await rm(path, { force: true });
  };
}
