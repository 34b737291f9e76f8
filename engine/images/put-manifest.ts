/**
 * A manifest or an index put into a registry by itself, as `docker manifest push` does. What a manifest names is brought
 * from another repository of the same registry.
 */
import { createHash } from "node:crypto";
import { PassThrough, pipeline } from "node:stream";
import type { AuthConfig } from "../api/types/image.ts";
import { EngineError } from "../errors.ts";
import type { Digest } from "../layers/snapshots.ts";
import type { Reference } from "../syntax/reference.ts";
import type { Descriptor } from "./images.ts";
import { LARGEST_MANIFEST, parseManifest } from "./manifest.ts";
import { withClient } from "./registry/ask.ts";
import type { RegistryClient } from "./registry/client.ts";
import type { RegistryOptions } from "./registry/endpoint.ts";

export interface PutManifestOptions {
  /** A repository of the same registry that has the blobs; without it they have to be there. */
  from?: Reference | undefined;
  auth?: AuthConfig | undefined;
  insecure?: boolean | undefined;
  registry: RegistryOptions;
  signal?: AbortSignal | undefined;
}

/** @param to with a tag, or with nothing for its digest @throws {EngineError} invalid, or in the registry's words */
export async function putManifest(to: Reference, data: Buffer, options: PutManifestOptions): Promise<Digest> {
  if (data.length > LARGEST_MANIFEST) throw new EngineError("invalid", `The manifest has more than ${LARGEST_MANIFEST} bytes`);
  const document = parseManifest(data);
  const { from, auth, signal } = options;
  if (from && from.domain !== to.domain)
    throw new EngineError("invalid", `cannot use source images from a different registry than the target image: ${from.domain} != ${to.domain}`); // oxfmt-ignore
  const digest: Digest = `sha256:${createHash("sha256").update(data).digest("hex")}`;
  const asked = { ...(auth && { auth }), ...(signal && { signal }), registry: options.registry };
  await withClient(to, { ...asked, push: true }, async (client) => {
    if (from && "config" in document)
      await withClient(from, asked, async (source) => {
        const blobs = [document.config, ...document.layers];
        for (const blob of blobs) await bring(blob, { path: from.path, source }, { client, signal });
      });
    await client.putManifest(to.tag ?? digest, { data, mediaType: document.mediaType }, signal);
  });
  return digest;
}

interface Target {
  client: RegistryClient;
  signal: AbortSignal | undefined;
}

/** Copies what the registry does not mount: its tokens may be for one repository only. */
async function bring(blob: Descriptor, from: { path: string; source: RegistryClient }, { client, signal }: Target): Promise<void> {
  if (await client.hasBlob(blob.digest, signal)) return;
  if (await client.mount(blob.digest, from.path, signal)) return;
  const content = (): PassThrough => {
    const through = new PassThrough();
    from.source.blob(blob.digest, 0, signal).then(
      ({ body }) => pipeline(body, through, () => undefined),
      (error: Error) => through.destroy(error),
    );
    return through;
  };
  await client.upload(blob, content, signal);
}
