/** What `berth build` is about, guessed from its words before the code that reads them is loaded, so that the engine begins at once. */
import { statSync } from "node:fs";
import { announceDirectory } from "../client/announce.ts";
import type { Announcement } from "../client/announce.ts";
import { announcementsPath, enginePaths } from "../host/paths.ts";

/**
 * Announces the last word that names a directory to the user's own engine, unless another one is named. A guess that is wrong costs
 * that engine one look at a directory that it knows; build-announce.ts then announces what is right.
 */
export function announceGuess(words: readonly string[], env: NodeJS.ProcessEnv): Announcement | undefined {
  const root = env["BERTH_ROOT"];
  if (!root && (env["DOCKER_HOST"] || env["DOCKER_CONTEXT"])) return undefined;
  try {
    const directory = words.findLast((word) => !word.startsWith("-") && isDirectory(word));
    return directory === undefined ? undefined : announceDirectory(announcementsPath(enginePaths(root, env)), directory);
  } catch {
    // Whoever stands in a directory that is gone is told later.
    return undefined;
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
