import { command } from "../cli.ts";
import { text } from "../flags.ts";
import { checkOutput, refuseTerminal, saveStream } from "../files.ts";

export const exportContainer = command({
  usage: "[OPTIONS] CONTAINER",
  arity: [1, 1],
  flags: {
    output: text("Write to a file, instead of STDOUT", { short: "o" }),
  },
  async run(cli, { args: [name = ""], flags }) {
    if (flags.output) await checkOutput(flags.output, "export container");
    else refuseTerminal(cli);
    const client = await cli.client();
    const tar = await client.containers.export(name, { signal: cli.signal });
    if (flags.output) await saveStream(tar, flags.output);
    else await cli.copy(tar);
  },
});
