/**
 * netd: the process behind the gateways. It answers DNS in the private network namespace R and carries published ports from
 * the host's into it. Small, without state on disk, and alive without the engine.
 *
 *     netd.mjs CONTROL-SOCKET NETNS NAME
 *
 * Prints `ready` when it can be talked to.
 */
import { chmodSync, existsSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import type { Socket } from "node:net";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { Netns } from "../netns.ts";
import { restAfter } from "../rest.ts";
import { exitNow } from "../spawn.ts";
import { HOLDER_MS, LOOK_MS } from "../vanish.ts";
import { HostTable } from "./host-table.ts";
import { leaveThreadsBehind } from "./host-sockets.ts";
import { Orphans } from "./orphans.ts";
import type { NetdMessage, NetdReply } from "./protocol.ts";
import { NetdService } from "./service.ts";

/** After so long without a request, memory that is not needed is given back. */
const QUIET_MS = 5000;

const [, , controlPath = "", namespace = "", name = ""] = process.argv;

process.umask(0o077);
await leaveThreadsBehind();
const orphans = new Orphans(name, namespace);
const hostTable = new HostTable();
const netns = new Netns(namespace);

const used = restAfter(QUIET_MS);
const service = new NetdService(netns, hostTable);
rmSync(controlPath, { force: true });
const server = createServer(serve);
server.listen(controlPath, () => {
  chmodSync(controlPath, 0o600);
  const { ino } = statSync(controlPath);
  setInterval(() => {
    if (statSync(controlPath, { throwIfNoEntry: false })?.ino === ino) return orphans.look(dirname(controlPath));
    // Without its directory the whole engine has been deleted; otherwise there is another netd.
    if (existsSync(dirname(controlPath))) exitNow(0);
    setTimeout(() => void orphans.end(netns), HOLDER_MS);
  }, LOOK_MS);
  process.stdout.write("ready\n");
});
process.stdout.on("error", () => undefined);
process.on("uncaughtException", (error) => process.stderr.write(`${error.stack}\n`));

/** Requests of one connection are answered in their order; a slow one does not hold up later ones. */
function serve(socket: Socket): void {
  socket.on("error", () => socket.destroy());
  const lines = createInterface({ input: socket }).on("line", (line) => {
    void reply(JSON.parse(line) as NetdMessage).then((answer) => socket.write(`${JSON.stringify(answer)}\n`));
  });
  // It tells the socket's errors once more.
  lines.on("error", () => undefined);
}

async function reply({ id, request }: NetdMessage): Promise<NetdReply> {
  used();
  try {
    const result = await service.handle(request);
    // Told when there is a new way out.
    if (request.call === "host") orphans.look(dirname(controlPath));
    return { id, result };
  } catch (error) {
    const { message, code = "" } = error as NodeJS.ErrnoException;
    return { id, message, code };
  }
}
