/** Which engine is meant where the settings do not say: as the command `berth` reads its environment. */
import { homedir } from "node:os";
import { join } from "node:path";

/** The value of `berth.endpoint` that means Berth's own engine, whatever the environment says. */
export const OWN = "berth";

/** Address of the engine that the environment names; empty for Berth's own. */
export function environmentEndpoint(env: NodeJS.ProcessEnv = process.env): string {
  if (env["BERTH_ROOT"]) return "";
  const context = env["DOCKER_CONTEXT"];
  return env["DOCKER_HOST"] || (context && context !== "default" ? `context:${context}` : "");
}

/** Where docker's own command keeps its settings. */
export function dockerDirectory(): string {
  return process.env["DOCKER_CONFIG"] || join(homedir(), ".docker");
}
