/** Looks whether the host ports of a plan are free, before it is carried out. */
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import type { DockerClient } from "../../client/client.ts";
import { holderOf, publishes, takenSentence, wantedPorts } from "../../compose/host-ports.ts";
import type { WantedPort } from "../../compose/host-ports.ts";
import { nameOf } from "../../compose/observe.ts";
import type { Plan } from "../../compose/plan.ts";
import type { Project } from "../../compose/project.ts";
import { ExitError } from "../cli.ts";
import { findTarget } from "../endpoint.ts";
import type { Compose } from "./compose.ts";

/** @throws {ExitError} for the first port that a container of another project or another program has */
export async function checkHostPorts(compose: Compose, client: DockerClient, project: Project, plan: Plan): Promise<void> {
  const wanted = wantedPorts(project, plan);
  if (wanted.length === 0) return;
  const running = await client.containers.list({ signal: compose.signal });
  for (const port of wanted) {
    const holder = holderOf(port, running, plan);
    if (holder) throw new ExitError(1, takenSentence(port, `container ${nameOf(holder)}`));
  }
  // Only the ports of our own engine are certain to be those of this machine.
  if (!(await findTarget(compose.cli)).own) return;
  for (const port of wanted)
    if (!running.some((one) => publishes(one, port)) && (await isTaken(port)))
      throw new ExitError(1, takenSentence(port, "another program on this machine"));
}

/** What else is wrong with the address says the engine. */
function isTaken({ address, port, protocol }: WantedPort): Promise<boolean> {
  const host = address || "0.0.0.0";
  return new Promise((resolve) => {
    const failed = ({ code }: NodeJS.ErrnoException): void => resolve(code === "EADDRINUSE");
    if (protocol === "tcp") {
      const server = createServer().once("error", failed);
      server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(false)));
    } else if (protocol === "udp") {
      const socket = createSocket(host.includes(":") ? "udp6" : "udp4").once("error", failed);
      socket.bind({ address: host, port, exclusive: true }, () => socket.close(() => resolve(false)));
    } else resolve(false);
  });
}
