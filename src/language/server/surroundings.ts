/** What features ask beyond the text: the context's files and a running engine. Nothing here starts an engine. */
import type { IgnoreMatcher } from "../../../engine/syntax/dockerignore.ts";

export interface ContextEntry {
  readonly name: string;
  readonly directory: boolean;
}

export interface Surroundings {
  /** References of the local store as people write them, and repositories of registries that begin as typed; empty without an engine. */
  images(typed: string): Promise<readonly string[]>;
  /** Tags of a repository that the local store or, with an engine, the registry has. */
  tags(repository: string): Promise<readonly string[]>;
  /** Entries of a directory of the context; empty when there is none. */
  list(directory: string): Promise<readonly ContextEntry[]>;
  /** The context's .dockerignore. */
  readonly ignored: IgnoreMatcher;
  /** Names of variables of a base image, as far as they are known already. */
  baseVariables(image: string): readonly string[] | undefined;
}
