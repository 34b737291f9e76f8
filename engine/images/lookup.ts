/** From what a user types to an image, as Docker finds it. */
import { EngineError } from "../errors.ts";
import type { Digest } from "../layers/snapshots.ts";
import { familiarReference, parseReference, withDefaultTag } from "../syntax/reference.ts";
import type { Reference } from "../syntax/reference.ts";
import type { Catalog } from "./catalog.ts";

/** Docker's sentence. */
export function noSuchImage(name: string): EngineError {
  return new EngineError("not-found", `No such image: ${name}`);
}

/**
 * The id of the image that `text` means: a whole id, a name, or the beginning of an id, tried in this order.
 * @throws {EngineError} not-found, or invalid for what is no reference
 */
export function findId(catalog: Catalog, text: string): Digest {
  const whole = /^(?:sha256:)?([0-9a-f]{64})$/.exec(text)?.[1];
  if (whole) {
    const id: Digest = `sha256:${whole}`;
    if (!catalog.get(id)) throw noSuchImage(id);
    return id;
  }
  const found = readName(catalog, text) ?? readPrefix(catalog, text);
  if (found) return found;
  throw noSuchImage(familiarReference(withDefaultTag(needReference(text))));
}

function readName(catalog: Catalog, text: string): Digest | undefined {
  const parsed = parseReference(text);
  if ("problem" in parsed) return undefined;
  const { tag, digest, ...repository } = parsed.reference;
  // With a digest the tag says nothing more.
  if (digest !== undefined) return catalog.named({ ...repository, digest })?.id ?? byManifest(catalog, repository, digest);
  return catalog.named(withDefaultTag({ ...repository, ...(tag !== undefined && { tag }) }))?.id;
}

/** A repository's image by its manifest's digest, even if it was never pulled or pushed by that. */
function byManifest(catalog: Catalog, { domain, path }: Pick<Reference, "domain" | "path">, digest: Digest): Digest | undefined {
  const names = catalog.names().filter(({ reference }) => reference.domain === domain && reference.path === path);
  return names.find(({ manifest, index }) => manifest.digest === digest || index === digest)?.id;
}

function readPrefix(catalog: Catalog, text: string): Digest | undefined {
  const hex = /^(?:sha256:)?([0-9a-f]{1,63})$/.exec(text)?.[1];
  const ids = hex ? catalog.withPrefix(hex) : [];
  return ids.length === 1 ? ids[0] : undefined;
}

/** Whether `text` names an image by (the beginning of) its id rather than by a name. */
export function isIdOf(id: Digest, text: string): boolean {
  return id.startsWith(text.startsWith("sha256:") ? text : `sha256:${text}`);
}

/** @throws {EngineError} invalid */
export function needReference(text: string): Reference {
  const parsed = parseReference(text);
  if ("problem" in parsed) throw new EngineError("invalid", parsed.problem);
  return parsed.reference;
}
