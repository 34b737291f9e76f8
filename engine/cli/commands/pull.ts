import { command } from "../cli.ts";
import { bool, text } from "../flags.ts";
import { showProgress, throwFailure } from "../progress.ts";
import { pullMessages } from "../pull-image.ts";
import { canonicalReference, parseReference, repositoryName, withDefaultTag } from "../../syntax/reference.ts";

export const pull = command({
  usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
  arity: [1, 1],
  flags: {
    "all-tags": bool("Download all tagged images in the repository", { short: "a" }),
    "disable-content-trust": bool("Skip image verification", { initial: true }),
    platform: text("Set platform if server is multi-platform capable"),
    quiet: bool("Suppress verbose output", { short: "q" }),
  },
  async run(cli, { args: [name = ""], flags }) {
    const parsed = parseReference(name);
    if ("problem" in parsed) throw new Error(parsed.problem);
    const { reference } = parsed;
    const allTags = flags["all-tags"];
    if (allTags && (reference.tag || reference.digest)) throw new Error("tag can't be used with --all-tags/-a");
    if (!allTags && !reference.tag && !reference.digest && !flags.quiet) cli.print("Using default tag: latest");
    const messages = pullMessages(cli, reference, { platform: flags.platform || undefined, allTags });
    if (flags.quiet) for await (const message of messages) throwFailure(message);
    else await showProgress(cli, messages);
    cli.print(allTags ? repositoryName(reference) : canonicalReference(withDefaultTag(reference)));
  },
});
