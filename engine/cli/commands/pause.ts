import { command, forEach } from "../cli.ts";

export const pause = command({
  usage: "CONTAINER [CONTAINER...]",
  arity: [1, Infinity],
  flags: {},
  async run(cli, { args }) {
    const client = await cli.client();
    return forEach(cli, args, (name) => client.containers.pause(name, { signal: cli.signal }));
  },
});

export const unpause = command({
  usage: "CONTAINER [CONTAINER...]",
  arity: [1, Infinity],
  flags: {},
  async run(cli, { args }) {
    const client = await cli.client();
    return forEach(cli, args, (name) => client.containers.unpause(name, { signal: cli.signal }));
  },
});
