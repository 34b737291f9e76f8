import { ExitError, command } from "../cli.ts";
import { describeError } from "../errors.ts";

export const rename = command({
  usage: "CONTAINER NEW_NAME",
  arity: [2, 2],
  flags: {},
  async run(cli, { args: [name = "", newName = ""] }) {
    if (name.trim() === "" || newName.trim() === "") throw new Error("Error: Neither old nor new names may be empty");
    const client = await cli.client();
    try {
      await client.containers.rename(name, newName.trim(), { signal: cli.signal });
    } catch (error) {
      throw new ExitError(1, `${describeError(error)}\nError: failed to rename container named ${name}`);
    }
  },
});
