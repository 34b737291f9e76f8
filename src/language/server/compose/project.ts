/** The project that a compose file makes, loaded as `berth compose` loads it, with the editor's text in place of the file's. */
import { dirname } from "node:path";
import { ComposeError, loadProject } from "../../../../engine/compose/compose.ts";
import type { LoadedProject, Project } from "../../../../engine/compose/compose.ts";
import type { OpenDocument } from "../feature.ts";
import { siblingsOf } from "./related.ts";

export type Loaded = LoadedProject | { readonly error: ComposeError };

/** The editor's text is given as standard input, under this name. */
export const EDITED = "-";

/** An override counts together with its base. Never throws. */
export async function loadEdited({ path, text }: Pick<OpenDocument, "path" | "text">): Promise<Loaded> {
  const directory = dirname(path);
  const { bases } = siblingsOf(path);
  try {
    return await loadProject({
      cwd: directory,
      env: process.env,
      files: [...bases, EDITED],
      projectDirectory: directory,
      stdin: () => Promise.resolve(text),
      allResources: true,
    });
  } catch (error) {
    return { error: error instanceof ComposeError ? error : new ComposeError((error as Error).message) };
  }
}

/** The project as it is on the disk, override and all: what `up` brings up. */
export async function loadSaved(path: string): Promise<Project | undefined> {
  const directory = dirname(path);
  const { bases, overrides } = siblingsOf(path);
  try {
    return (await loadProject({ cwd: directory, env: process.env, files: [...bases, path, ...overrides] })).project;
  } catch {
    return undefined;
  }
}
