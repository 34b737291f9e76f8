/** What the steps from files to a model hand to each other. */
import type { ComposeTree } from "../syntax/compose-tree.ts";
import type { ValueMap } from "../syntax/compose-value.ts";
import { ModelError } from "./paths.ts";
import type { ModelPath } from "./paths.ts";
import { ComposeError } from "./project.ts";
import type { ComposeWarning } from "./project.ts";
import type { Sources } from "./sources.ts";

/** One compose file; it is read when it is not given. */
export interface ModelFile {
  name: string;
  /** Its text, parsed already. */
  tree?: ComposeTree;
}

/** What all files of one load share. */
export interface ModelContext {
  readonly sources: Sources;
  readonly warnings: ComposeWarning[];
  readonly skipInterpolation: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Where a file stands: variables, and what its relative paths are relative to. */
export interface ModelScope {
  readonly environment: Readonly<Record<string, string>>;
  /** Absolute directory from which `extends` and `include` are read. */
  readonly directory: string;
  /** Base of relative paths in the model; undefined leaves them as they are. */
  readonly base: string | undefined;
  /** Files on the way here through `include`, for cycles. */
  readonly included: readonly string[];
}

/** Removes from a model what a later file said `!reset` or `!override` about. */
export type Reset = (model: ValueMap) => void;

export interface FileModel {
  model: ValueMap;
  reset: Reset;
}

/** How `extends` and `include` read other files. */
export interface ModelLoader {
  /** The merged model of several files. @throws {ComposeError} */
  models(files: readonly ModelFile[], scope: ModelScope): ValueMap;
  /** A file by itself, for `extends`: in long forms, neither extended nor included nor checked. @throws {ComposeError} */
  bare(file: ModelFile, scope: ModelScope): FileModel;
}

/** A fault without a place, such as a file that is missing, lies where the file is named; others of that file keep theirs. */
export function placedAt<T>(path: ModelPath, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (error instanceof ComposeError) throw new ModelError(error.message, path, [], error.position && { cause: error });
    throw error;
  }
}

/** A failed system call in Go's words: `open /x: no such file or directory`. */
export function fileSentence(call: string, file: string, error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const words: Readonly<Record<string, string>> = {
    ENOENT: "no such file or directory",
    EACCES: "permission denied",
    EISDIR: "is a directory",
    ENOTDIR: "not a directory",
  };
  return `${code === "EISDIR" ? "read" : call} ${file}: ${words[code] ?? (error instanceof Error ? error.message : String(error))}`;
}
