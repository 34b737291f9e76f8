/**
 * Getting an image from its registry on behalf of a command.
 */
import type { JsonMessage } from "../api/types/image.ts";
import { repositoryName, withDefaultTag } from "../syntax/reference.ts";
import type { Reference } from "../syntax/reference.ts";
import type { Cli } from "./cli.ts";
import { credentialsFor } from "./credentials.ts";

/** Progress of a pull with the user's credentials. `allTags` takes the whole repository. */
export async function* pullMessages(
  cli: Cli,
  reference: Reference,
  options: { platform?: string | undefined; allTags?: boolean } = {},
): AsyncGenerator<JsonMessage> {
  const client = await cli.client();
  const { tag, digest } = withDefaultTag(reference);
  yield* client.images.pull(repositoryName(reference), {
    tag: options.allTags ? undefined : (digest ?? tag),
    platform: options.platform,
    auth: await credentialsFor(cli, reference.domain),
    signal: cli.signal,
  });
}
