/**
 * Images: names in front of manifests in front of configs and layers, all of them blobs of one OCI image layout.
 *
 *     reference → manifest descriptor → config (its digest is the image id) + layers (unpacked once each)
 *
 * An image is visible only when it is whole: all blobs present and all layers unpacked.
 */
import type { Readable, Writable } from "node:stream";
import type { AuthConfig, JsonMessage } from "../api/types/image.ts";
import type { ContainerConfig } from "../api/types/container.ts";
import type { BlobFile, Digest } from "../layers/snapshots.ts";
import type { BlobPlace, PlaceName } from "./blob-places.ts";

/** @see https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md */
export interface Descriptor {
  mediaType: string;
  digest: Digest;
  size: number;
  annotations?: Record<string, string>;
  platform?: Platform;
  artifactType?: string;
}

export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
}

export interface HistoryEntry {
  created?: string;
  created_by?: string;
  author?: string;
  comment?: string;
  empty_layer?: boolean;
}

/** The image's config blob, as OCI and Docker write it. @see https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md */
export interface ImageConfig {
  created?: string;
  author?: string;
  comment?: string;
  architecture: string;
  os: string;
  variant?: string;
  config?: ContainerConfig;
  rootfs: { type: "layers"; diff_ids: Digest[] };
  history?: HistoryEntry[];
}

export interface ImageLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  readonly chainId: Digest;
}

export interface Image {
  /** The digest of the config blob. */
  readonly id: Digest;
  readonly manifest: Descriptor;
  readonly config: ImageConfig;
  readonly layers: readonly ImageLayer[];
  /** Familiar form, e.g. `nginx:latest`, `localhost:5000/a/b:1`; empty for a dangling image. */
  readonly repoTags: readonly string[];
  /** Familiar form, e.g. `nginx@sha256:…`. */
  readonly repoDigests: readonly string[];
  /** Unpacked bytes of all layers. */
  readonly sizeBytes: number;
  /** Milliseconds since the epoch. */
  readonly lastTaggedMs: number;
}

/** The last chainId of an image: the snapshot a container starts from; null for an image without layers. */
export function topLayer(image: Pick<Image, "layers">): Digest | null {
  return image.layers.at(-1)?.chainId ?? null;
}

/** What is deleted or untagged by `remove`, in Docker's order. */
export type Removed = { untagged: string } | { deleted: string };

export type Progress = (message: JsonMessage) => void;

export interface PullOptions {
  platform?: Platform;
  auth?: AuthConfig;
  signal?: AbortSignal;
  progress?: Progress;
}

export interface LoadOptions {
  /** Which of an index's images becomes visible; default: the one for this machine. */
  platform?: Platform | undefined;
  signal?: AbortSignal | undefined;
  progress?: Progress | undefined;
}

export interface ArchiveOf {
  readonly id: Digest;
  readonly manifest: Descriptor;
  readonly index?: Digest | undefined;
}

export interface CreateAs {
  readonly names: readonly string[];
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

export interface Images {
  list(): Promise<Image[]>;

  /**
   * The image that a user means by a name, a digest reference, or a (short) id.
   * @throws {EngineError} not-found `No such image: nginx:latest`, the name as Docker completes it; invalid for what is no
   *   reference
   */
  get(nameOrId: string): Promise<Image>;

  /** Like get, undefined instead of not-found. */
  find(nameOrId: string): Promise<Image | undefined>;

  /** Stores one blob and returns its descriptor; the caller gives the media type. Idempotent by digest. */
  putBlob(content: AsyncIterable<Buffer> | Buffer, mediaType: string, signal?: AbortSignal): Promise<Descriptor>;

  /** Where a stored blob lies, undefined when it is not here. */
  blobFile(digest: Digest): Promise<BlobFile | undefined>;

  /**
   * Makes an image of layers that are stored and unpacked already; `names` move to it.
   * @param layers descriptors in the order of `config.rootfs.diff_ids`
   * @param as the names, and what the manifest is annotated with
   */
  create(config: ImageConfig, layers: Descriptor[], as: CreateAs): Promise<Image>;

  /**
   * Puts images of one thing for several platforms under one index, which `names` then stand for; on this machine it is the
   * image for its platform, else the first. The others are no images of their own any more unless they have names.
   * @param parts of different platforms, each with the manifest that attests it, as the index names that
   */
  createIndex(
    parts: readonly { readonly id: Digest; readonly manifest: Descriptor; readonly attestation?: Descriptor }[],
    as: CreateAs,
  ): Promise<{ image: Image; index: Descriptor }>;

  /** @throws {EngineError} not-found, or invalid `invalid reference format` */
  tag(nameOrId: string, reference: string): Promise<void>;

  /**
   * Docker's rmi: one name is untagged; the image goes with its last name.
   * @throws {EngineError} conflict when a container uses it, or several repositories name it and `force` is off
   */
  remove(nameOrId: string, options: { force: boolean; prune: boolean }): Promise<Removed[]>;

  /** Loads a docker-archive or an OCI layout as tar (plain, gzip or zstd); returns what `docker load` prints. */
  load(archive: Readable, options?: LoadOptions): Promise<{ names: string[]; ids: Digest[] }>;

  /**
   * A tar that is a docker-archive and an OCI layout at once, as docker 25+ writes it. An index that an image came with is
   * kept, with what is here of it, unless one platform is asked for.
   */
  save(names: string[], options?: { signal?: AbortSignal; platform?: Platform }): Promise<Readable>;

  /** Like save, one image as exactly this manifest, or index, under names that it need not have here. */
  archive(what: ArchiveOf, as: { names: readonly string[]; signal?: AbortSignal }): Promise<Readable>;

  /** An image of one layer from a root file system tar. */
  importTar(
    tar: Readable,
    options: { reference?: string; changes: string[]; message: string; platform?: Platform },
    signal?: AbortSignal,
  ): Promise<Image>;

  pull(reference: string, options: PullOptions): Promise<Image>;

  push(reference: string, options: PullOptions): Promise<void>;

  /** A place outside that holds blobs and one manifest; close it. @throws {EngineError} what the registry says */
  place(where: PlaceName, signal: AbortSignal): Promise<BlobPlace>;

  /** `docker pull -a`: every tag of a repository, one after another. */
  pullAll(repository: string, options: PullOptions): Promise<void>;

  /**
   * Removes the images that `select` chooses, as far as nothing uses them, and whatever blobs and layers nothing needs.
   * Safe beside running pulls and builds.
   */
  prune(select: (image: Image) => boolean): Promise<{ removed: Removed[]; spaceReclaimed: number }>;

  /** Digests of blobs and chainIds of layers that something other than an image needs (the build cache), asked before anything is deleted. */
  addKeeper(keeper: () => Promise<Iterable<Digest>>): void;

  /**
   * Images that something still needs, asked before anything is removed. Each user (containers, the build cache) adds one.
   * `describe` names the user in Docker's words, e.g. `container 0123456789ab`.
   */
  addUser(user: (image: Image) => Promise<{ describe: string; running: boolean } | undefined>): void;
}

/** Output end of an attached stream; named here because several rooms hand it on. */
export type Output = Writable;
