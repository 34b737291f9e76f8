/**
 * The name that an image gets when nobody chose one.
 */
import { basename, dirname } from "node:path";
import { familiarName, parseReference } from "../../engine/syntax/reference.ts";

/** What is wrong with a name as it is typed; undefined when nothing is. */
export function referenceProblem(text: string): string | undefined {
  const result = parseReference(text.trim());
  return "problem" in result ? result.problem : undefined;
}

/** A name as the API wants it: apart. */
export interface NameParts {
  readonly repository: string;
  readonly tag: string;
}

/** A digest counts as the tag of a pull. @throws {Error} for what is no name */
export function splitTag(value: string): NameParts {
  const result = parseReference(value);
  if ("problem" in result) throw new Error(result.problem);
  const { reference } = result;
  return { repository: familiarName(reference), tag: reference.digest ?? reference.tag ?? "latest" };
}

/**
 * `web:latest` for `…/web/Dockerfile`, `web-dev:latest` for `…/web/Dockerfile.dev` and `…/web/dev.Dockerfile`.
 * Always a valid reference: lower case, and only separators that a repository may have.
 * @see https://github.com/distribution/reference/blob/v0.6.0/reference.go
 */
export function defaultImageName(dockerfile: string): string {
  const file = basename(dockerfile);
  const variant = /^(?:Dockerfile|Containerfile)\.(.+)$/i.exec(file)?.[1] ?? /^(.+)\.(?:Dockerfile|Containerfile)$/i.exec(file)?.[1];
  const parts = [basename(dirname(dockerfile)), variant ?? ""].map(component).filter(Boolean);
  return `${parts.join("-") || "image"}:latest`;
}

/** `shop-web:latest` for the folder `web` of the workspace `shop`; undefined where that says nothing more. */
export function workspaceImageName(dockerfile: string, workspace: string): string | undefined {
  const [own, name] = [defaultImageName(dockerfile), component(workspace)];
  const made = own.startsWith(`${name}:`) || own.startsWith(`${name}-`) ? own : `${name}-${own}`;
  return name === "" || made === own ? undefined : made;
}

function component(text: string): string {
  return text
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[\u0300-\u036f]/g, "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
}

/** `web` of `registry:5000/team/web:1`: what a container of the image is called. */
export function containerNameFor(reference: string): string {
  const name = reference.split("@")[0]!.split("/").at(-1)!.split(":")[0]!;
  return name.replace(/^[^a-zA-Z0-9]+/, "") || "container";
}
