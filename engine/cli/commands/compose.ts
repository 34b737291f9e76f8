import { command } from "../cli.ts";

/** Everything behind `compose` is read by its own parser: it has flags, verbs and help of its own. */
export const compose = command({
  usage: "[OPTIONS] COMMAND",
  arity: [0, Infinity],
  raw: true,
  flags: {},
  async run(cli, { args }) {
    return (await import("../compose/app.ts")).runCompose(cli, args);
  },
});
