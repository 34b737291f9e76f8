import { COMPOSE_VERSION } from "../../compose/labels.ts";
import { bool, text } from "../flags.ts";
import { versionLine } from "../version.ts";
import { composeCommand } from "./compose.ts";

export const version = composeCommand({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: {
    format: text("Format the output. Values: [pretty | json]. (Default: pretty)", { short: "f" }),
    short: bool("Shows only Compose's version number"),
  },
  run({ cli }, { flags }) {
    // Scripts compare the number with what they know of docker compose.
    if (flags.short) cli.print(COMPOSE_VERSION);
    else if (flags.format === "json") cli.print(JSON.stringify({ version: `v${COMPOSE_VERSION}` }));
    else cli.print(`Docker Compose version v${COMPOSE_VERSION} (${versionLine()})`);
    return Promise.resolve();
  },
});
