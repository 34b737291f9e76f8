import { command, forEach } from "../cli.ts";

export const wait = command({
  usage: "CONTAINER [CONTAINER...]",
  arity: [1, Infinity],
  flags: {},
  async run(cli, { args }) {
    const client = await cli.client();
    return forEach(cli, args, async (name) => {
      const { StatusCode, Error: failure } = await client.containers.wait(name, { signal: cli.signal });
      if (failure) throw new Error(failure.Message);
      return String(StatusCode);
    });
  },
});
