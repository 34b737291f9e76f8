import { nameOf } from "../../compose/observe.ts";
import { ExitError } from "../cli.ts";
import { joinAddress } from "../commands/ps.ts";
import { int, text } from "../flags.ts";
import { composeCommand } from "./compose.ts";
import { findContainer } from "./find.ts";

export const port = composeCommand({
  usage: "[OPTIONS] SERVICE PRIVATE_PORT",
  about: "Prints the public port for a port binding",
  arity: [2, 2],
  flags: { index: int("Index of the container if service has multiple replicas"), protocol: text("tcp or udp", { initial: "tcp" }) },
  async run(compose, { args: [service = "", wanted = ""], flags }) {
    if (!/^\d+$/.test(wanted)) throw new ExitError(1, `strconv.ParseUint: parsing ${JSON.stringify(wanted)}: invalid syntax`);
    const container = await findContainer(compose, service, { index: flags.index });
    const ports = container.Ports ?? [];
    const found = ports.find(
      ({ PrivatePort, PublicPort, Type }) => PrivatePort === Number(wanted) && PublicPort && Type === flags.protocol,
    );
    if (found) return compose.cli.print(joinAddress(found.IP ?? "", found.PublicPort ?? 0));
    const others = ports.filter(({ PublicPort }) => PublicPort).map(({ PublicPort, Type }) => `${PublicPort}/${Type}`);
    throw new ExitError(1, `no port ${wanted}/${flags.protocol} for container ${nameOf(container)}: ${others.join(", ")}`);
  },
});
