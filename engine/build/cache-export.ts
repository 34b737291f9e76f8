/** Sends what a build made, and what it found in the cache, to where other engines find it. */
import { EngineError } from "../errors.ts";
import { OCI_MANIFEST } from "../images/media-types.ts";
import type { Descriptor } from "../images/images.ts";
import type { Digest } from "../layers/snapshots.ts";
import type { BuildRequest } from "./builder.ts";
import { CACHE_CONFIG, writeConfig } from "./cache-config.ts";
import type { CachedResult } from "./cache-config.ts";
import type { CacheSource, CacheTarget } from "./cache-options.ts";
import { loginFor } from "./login.ts";
import type { Rooms } from "./rooms.ts";
import type { StageLayer } from "./stage-result.ts";

export interface ExportParts {
  readonly rooms: Rooms;
  readonly request: BuildRequest;
  /** Of all steps of the build. */
  readonly results: readonly CachedResult[];
  /** Of the image; with mode=min only these go. */
  readonly layers: readonly StageLayer[];
  readonly signal: AbortSignal;
}

/** @throws {EngineError} what the registry or the disk says, unless the target has ignore-error=true */
export async function exportCache(parts: ExportParts, warn: (message: string) => void): Promise<void> {
  for (const target of parts.request.cacheTo ?? []) {
    if (target.type === "inline") continue;
    try {
      await send(target, parts);
    } catch (error) {
      parts.signal.throwIfAborted();
      const message = `failed to export the cache: ${error instanceof Error ? error.message : String(error)}`;
      if (!target.ignoreError) throw new EngineError(error instanceof EngineError ? error.kind : "internal", message, { cause: error });
      warn(message);
    }
  }
}

async function send(target: CacheTarget & CacheSource, { rooms, request, results, layers, signal }: ExportParts): Promise<void> {
  const where = target.type === "local" ? target : { ...target, push: true, auth: await loginFor(target.reference, request) };
  const place = await rooms.images.place(where, signal);
  try {
    const ofImage = new Set(layers.map(({ chainId }) => chainId));
    const chosen = target.all ? results : results.filter(({ chain }) => ofImage.has(chain.at(-1)!.chainId));
    const sent = new Map<Digest, Descriptor>();
    for (const { chain } of chosen)
      for (const layer of chain) if (!sent.has(layer.chainId)) sent.set(layer.chainId, await place.send(layer));
    const config = await place.put(writeConfig(chosen, sent), CACHE_CONFIG);
    const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [...sent.values()] };
    await place.name(Buffer.from(JSON.stringify(manifest)), OCI_MANIFEST);
  } finally {
    await place.close();
  }
}
