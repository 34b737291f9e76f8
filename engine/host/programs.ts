/**
 * Other people's programs: looked for in `bin` beside the engine first, so that an extension can bring its own, then on
 * PATH and where administrators' programs live, which is not on everybody's PATH.
 */
import { accessSync, constants, statSync } from "node:fs";
import { dirname, join } from "node:path";

/** Absolute path of a program, or undefined when there is none that this user may run. */
export function findProgram(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  return programFolders(env)
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

/** The folders, in the order they are searched. */
export function programFolders(env: NodeJS.ProcessEnv = process.env): string[] {
  const own = import.meta.dirname ? [join(dirname(import.meta.dirname), "bin")] : [];
  const path = (env["PATH"] ?? "").split(":").filter((folder) => folder.startsWith("/"));
  return [...new Set([...own, ...path, "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"])];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** What changes when a program is replaced or updated. */
export function programVersionKey(path: string): string {
  const { mtimeMs, size, ino } = statSync(path);
  return `${path}:${mtimeMs}:${size}:${ino}`;
}
