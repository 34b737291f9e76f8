import { command } from "../cli.ts";
import { alignTabs } from "../tabs.ts";

export const top = command({
  usage: "CONTAINER [ps OPTIONS]",
  arity: [1, Infinity],
  interspersed: false,
  flags: {},
  async run(cli, { args: [name = "", ...psArgs] }) {
    const client = await cli.client();
    const { Titles, Processes } = await client.containers.top(name, { psArgs: psArgs.join(" ") || undefined, signal: cli.signal });
    const lines = [Titles, ...Processes].map((cells) => cells.join("\t"));
    for (const line of alignTabs(lines, { minWidth: 20, padding: 3 })) cli.print(line);
  },
});
