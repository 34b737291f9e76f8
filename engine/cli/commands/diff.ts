import { command } from "../cli.ts";

export const diff = command({
  usage: "CONTAINER",
  arity: [1, 1],
  flags: {},
  async run(cli, { args: [name = ""] }) {
    if (name === "") throw new Error("Container name cannot be empty");
    const client = await cli.client();
    for (const { Kind, Path } of await client.containers.changes(name, { signal: cli.signal })) cli.print(`${"CAD"[Kind]} ${Path}`);
  },
});
