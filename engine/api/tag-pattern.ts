/**
 * The `reference` filter: a shell pattern against an image's name, with and without its tag.
 * @see https://github.com/distribution/reference/blob/v0.6.0/helpers.go FamiliarMatch
 */
import { globToRegExp } from "../syntax/glob.ts";

/** Whether a pattern such as `busy*:1.*` or `local/*` means the familiar name `repository:tag` or `repository@digest`. */
export function matchesPattern(pattern: string, name: string): boolean {
  const shape = globToRegExp(familiar(pattern), { doubleStar: false });
  return shape !== undefined && (shape.test(name) || shape.test(repositoryOf(name)));
}

function familiar(pattern: string): string {
  return pattern.replace(/^docker\.io\//, "").replace(/^library\//, "");
}

function repositoryOf(name: string): string {
  return name.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
}
