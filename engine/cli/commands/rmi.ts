import { isStatus } from "../../client/errors.ts";
import type { ImageDeleteItem } from "../../api/types/image.ts";
import { command } from "../cli.ts";
import type { Cli } from "../cli.ts";
import { describeError } from "../errors.ts";
import { bool, strings } from "../flags.ts";

export const rmi = command({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  arity: [1, Infinity],
  flags: {
    force: bool("Force removal of the image", { short: "f" }),
    "no-prune": bool("Do not delete untagged parents"),
    platform: strings('Remove only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")'),
  },
  async run(cli, { args, flags }) {
    const client = await cli.client();
    let failed = false;
    // One after another: images share parents, and which name goes first decides what is printed.
    for (const name of args) {
      try {
        const options = { force: flags.force, noPrune: flags["no-prune"], platforms: [...flags.platform], signal: cli.signal };
        printRemoved(cli, await client.images.remove(name, options));
      } catch (error) {
        if (cli.signal.aborted) throw error;
        cli.complain(describeError(error));
        failed ||= !(flags.force && isStatus(error, 404));
      }
    }
    return failed ? 1 : 0;
  },
});

/** `Untagged:` and `Deleted:` lines. */
export function printRemoved(cli: Cli, items: readonly ImageDeleteItem[]): void {
  for (const { Deleted, Untagged } of items) {
    if (Deleted) cli.print(`Deleted: ${Deleted}`);
    else if (Untagged) cli.print(`Untagged: ${Untagged}`);
  }
}
