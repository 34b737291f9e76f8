/** Verbs of docker compose that Berth leaves to it: they say so, and what to do. */
import { ExitError } from "../cli.ts";
import { bool, text } from "../flags.ts";
import { composeCommand } from "./compose.ts";

export const publish = composeCommand({
  usage: "[OPTIONS] REPOSITORY[:TAG]",
  arity: [1, 1],
  flags: {
    app: bool("Published compose application (includes referenced images)"),
    "oci-version": text("OCI image/artifact specification version (automatically determined by default)"),
    "resolve-image-digests": bool("Pin image tags to digests"),
    "with-env": bool("Include environment variables in the published OCI artifact"),
    yes: bool('Assume "yes" as answer to all prompts', { short: "y" }),
  },
  run() {
    const instead = "push the images with `berth compose push` and hand on what `berth compose config --resolve-image-digests` prints";
    throw new ExitError(1, `publishing a compose application is not supported: ${instead}`);
  },
});

export const bridge = composeCommand({
  usage: "[OPTIONS] COMMAND",
  arity: [0, Infinity],
  flags: {},
  run() {
    throw new ExitError(1, "converting compose files to other models is not supported: use docker compose bridge");
  },
});
