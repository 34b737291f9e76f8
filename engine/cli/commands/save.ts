import { command } from "../cli.ts";
import { text } from "../flags.ts";
import { checkOutput, refuseTerminal, saveStream } from "../files.ts";

export const save = command({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  arity: [1, Infinity],
  flags: {
    output: text("Write to a file, instead of STDOUT", { short: "o" }),
    platform: text('Save only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")'),
  },
  async run(cli, { args, flags }) {
    if (flags.output) await checkOutput(flags.output, "save image");
    else refuseTerminal(cli);
    const client = await cli.client();
    const tar = await client.images.save(args, { platform: flags.platform || undefined, signal: cli.signal });
    if (flags.output) await saveStream(tar, flags.output);
    else await cli.copy(tar);
  },
});
