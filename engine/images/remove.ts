/**
 * Docker's rules for `rmi`: a name is taken away, and the image goes with its last one, unless something uses it.
 * @see https://github.com/moby/moby/blob/v28.5.2/daemon/images/image_delete.go
 */
import { EngineError } from "../errors.ts";
import type { Digest } from "../layers/snapshots.ts";
import { familiarReference, repositoryName, withDefaultTag } from "../syntax/reference.ts";
import type { Reference } from "../syntax/reference.ts";
import type { Catalog, Name } from "./catalog.ts";
import type { Garbage } from "./garbage.ts";
import type { Image, Removed } from "./images.ts";
import { findId, isIdOf, needReference } from "./lookup.ts";

export interface ImageUser {
  describe: string;
  running: boolean;
}

export interface Removing {
  catalog: Catalog;
  garbage: Garbage;
  /** Who uses the image; somebody running before somebody stopped. */
  userOf: (image: Image) => Promise<ImageUser | undefined>;
  publish: (action: "untag" | "delete", id: Digest) => void;
}

/** @throws {EngineError} conflict, not-found */
export async function removeImage(removing: Removing, text: string, { force }: { force: boolean }): Promise<Removed[]> {
  const { catalog } = removing;
  const id = findId(catalog, text);
  const records: Removed[] = [];
  const names = catalog.namesOf(id);
  const isByName = !isIdOf(id, text);
  if (isByName) {
    const user = !force && isSingle(names) ? await removing.userOf(catalog.need(id)) : undefined;
    if (user) throw nameInUse(text, user, id);
    await untag(removing, records, namesThatGo(names, wantedReference(catalog, text)));
    if (catalog.namesOf(id).length > 0) return records;
  } else if (isSingle(names)) {
    await checkUnused(removing, id, { force, isNamed: false });
    await untag(removing, records, names);
  }
  // Without a name it was fair game for a prune, which may have been faster.
  if (catalog.get(id)) await deleteImage(removing, id, { force, records });
  return records;
}

function wantedReference(catalog: Catalog, text: string): Reference {
  const { tag, digest, ...repository } = needReference(text);
  const byDigest = digest === undefined ? undefined : { ...repository, digest };
  return byDigest && catalog.named(byDigest) ? byDigest : withDefaultTag({ ...repository, ...(tag !== undefined && { tag }) });
}

/** The name itself, and if it was the repository's last tag, the digests that the repository was pulled by. */
function namesThatGo(names: readonly Name[], wanted: Reference): Name[] {
  const itself = names.filter(({ reference }) => familiarReference(reference) === familiarReference(wanted));
  const sameRepository = names.filter(({ reference }) => repositoryName(reference) === repositoryName(wanted));
  const otherTags = sameRepository.some((name) => name.reference.tag !== undefined && !itself.includes(name));
  if (wanted.digest !== undefined || otherTags) return itself;
  return [...itself, ...sameRepository.filter(({ reference }) => reference.digest !== undefined)];
}

/** One name, or one tag and the digests of the same repository. */
function isSingle(names: readonly Name[]): boolean {
  if (names.length <= 1) return true;
  const tags = names.filter(({ reference }) => reference.digest === undefined);
  const repositories = new Set(names.map(({ reference }) => repositoryName(reference)));
  return tags.length <= 1 && repositories.size === 1;
}

async function untag(removing: Removing, records: Removed[], names: readonly Name[]): Promise<void> {
  await removing.catalog.unname(names.map(({ reference }) => reference));
  reportUntagged(removing.publish, records, names);
}

function reportUntagged(publish: Removing["publish"], records: Removed[], names: readonly Name[]): void {
  for (const { reference, id } of names) {
    records.push({ untagged: familiarReference(reference) });
    publish("untag", id);
  }
}

/** Deletes an image with all its names, unless somebody else did meanwhile. @throws {EngineError} conflict */
async function deleteImage(removing: Removing, id: Digest, { force, records }: { force: boolean; records: Removed[] }): Promise<void> {
  await checkUnused(removing, id, { force, isNamed: removing.catalog.namesOf(id).length > 0 });
  await deleteImages(removing, [id], records);
}

/** Deletes images that nobody uses with all their names, in one write of the index; returns the bytes of their layers. */
export async function deleteImages({ catalog, garbage, publish }: Removing, ids: readonly Digest[], records: Removed[]): Promise<number> {
  const images = ids.map((id) => catalog.get(id)).filter((image) => image !== undefined);
  const gone = images.map((image) => ({ image, names: catalog.namesOf(image.id), blobs: catalog.blobsOf(image.id) }));
  if (gone.length === 0) return 0;
  await catalog.remove(images.map(({ id }) => id));
  return garbage.afterRemoval(gone, ({ image: { id }, names }, layers) => {
    reportUntagged(publish, records, names);
    publish("delete", id);
    records.push({ deleted: id }, ...layers);
  });
}

async function checkUnused(removing: Removing, id: Digest, { force, isNamed }: { force: boolean; isNamed: boolean }): Promise<void> {
  const user = await removing.userOf(removing.catalog.need(id));
  const shortId = id.slice(7, 19);
  if (user?.running)
    throw conflict(`conflict: unable to delete ${shortId} (cannot be forced) - image is being used by running ${user.describe}`);
  if (force) return;
  if (isNamed) throw conflict(`conflict: unable to delete ${shortId} (must be forced) - image is referenced in multiple repositories`);
  if (user) throw conflict(`conflict: unable to delete ${shortId} (must be forced) - image is being used by stopped ${user.describe}`);
}

function nameInUse(text: string, user: ImageUser, id: Digest): EngineError {
  const image = id.slice(7, 19);
  return conflict(
    `conflict: unable to remove repository reference "${text}" (must force) - ${user.describe} is using its referenced image ${image}`,
  );
}

function conflict(message: string): EngineError {
  return new EngineError("conflict", message);
}
