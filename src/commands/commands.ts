/** Every command of the extension, by its name behind `berth.`. */
import type { Command } from "./command.ts";
import { composeCommands } from "./compose.ts";
import { containerCommands } from "./container.ts";
import { createCommands } from "./container-create.ts";
import { endCommands } from "./container-end.ts";
import { dockerfileCommands } from "./dockerfile.ts";
import { customCommands } from "./custom.ts";
import { endpointCommands } from "./endpoint.ts";
import { endpointFileCommands } from "./endpoint-file.ts";
import { engineCommands } from "./engine.ts";
import { equivalentCommands } from "./equivalent.ts";
import { fileCommands } from "./file.ts";
import { imageCommands } from "./image.ts";
import { compareCommands } from "./image-compare.ts";
import { networkCommands } from "./network.ts";
import { registryCommands } from "./registry.ts";
import { runFormCommands } from "./run-form.ts";
import { sampleCommands } from "./sample.ts";
import { scaffoldCommands } from "../scaffold/scaffold.ts";
import { systemCommands } from "./system.ts";
import { updateCommands } from "./update.ts";
import { viewCommands } from "./view.ts";
import { volumeCommands } from "./volume.ts";

export const commands: Readonly<Record<string, Command>> = {
  ...viewCommands,
  ...dockerfileCommands,
  ...containerCommands,
  ...createCommands,
  ...endCommands,
  ...imageCommands,
  ...volumeCommands,
  ...compareCommands,
  ...customCommands,
  ...scaffoldCommands,
  ...networkCommands,
  ...composeCommands,
  ...registryCommands,
  ...endpointCommands,
  ...endpointFileCommands,
  ...fileCommands,
  ...runFormCommands,
  ...equivalentCommands,
  ...systemCommands,
  ...updateCommands,
  ...sampleCommands,
  ...engineCommands,
};
