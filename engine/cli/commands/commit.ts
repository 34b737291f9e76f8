import { command } from "../cli.ts";
import type { Cli } from "../cli.ts";
import { bool, list, text } from "../flags.ts";
import { parseReference, repositoryName, withDefaultTag } from "../../syntax/reference.ts";

export const commit = command({
  usage: "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
  arity: [1, 2],
  flags: {
    author: text('Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")', { short: "a" }),
    change: list("Apply Dockerfile instruction to the created image", { short: "c" }),
    message: text("Commit message", { short: "m" }),
    pause: bool("Pause container during commit", { short: "p", initial: true }),
  },
  async run(cli, { args: [name = "", target], flags }) {
    cli.print(await commitContainer(cli, { name, target }, flags));
  },
});

interface CommitFlags {
  readonly author: string;
  readonly change: readonly string[];
  readonly message: string;
  readonly pause: boolean;
}

/** @returns the image's id */
export async function commitContainer(cli: Cli, what: { name: string; target: string | undefined }, flags: CommitFlags): Promise<string> {
  const client = await cli.client();
  return client.containers.commit(what.name, {
    ...(what.target ? readTarget(what.target) : {}),
    author: flags.author || undefined,
    comment: flags.message || undefined,
    changes: flags.change,
    pause: flags.pause,
    signal: cli.signal,
  });
}

function readTarget(target: string): { repo: string; tag: string | undefined } {
  const parsed = parseReference(target);
  if ("problem" in parsed) throw new Error(parsed.problem);
  if (parsed.reference.digest) throw new Error("refusing to create a tag with a digest reference");
  const reference = withDefaultTag(parsed.reference);
  return { repo: repositoryName(reference), tag: reference.tag };
}
