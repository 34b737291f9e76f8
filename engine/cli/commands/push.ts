import { command } from "../cli.ts";
import { credentialsFor } from "../credentials.ts";
import { bool, text } from "../flags.ts";
import { showProgress, throwFailure } from "../progress.ts";
import { canonicalReference, familiarName, parseReference, withDefaultTag } from "../../syntax/reference.ts";

export const push = command({
  usage: "[OPTIONS] NAME[:TAG]",
  arity: [1, 1],
  flags: {
    "all-tags": bool("Push all tags of an image to the repository", { short: "a" }),
    "disable-content-trust": bool("Skip image signing", { initial: true }),
    platform: text(
      "Push a platform-specific manifest as a single-platform image to the registry. Image index won't be pushed, meaning that other manifests, including attestations won't be preserved. 'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
    ),
    quiet: bool("Suppress verbose output", { short: "q" }),
  },
  async run(cli, { args: [name = ""], flags }) {
    const parsed = parseReference(name);
    if ("problem" in parsed) throw new Error(parsed.problem);
    const { reference } = parsed;
    const allTags = flags["all-tags"];
    if (allTags && (reference.tag || reference.digest)) throw new Error("tag can't be used with --all-tags/-a");
    if (!allTags && !reference.tag && !flags.quiet) cli.print("Using default tag: latest");
    const target = withDefaultTag(reference);
    const client = await cli.client();
    const messages = client.images.push(familiarName(reference), {
      tag: allTags ? undefined : target.tag,
      platform: flags.platform || undefined,
      auth: await credentialsFor(cli, reference.domain),
      signal: cli.signal,
    });
    if (!flags.quiet) return showProgress(cli, messages);
    for await (const message of messages) throwFailure(message);
    cli.print(canonicalReference(target));
  },
});
