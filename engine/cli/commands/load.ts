import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import type { Cli } from "../cli.ts";
import { command } from "../cli.ts";
import { bool, text } from "../flags.ts";
import { showProgress } from "../progress.ts";

export const load = command({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: {
    input: text("Read from tar archive file, instead of STDIN", { short: "i" }),
    platform: text('Load only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")'),
    quiet: bool("Suppress the load output", { short: "q" }),
  },
  async run(cli, { flags }) {
    const tar = await openInput(cli, flags.input);
    const client = await cli.client();
    const quiet = flags.quiet || !cli.stdout.isTTY;
    const messages = client.images.load(tar, { quiet, platform: flags.platform || undefined, signal: cli.signal });
    await showProgress(cli, messages);
  },
});

async function openInput(cli: Cli, path: string): Promise<Readable> {
  if (path && path !== "-") {
    // Opened here so that a missing file is told before the engine is asked.
    await (await open(path)).close();
    return createReadStream(path, { highWaterMark: 1 << 20 });
  }
  if (cli.stdin.isTTY) throw new Error("requested load from stdin, but stdin is empty");
  return cli.stdin;
}
