/**
 * Places outside of this engine that hold blobs by digest and a manifest under a name: a repository of a registry, or an OCI
 * image layout in a directory. The build cache is kept there for other engines.
 */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { AuthConfig } from "../api/types/image.ts";
import { EngineError } from "../errors.ts";
import { writeJson } from "../host/files.ts";
import type { BlobFile, Digest } from "../layers/snapshots.ts";
import { withDefaultTag } from "../syntax/reference.ts";
import { compressed } from "./compress.ts";
import { download } from "./download.ts";
import type { Lease } from "./garbage.ts";
import type { Descriptor, ImageLayer } from "./images.ts";
import { needReference } from "./lookup.ts";
import { OCI_INDEX } from "./media-types.ts";
import { RegistryClient } from "./registry/client.ts";
import { endpointsOf } from "./registry/endpoint.ts";
import type { RegistryOptions } from "./registry/endpoint.ts";
import { readBody } from "./registry/transport.ts";
import type { Store } from "./store.ts";

/** A repository's image, or a directory's; `push` says that it will be written. */
export type PlaceName =
  | { readonly reference: string; readonly push: boolean; readonly auth?: AuthConfig | undefined }
  | { readonly directory: string; readonly tag: string };

export interface BlobPlace {
  /** What the name stands for. @throws {EngineError} not-found */
  manifest(): Promise<{ data: Buffer; mediaType: string }>;
  /** A small blob, checked. @throws {EngineError} invalid when it is not what its digest says */
  read(digest: Digest, mostBytes: number): Promise<Buffer>;
  /** Brings a blob into this engine's images, checked. */
  bring(blob: Descriptor): Promise<BlobFile>;
  /** Sends a layer of this engine, compressed. @returns how it is known there */
  send(layer: ImageLayer): Promise<Descriptor>;
  /** Sends what is not kept here. */
  put(data: Buffer, mediaType: string): Promise<Descriptor>;
  /** Puts the manifest under the name, last of all. */
  name(data: Buffer, mediaType: string): Promise<void>;
  close(): Promise<void>;
}

/** Where a blob goes: all that differs between a registry and a directory. */
interface Outside {
  manifest(): Promise<{ data: Buffer; mediaType: string }>;
  read(digest: Digest, mostBytes: number): Promise<Buffer>;
  bring(blob: Descriptor): Promise<void>;
  has(digest: Digest): Promise<boolean>;
  write(blob: Descriptor, content: () => ReturnType<typeof createReadStream>): Promise<void>;
  /** The manifest's blob is in this engine's layout. */
  name(manifest: Descriptor, data: Buffer): Promise<void>;
  close(): void;
}

export interface PlaceOptions {
  readonly registry: RegistryOptions;
  readonly signal: AbortSignal;
}

export async function openPlace(store: Store, where: PlaceName, options: PlaceOptions): Promise<BlobPlace> {
  const { signal } = options;
  const outside = "directory" in where ? openDirectory(store, where, signal) : await openRepository(store, where, options);
  const lease = store.garbage.lease();
  return {
    manifest: () => outside.manifest(),
    read: async (digest, mostBytes) => checked(await outside.read(digest, mostBytes), digest),
    bring: async (blob) => {
      store.garbage.keepForNow(blob.digest);
      if ((await store.layout.blobSize(blob.digest)) !== blob.size) await outside.bring(blob);
      return { path: store.layout.blobPath(blob.digest) };
    },
    send: async (layer) => {
      const blob = await compressed(store, layer, { lease, signal });
      await sendBlob(store, outside, blob);
      return blob;
    },
    put: async (data, mediaType) => {
      const blob = { mediaType, ...(await hold(store, lease, data)) };
      await sendBlob(store, outside, blob);
      return blob;
    },
    name: async (data, mediaType) => outside.name({ mediaType, ...(await hold(store, lease, data)) }, data),
    close: async () => {
      outside.close();
      await lease.end({ discard: true });
    },
  };
}

function hold(store: Store, lease: Lease, data: Buffer): Promise<{ digest: Digest; size: number }> {
  return store.layout.putBlob(data, { keep: (digest) => lease.add(digest) });
}

async function sendBlob({ layout }: Store, outside: Outside, blob: Descriptor): Promise<void> {
  if (await outside.has(blob.digest)) return;
  await outside.write(blob, () => createReadStream(layout.blobPath(blob.digest), { highWaterMark: 1 << 18 }));
}

function checked(data: Buffer, digest: Digest): Buffer {
  const found = `sha256:${createHash("sha256").update(data).digest("hex")}`;
  if (found !== digest) throw new EngineError("invalid", `${digest} has other content: ${found}`);
  return data;
}

async function openRepository(
  { layout }: Store,
  { reference: text, push, auth }: Extract<PlaceName, { reference: string }>,
  { registry, signal }: PlaceOptions,
): Promise<Outside> {
  const { domain, path, tag, digest } = withDefaultTag(needReference(text));
  const endpoint = endpointsOf(domain, registry).find(({ mirror }) => !mirror)!;
  const client = await RegistryClient.connect(endpoint, { repository: path, push, auth, signal }, registry.env ?? process.env);
  return {
    manifest: () => client.manifest(digest ?? tag!, signal),
    read: async (wanted, mostBytes) => readBody((await client.blob(wanted, 0, signal)).body, mostBytes),
    bring: (blob) => download(layout, client, blob, { signal }),
    has: (wanted) => client.hasBlob(wanted, signal),
    write: (blob, content) => client.upload(blob, content, signal),
    name: ({ mediaType }, data) => client.putManifest(tag ?? digest!, { data, mediaType }, signal),
    close: () => client.close(),
  };
}

interface LayoutIndex {
  readonly manifests?: readonly Descriptor[];
}

const REF_NAME = "org.opencontainers.image.ref.name";

function openDirectory({ layout }: Store, { directory, tag }: { directory: string; tag: string }, signal: AbortSignal): Outside {
  const blobs = join(directory, "blobs/sha256");
  const pathOf = (digest: Digest): string => join(blobs, digest.slice("sha256:".length));
  const index = async (): Promise<LayoutIndex> => JSON.parse(await readFile(join(directory, "index.json"), "utf8")) as LayoutIndex;
  const write: Outside["write"] = async ({ digest }, content) => {
    const unfinished = `${pathOf(digest)}.unfinished`;
    await mkdir(blobs, { recursive: true });
    try {
      await pipeline(content(), createWriteStream(unfinished), { signal });
      await rename(unfinished, pathOf(digest));
    } finally {
      await rm(unfinished, { force: true });
    }
  };
  const read: Outside["read"] = async (digest, mostBytes) => {
    if ((await stat(pathOf(digest))).size > mostBytes) throw new EngineError("invalid", `${digest} is larger than ${mostBytes} bytes`);
    return readFile(pathOf(digest));
  };
  return {
    read,
    write,
    manifest: async () => {
      const found = (await index()).manifests?.find(
        ({ digest, annotations }) => (annotations?.[REF_NAME] ?? tag) === tag || digest === tag,
      );
      if (!found) throw new EngineError("not-found", `${directory} has no cache that is called ${tag}`);
      return { data: await read(found.digest, 1 << 24), mediaType: found.mediaType };
    },
    bring: async (blob) => {
      const stored = await layout.putBlob((await open(pathOf(blob.digest))).createReadStream(), { signal });
      if (stored.digest !== blob.digest) throw new EngineError("invalid", `${blob.digest} has other content: ${stored.digest}`);
    },
    has: async (digest) => (await stat(pathOf(digest)).catch(() => undefined)) !== undefined,
    name: async (manifest) => {
      await write(manifest, () => createReadStream(layout.blobPath(manifest.digest)));
      const others = ((await index().catch((): LayoutIndex => ({}))).manifests ?? []).filter(
        ({ annotations }) => annotations?.[REF_NAME] !== tag,
      );
      const manifests = [...others, { ...manifest, annotations: { [REF_NAME]: tag } }];
      await writeJson(join(directory, "oci-layout"), { imageLayoutVersion: "1.0.0" });
      await writeJson(join(directory, "index.json"), { schemaVersion: 2, mediaType: OCI_INDEX, manifests });
    },
    close: () => undefined,
  };
}
