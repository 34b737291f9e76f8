/**
 * `docker load`: an archive of images, made by `docker save` of any version, podman, skopeo or buildx. The archive is
 * unpacked into a jailed directory first, because its table of contents may come last.
 *
 *     docker-archive   manifest.json: [{ Config, RepoTags, Layers }], each a path in the archive
 *     OCI layout       index.json → blobs/sha256/…
 */
import { createHash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { EngineError } from "../errors.ts";
import { removeTree } from "../host/files.ts";
import { extractInto, readFileIn, statIn } from "../layers/jail.ts";
import type { Digest } from "../layers/snapshots.ts";
import { familiarReference, parseReference, withDefaultTag } from "../syntax/reference.ts";
import type { Reference } from "../syntax/reference.ts";
import { imageLayers } from "./catalog.ts";
import type { Addition } from "./catalog.ts";
import type { Lease } from "./garbage.ts";
import type { Descriptor, Image, ImageConfig, LoadOptions, Platform, Progress } from "./images.ts";
import { Intake } from "./intake.ts";
import { checkExpected } from "./layout.ts";
import { LARGEST_CONFIG, LARGEST_MANIFEST, parseConfig, parseDescriptor, parseManifest, writeManifest } from "./manifest.ts";
import { isImageConfig, isIndex, layerMediaType, OCI_CONFIG, OCI_MANIFEST } from "./media-types.ts";
import { choosePlatform, hostPlatform, platformText } from "./platform.ts";
import type { Store } from "./store.ts";

const { S_IFMT, S_IFREG } = constants;

export interface Loaded {
  /** As `docker load` prints them: familiar names, or for an image without one its id. */
  names: string[];
  ids: Digest[];
}

/** Makes the images of an archive visible, all of them together. @throws {EngineError} invalid */
export async function loadArchive(store: Store, archive: Readable, options: LoadOptions): Promise<Loaded> {
  const top = store.layout.ingestPath();
  const directory = join(top, "archive");
  await mkdir(directory, { recursive: true });
  const lease = store.garbage.lease();
  try {
    const { signal } = options;
    await extractInto(directory, "/", archive, { owner: { uid: 0, gid: 0 }, mode: 0o755, ...(signal && { signal }) });
    const intake = await Intake.open(store.layout, join(top, "made"), lease);
    const loader = new Loader(store, directory, { lease, intake, ...options });
    return await loader.load();
  } finally {
    await removeTree(top);
    await lease.end({ discard: true });
  }
}

/** Images of an archive that are looked at, and whose layers are unpacked, at the same time. */
const AT_ONCE = 4;

class Loader {
  readonly #store: Store;
  readonly #directory: string;
  readonly #lease: Lease;
  readonly #intake: Intake;
  /** By path in the archive: several images may have one layer. */
  readonly #hashed = new Map<string, Promise<Hashed>>();
  readonly #signal: AbortSignal | undefined;
  readonly #progress: Progress | undefined;
  readonly #platform: Platform | undefined;

  constructor(store: Store, directory: string, options: LoadOptions & { lease: Lease; intake: Intake }) {
    this.#store = store;
    this.#directory = directory;
    this.#lease = options.lease;
    this.#intake = options.intake;
    this.#signal = options.signal;
    this.#progress = options.progress;
    this.#platform = options.platform;
  }

  async load(): Promise<Loaded> {
    const index = await this.#json("/index.json");
    const manifest = await this.#json("/manifest.json");
    if (index !== undefined && (await this.#isComplete(index))) return this.#show(await this.#loadIndex(index, manifest));
    if (manifest !== undefined) return this.#show(await this.#loadDockerArchive(manifest));
    throw new EngineError("invalid", "Cannot load the archive: it has neither manifest.json nor index.json");
  }

  async #show(additions: readonly Addition[]): Promise<Loaded> {
    this.#signal?.throwIfAborted();
    await this.#intake.commit();
    const images = await this.#store.catalog.addAll(additions);
    const loaded: Loaded = { names: [], ids: [] };
    for (const [i, { names }] of additions.entries()) this.#report(loaded, images[i]!, names);
    return loaded;
  }

  async #json(path: string): Promise<unknown> {
    const data = await readFileIn(this.#directory, path);
    try {
      return data && (JSON.parse(data.toString()) as unknown);
    } catch (error) {
      throw new EngineError("invalid", `Cannot load the archive: ${path.slice(1)} is not JSON`, { cause: error });
    }
  }

  /** Old archives have neither blobs nor index; some tools write an index without the blobs. */
  async #isComplete(index: unknown): Promise<boolean> {
    for (const { digest } of descriptorsOf(index)) if (!(await statIn(this.#directory, blobName(digest)))) return false;
    return descriptorsOf(index).length > 0;
  }

  async #loadIndex(index: unknown, table: unknown): Promise<Addition[]> {
    const images = new Map<Digest, Reference[]>();
    const descriptors = new Map<Digest, Descriptor>();
    for (const descriptor of descriptorsOf(index)) {
      descriptors.set(descriptor.digest, descriptor);
      images.set(descriptor.digest, [...(images.get(descriptor.digest) ?? []), ...namesOf(descriptor)]);
    }
    const load = ([digest, names]: [Digest, Reference[]]) => this.#loadDescriptor(descriptors.get(digest)!, names, { table, depth: 0 });
    return (await inLanes([...images], load)).filter((addition) => addition !== undefined);
  }

  /** Follows an index to the manifest of this platform; others, attestations and artifacts are passed over. */
  async #loadDescriptor(
    descriptor: Descriptor,
    names: Reference[],
    { table, depth, index }: { table: unknown; depth: number; index?: Digest | undefined },
  ): Promise<Addition | undefined> {
    if (depth > 3) throw new EngineError("invalid", "Cannot load the archive: its indexes are nested too deep");
    const data = await this.#small(blobName(descriptor.digest), LARGEST_MANIFEST);
    checkExpected(descriptor, { digest: digestOf(data), size: data.length });
    const document = parseManifest(data, descriptor.mediaType);
    if ("manifests" in document) {
      const present = await this.#present(document.manifests);
      const wanted = this.#platform ?? hostPlatform();
      const chosen = choosePlatform(present, wanted) ?? (present.length === 1 && !this.#platform ? present[0] : undefined);
      if (!chosen) {
        if (this.#platform) throw new EngineError("not-found", `no matching manifest for ${platformText(wanted)} in the archive`);
        return undefined;
      }
      if (depth === 0) await this.#keepIndex(descriptor);
      return this.#loadDescriptor(chosen, names, { table, depth: depth + 1, index: depth === 0 ? descriptor.digest : index });
    }
    if (document.config.mediaType !== "" && !isImageConfig(document.config.mediaType)) return undefined;
    const config = parseConfig(await this.#small(blobName(document.config.digest), LARGEST_CONFIG));
    const paths = document.layers.map(({ digest }) => blobName(digest));
    const layers = await this.#layers(config, paths, document.layers);
    await this.#adopt(blobName(document.config.digest), document.config);
    await this.#adopt(blobName(descriptor.digest), descriptor);
    await layers.applied;
    const allNames = [...names, ...tableNames(table, document.config.digest)];
    const { digest, size } = descriptor;
    const mediaType = isIndex(descriptor.mediaType) || !descriptor.mediaType ? document.mediaType : descriptor.mediaType;
    return { manifest: { mediaType, digest, size }, names: unique(allNames), index };
  }

  async #present(descriptors: readonly Descriptor[]): Promise<Descriptor[]> {
    const present: Descriptor[] = [];
    for (const each of descriptors) if (await statIn(this.#directory, blobName(each.digest))) present.push(each);
    return present;
  }

  /** Stores an index with everything below it that the archive has: other platforms, attestations, artifacts. */
  async #keepIndex(descriptor: Descriptor, depth = 0): Promise<void> {
    const data = await this.#small(blobName(descriptor.digest), LARGEST_MANIFEST);
    const document = parseManifestOrNothing(data, descriptor.mediaType);
    const parts = !document ? [] : "manifests" in document ? document.manifests : [document.config, ...document.layers];
    for (const part of await this.#present(parts))
      if (document && "manifests" in document && depth < 3) await this.#keepIndex(part, depth + 1);
      else await this.#adopt(blobName(part.digest), part);
    await this.#adopt(blobName(descriptor.digest), descriptor);
  }

  async #loadDockerArchive(table: unknown): Promise<Addition[]> {
    return inLanes(readTable(table), async ({ configPath, layerPaths, names }) => {
      const data = await this.#small(configPath, LARGEST_CONFIG);
      const layers = await this.#layers(parseConfig(data), layerPaths, undefined);
      const config = await this.#intake.put(data, OCI_CONFIG);
      await layers.applied;
      return { manifest: await this.#intake.put(writeManifest(config, layers.descriptors), OCI_MANIFEST), names };
    });
  }

  /** Stores the blobs of the layers, and unpacks those that are not unpacked yet, all at the same time. */
  async #layers(
    config: ImageConfig,
    paths: readonly string[],
    expected: readonly Descriptor[] | undefined,
  ): Promise<{ descriptors: Descriptor[]; applied: Promise<unknown> }> {
    const diffIds = config.rootfs.diff_ids;
    if (paths.length !== diffIds.length)
      throw new EngineError("invalid", "Cannot load the archive: invalid manifest, layers length mismatch");
    const descriptors: Descriptor[] = [];
    for (const [i, path] of paths.entries()) descriptors.push(await this.#adopt(path, expected?.[i]));
    let parent: Digest | null = null;
    const applied = imageLayers(descriptors, diffIds).map(({ descriptor, diffId, chainId }) => {
      this.#lease.add(chainId);
      const blob = { path: this.#intake.path(descriptor.digest) };
      const work = this.#store.snapshots.apply(blob, diffId, parent, this.#signal ? { signal: this.#signal } : {});
      parent = chainId;
      return work;
    });
    // All have ended, well or not, before anything is deleted under them. Until somebody waits, a failure is not unheard of.
    const done = Promise.allSettled(applied).then(async () => Promise.all(applied));
    done.catch(() => undefined);
    return { descriptors, applied: done };
  }

  /** Takes a file of the archive in as a blob; a path that several images share is there already. */
  async #adopt(path: string, expected: Descriptor | undefined): Promise<Descriptor> {
    if (expected && (await this.#intake.has(expected.digest, expected.size))) return expected;
    let hashed = this.#hashed.get(path);
    if (!hashed) this.#hashed.set(path, (hashed = this.#hash(path)));
    const { file, digest, size, head } = await hashed;
    if (expected) checkExpected(expected, { digest, size });
    if (!(await this.#intake.has(digest, size))) this.#intake.take(file, digest);
    return expected ?? { mediaType: layerMediaType(head), digest, size };
  }

  async #hash(path: string): Promise<Hashed> {
    // Old archives have links among their layers; seen from inside, this is where they lead.
    const found = await statIn(this.#directory, `${path}/.`);
    if (!found || (found.mode & S_IFMT) !== S_IFREG) throw missing(path);
    const file = join(this.#directory, found.path);
    return { file, ...(await hashFile(file, this.#signal)) };
  }

  async #small(path: string, most: number): Promise<Buffer> {
    const data = await readFileIn(this.#directory, path);
    if (!data) throw missing(path);
    if (data.length > most) throw new EngineError("invalid", `Cannot load the archive: "${path}" is too large`);
    return data;
  }

  #report(loaded: Loaded, image: Image, names: readonly Reference[]): void {
    loaded.ids.push(image.id);
    for (const name of names) this.#say(loaded, familiarReference(name), "Loaded image: ");
    if (names.length === 0) this.#say(loaded, image.id, "Loaded image ID: ");
  }

  #say(loaded: Loaded, name: string, words: string): void {
    loaded.names.push(name);
    this.#progress?.({ stream: `${words}${name}\n` });
  }
}

/** Results in the order of the items. All lanes have ended, well or not, when it settles. */
async function inLanes<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const queue = [...items.entries()];
  const lanes = Array.from({ length: AT_ONCE }, async () => {
    for (let next = queue.shift(); next; next = queue.shift())
      try {
        results[next[0]] = await work(next[1]);
      } catch (error) {
        queue.length = 0;
        throw error;
      }
  });
  await Promise.allSettled(lanes);
  await Promise.all(lanes);
  return results;
}

function parseManifestOrNothing(data: Buffer, mediaType: string): ReturnType<typeof parseManifest> | undefined {
  try {
    return parseManifest(data, mediaType);
  } catch {
    return undefined;
  }
}

function missing(path: string): EngineError {
  return new EngineError("invalid", `Cannot load the archive: it has no "${path.replace(/^\//, "")}"`);
}

function blobName(digest: Digest): string {
  return `/blobs/sha256/${digest.slice("sha256:".length)}`;
}

function descriptorsOf(index: unknown): Descriptor[] {
  const manifests = (index as { manifests?: unknown } | null)?.manifests;
  return Array.isArray(manifests) ? manifests.map((each) => parseDescriptor(each)) : [];
}

/** containerd's annotation is a whole name; OCI's may be only a tag, which names nothing by itself. */
function namesOf({ annotations }: Descriptor): Reference[] {
  const refName = annotations?.["org.opencontainers.image.ref.name"] ?? "";
  return toReferences([annotations?.["io.containerd.image.name"] ?? (/[:/]/.test(refName) ? refName : "")]);
}

function toReferences(names: readonly string[]): Reference[] {
  return names.flatMap((name) => {
    const parsed = parseReference(name);
    return "reference" in parsed && parsed.reference.digest === undefined ? [withDefaultTag(parsed.reference)] : [];
  });
}

function unique(references: readonly Reference[]): Reference[] {
  return [...new Map(references.map((reference) => [familiarReference(reference), reference])).values()];
}

interface TableRow {
  configPath: string;
  layerPaths: string[];
  names: Reference[];
}

/** @throws {EngineError} invalid */
function readTable(table: unknown): TableRow[] {
  if (!Array.isArray(table)) throw new EngineError("invalid", "Cannot load the archive: manifest.json is not a list");
  return table.map((row: unknown): TableRow => {
    const { Config, Layers, RepoTags } = (row ?? {}) as { Config?: unknown; Layers?: unknown; RepoTags?: unknown };
    if (typeof Config !== "string" || !isStrings(Layers ?? []))
      throw new EngineError("invalid", "Cannot load the archive: manifest.json is damaged");
    const names = isStrings(RepoTags ?? []) ? ((RepoTags ?? []) as string[]) : [];
    return { configPath: `/${Config}`, layerPaths: ((Layers ?? []) as string[]).map((path) => `/${path}`), names: toReferences(names) };
  });
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

/** Names that manifest.json, if the archive has it too, gives to the image with this config. */
function tableNames(table: unknown, config: Digest): Reference[] {
  if (!Array.isArray(table)) return [];
  return readTable(table).flatMap(({ configPath, names }) => (configPath.includes(config.slice("sha256:".length)) ? names : []));
}

function digestOf(data: Buffer): Digest {
  return `sha256:${createHash("sha256").update(data).digest("hex")}`;
}

interface Hashed {
  file: string;
  digest: Digest;
  size: number;
  /** The first bytes, which tell how it is compressed. */
  head: Buffer;
}

async function hashFile(path: string, signal: AbortSignal | undefined): Promise<Omit<Hashed, "file">> {
  const hash = createHash("sha256");
  const file = await open(path, "r");
  let size = 0;
  let head: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream("", { fd: file.fd, autoClose: false, highWaterMark: 1 << 18, ...(signal && { signal }) })) {
    if (size === 0) head = Buffer.from((chunk as Buffer).subarray(0, 8));
    hash.update(chunk as Buffer);
    size += (chunk as Buffer).length;
  }
  await file.close();
  return { digest: `sha256:${hash.digest("hex")}`, size, head };
}
