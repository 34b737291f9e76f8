/**
 * Manifests, indexes and configs as they come from outside: read from JSON once, here, and trusted afterwards.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md
 */
import { EngineError } from "../errors.ts";
import type { Digest } from "../layers/snapshots.ts";
import { checkConfigFields } from "./config-fields.ts";
import type { Descriptor, ImageConfig, Platform } from "./images.ts";
import { isIndex, isManifest, OCI_INDEX, OCI_MANIFEST } from "./media-types.ts";

export interface Manifest {
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

export interface Index {
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
}

/** A manifest or index is held in memory; registries limit them to 4 MiB. */
export const LARGEST_MANIFEST = 4 << 20;
/** Some build tools keep a long history. */
export const LARGEST_CONFIG = 8 << 20;

const DIGEST = /^sha256:[0-9a-f]{64}$/;

export function isDigest(text: unknown): text is Digest {
  return typeof text === "string" && DIGEST.test(text);
}

/**
 * Reads a manifest or an index.
 * @param mediaType as the registry or the descriptor says; where they say nothing, the document's own
 * @throws {EngineError} invalid
 */
export function parseManifest(data: Buffer, mediaType?: string): Manifest | Index {
  const json = parseObject(data, "manifest");
  const type = mediaType && (isIndex(mediaType) || isManifest(mediaType)) ? mediaType : ownType(json);
  if (json["schemaVersion"] === 1 || type === undefined) throw unsupported(json["mediaType"] ?? mediaType);
  if (json["schemaVersion"] !== 2) throw invalid("manifest", "its schemaVersion is not 2");
  // A document that is an image to one reader and an index to another is an attack.
  if (("manifests" in json && isManifest(type)) || ("layers" in json && isIndex(type)))
    throw invalid("manifest", "it claims to be an image and an index");
  if (isIndex(type)) return { mediaType: type, manifests: list(json["manifests"]).map((each) => parseDescriptor(each)) };
  return { mediaType: type, config: parseDescriptor(json["config"]), layers: list(json["layers"]).map((each) => parseDescriptor(each)) };
}

function ownType(json: Record<string, unknown>): string | undefined {
  const own = json["mediaType"];
  if (typeof own === "string" && own !== "") return isIndex(own) || isManifest(own) ? own : undefined;
  if ("manifests" in json) return OCI_INDEX;
  return "config" in json && "layers" in json ? OCI_MANIFEST : undefined;
}

/** @throws {EngineError} invalid */
export function parseDescriptor(value: unknown): Descriptor {
  const json = object(value, "descriptor");
  const { mediaType, digest, size, annotations, platform, artifactType } = json;
  if (typeof digest === "string" && /^[a-z0-9+._-]+:/.test(digest) && !digest.startsWith("sha256:"))
    throw new EngineError("not-implemented", `Cannot use "${digest.slice(0, 80)}": only sha256 digests are supported`);
  if (!isDigest(digest)) throw invalid("descriptor", "it has no digest");
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) throw invalid("descriptor", "it has no size");
  return {
    mediaType: typeof mediaType === "string" ? mediaType : "",
    digest,
    size,
    ...(annotations !== undefined && { annotations: strings(annotations) }),
    ...(platform !== undefined && { platform: parsePlatform(platform) }),
    ...(typeof artifactType === "string" && { artifactType }),
  };
}

function parsePlatform(value: unknown): Platform {
  const { os, architecture, variant } = object(value, "platform");
  return {
    os: typeof os === "string" ? os : "",
    architecture: typeof architecture === "string" ? architecture : "",
    ...(typeof variant === "string" && variant !== "" && { variant }),
  };
}

/** Reads an image's config; what is not used is kept as it is. @throws {EngineError} invalid */
export function parseConfig(data: Buffer): ImageConfig {
  const json = parseObject(data, "image config");
  const rootfs = object(json["rootfs"] ?? { type: "layers", diff_ids: [] }, "image config");
  const diffIds = list(rootfs["diff_ids"] ?? []);
  if (!diffIds.every(isDigest)) throw invalid("image config", "its rootfs has something other than digests");
  const { config, history } = json;
  if (config !== undefined && config !== null) object(config, "image config");
  if (history !== undefined && history !== null) list(history).forEach((entry) => object(entry, "image config"));
  checkConfigFields(json);
  return {
    ...json,
    architecture: typeof json["architecture"] === "string" ? json["architecture"] : "",
    os: typeof json["os"] === "string" ? json["os"] : "",
    rootfs: { type: "layers", diff_ids: diffIds },
    history: history ?? [],
  } as ImageConfig;
}

/** The manifest of an image, in the form that everybody reads. The same input gives the same bytes. */
export function writeManifest(config: Descriptor, layers: readonly Descriptor[], annotations: Annotations = {}): Buffer {
  const document = { schemaVersion: 2, mediaType: OCI_MANIFEST, config: bare(config), layers: layers.map(bare) };
  return Buffer.from(JSON.stringify({ ...document, ...optional(annotations) }));
}

/** An index of manifests that know their platforms. The same input gives the same bytes. */
export function writeIndex(manifests: readonly Descriptor[], annotations: Annotations = {}): Buffer {
  const listed = manifests.map((each) => ({ ...bare(each), ...optional(each.annotations ?? {}), platform: each.platform }));
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: listed, ...optional(annotations) }));
}

type Annotations = Readonly<Record<string, string>>;

function optional(annotations: Annotations): { annotations?: Annotations } {
  return Object.keys(annotations).length > 0 ? { annotations } : {};
}

function bare({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

function parseObject(data: Buffer, what: string): Record<string, unknown> {
  try {
    return object(JSON.parse(data.toString()), what);
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw invalid(what, (error as Error).message);
  }
}

function object(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(what, "it is not a JSON object");
  return value as Record<string, unknown>;
}

function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw invalid("manifest", "a list is missing");
  return value;
}

function strings(value: unknown): Record<string, string> {
  const entries = Object.entries(object(value, "descriptor"));
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}

function invalid(what: string, why: string): EngineError {
  return new EngineError("invalid", `Cannot read the ${what}: ${why}`);
}

function unsupported(mediaType: unknown): EngineError {
  return new EngineError("not-implemented", `unsupported manifest format: ${typeof mediaType === "string" ? mediaType : "unknown"}`);
}
