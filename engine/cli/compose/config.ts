import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { showConfig } from "../../compose/show-config.ts";
import type { ConfigList } from "../../compose/show-config.ts";
import { parseReference } from "../../syntax/reference.ts";
import { credentialsFor } from "../credentials.ts";
import { bool, text } from "../flags.ts";
import { composeCommand } from "./compose.ts";
import type { Compose } from "./compose.ts";

/** In the order in which docker compose looks at them. */
const LISTS: readonly ConfigList[] = ["services", "volumes", "networks", "models", "profiles", "images", "variables", "environment"];

export const config = composeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  arity: [0, Infinity],
  flags: {
    environment: bool("Print environment used for interpolation."),
    format: text("Format the output. Values: [yaml | json]"),
    hash: text("Print the service config hash, one per line."),
    images: bool("Print the image names, one per line."),
    "lock-image-digests": bool("Produces an override file with image digests"),
    models: bool("Print the model names, one per line."),
    networks: bool("Print the network names, one per line."),
    "no-consistency": bool("Don't check model consistency - warning: may produce invalid Compose output"),
    "no-env-resolution": bool("Don't resolve service env files"),
    "no-interpolate": bool("Don't interpolate environment variables"),
    "no-normalize": bool("Don't normalize compose model"),
    "no-path-resolution": bool("Don't resolve file paths"),
    output: text("Save to file (default to stdout)", { short: "o" }),
    profiles: bool("Print the profile names, one per line."),
    quiet: bool("Only validate the configuration, don't print anything", { short: "q" }),
    "resolve-image-digests": bool("Pin image tags to digests"),
    services: bool("Print the service names, one per line."),
    variables: bool("Print model variables and default values."),
    volumes: bool("Print the volume names, one per line."),
  },
  async run(compose, { args, flags }) {
    const list = LISTS.find((name) => flags[name as keyof typeof flags] === true);
    const format = flags.format || (list === "variables" ? "" : "yaml");
    const shown = await compose.reading(() =>
      showConfig(
        {
          load: {
            ...compose.loadOptions(args),
            skipInterpolation: flags["no-interpolate"],
            skipNormalization: flags["no-normalize"] || compose.flags.compatibility,
            skipPathResolution: flags["no-path-resolution"],
            skipConsistency: flags["no-consistency"],
          },
          format,
          list,
          hash: list === "services" || list === "volumes" || list === "networks" || list === "models" ? undefined : flags.hash || undefined,
          onlyImages: flags["lock-image-digests"],
          digestOf: flags["resolve-image-digests"] || flags["lock-image-digests"] ? (image) => digestOf(compose, image) : undefined,
        },
        compose.signal,
      ),
    );
    if (flags.quiet) return;
    const whole = list === undefined && !flags.hash;
    if (whole && flags.output) await writeFile(resolve(compose.cli.cwd, flags.output), shown.text);
    else compose.cli.out(shown.text);
  },
});

/** Asks the registry through the engine. */
async function digestOf({ cli }: Compose, image: string): Promise<string> {
  const result = parseReference(image);
  const auth = "reference" in result ? await credentialsFor(cli, result.reference.domain) : undefined;
  return (await cli.client()).images.remoteDigest(image, { ...(auth ? { auth } : {}), signal: cli.signal });
}
