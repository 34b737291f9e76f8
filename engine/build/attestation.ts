/**
 * Attestations beside an image in its index.
 * @see https://github.com/moby/buildkit/blob/v0.25.0/docs/attestations/attestation-storage.md
 */
import type { Descriptor, Images, Platform } from "../images/images.ts";
import { familiarName, parseReference, withDefaultTag } from "../syntax/reference.ts";
import type { FileTree } from "./file-tree.ts";
import type { Predicate } from "./provenance.ts";
import { imageUri } from "./trail.ts";
import { walkBelow } from "./tree-tar.ts";

const IN_TOTO = "application/vnd.in-toto+json";

export interface Subject {
  readonly manifest: Descriptor;
  readonly platform: Platform;
  readonly names: readonly string[];
}

/** Stores a manifest that attests something of an image. @returns its descriptor as an index names it */
export async function attest(images: Images, subject: Subject, { type, predicate }: Predicate): Promise<Descriptor> {
  const blob = await images.putBlob(statement({ type, predicate }, subjectsOf(subject)), IN_TOTO);
  const rootfs = { type: "layers", diff_ids: [blob.digest] };
  const config = await images.putBlob(
    json({ architecture: "unknown", os: "unknown", config: {}, rootfs }),
    "application/vnd.oci.image.config.v1+json",
  );
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const layers = [{ ...blob, annotations: { "in-toto.io/predicate-type": type } }];
  const manifest = await images.putBlob(json({ schemaVersion: 2, mediaType, config, layers }), mediaType);
  return {
    ...manifest,
    annotations: { "vnd.docker.reference.digest": subject.manifest.digest, "vnd.docker.reference.type": "attestation-manifest" },
    platform: { architecture: "unknown", os: "unknown" },
  };
}

/** What attests files that are handed out without an image: each of them is a subject. */
export async function attestFiles(tree: FileTree, predicate: Predicate): Promise<Buffer> {
  const subjects: object[] = [];
  for (const entry of walkBelow(tree, ""))
    if (entry.type === "file")
      subjects.push({ name: Buffer.from(entry.path, "latin1").toString(), digest: { sha256: await tree.digest(entry) } });
  return statement(predicate, subjects);
}

function statement({ type, predicate }: Predicate, subject: readonly object[]): Buffer {
  const version = type.endsWith("/v1") ? "v1" : "v0.1";
  return json({ _type: `https://in-toto.io/Statement/${version}`, predicateType: type, subject, predicate });
}

/** The image by each of its names; `_` is one without. */
function subjectsOf({ manifest, platform, names }: Subject): object[] {
  const digest = { sha256: manifest.digest.slice("sha256:".length) };
  const uris = names.flatMap((name) => {
    const parsed = parseReference(name);
    if (!("reference" in parsed)) return [];
    return [imageUri({ name: familiarName(parsed.reference), tag: withDefaultTag(parsed.reference).tag }, platform)];
  });
  return (uris.length > 0 ? uris : ["_"]).map((name) => ({ name, digest }));
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value, undefined, 2));
}
