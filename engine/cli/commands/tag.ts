import { command } from "../cli.ts";
import { parseReference, repositoryName, withDefaultTag } from "../../syntax/reference.ts";

export const tag = command({
  usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
  arity: [2, 2],
  flags: {},
  async run(cli, { args: [source = "", target = ""] }) {
    const parsed = parseReference(target);
    if ("problem" in parsed)
      throw new Error(`Error parsing reference: ${JSON.stringify(target)} is not a valid repository/tag: ${parsed.problem}`);
    const reference = withDefaultTag(parsed.reference);
    if (reference.digest) throw new Error("refusing to create a tag with a digest reference");
    const client = await cli.client();
    await client.images.tag(source, repositoryName(reference), reference.tag ?? "latest", { signal: cli.signal });
  },
});
