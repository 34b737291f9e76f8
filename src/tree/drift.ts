/** What `up` would change of a project that is there already; read only when there is such a project. */
import { observe } from "../../engine/compose/compose.ts";
import type { DockerClient } from "../../engine/client/client.ts";
import { driftOf } from "../language/server/compose/live.ts";
import { loadSaved } from "../language/server/compose/project.ts";

/** Why the containers of a service would be made anew, by service. Empty for a file that cannot be read. @param path of the compose file */
export async function projectDrift(client: DockerClient, path: string): Promise<ReadonlyMap<string, string>> {
  const project = await loadSaved(path);
  if (!project) return new Map();
  const services = Object.keys(project.services);
  return driftOf(project, await observe(client, project, { services, signal: AbortSignal.timeout(MOST_MS) }), services);
}

/** A view waits no longer than this. */
const MOST_MS = 5000;
