/**
 * What a cache that is kept outside of the engine consists of, in BuildKit's format: layers, each on top of another, and
 * records, which say for a key what its result is. Pure.
 *
 * BuildKit computes keys otherwise, so it finds nothing in ours, nor we in its; but registries and tools that know the
 * format treat it as what it is. @see https://github.com/moby/buildkit/tree/v0.25.0/cache/remotecache/v1
 */
import { EngineError } from "../errors.ts";
import type { Descriptor } from "../images/images.ts";
import type { Digest } from "../layers/snapshots.ts";
import type { StageLayer } from "./stage-result.ts";

export const CACHE_CONFIG = "application/vnd.buildkit.cacheconfig.v0";

/** Where an image's config carries the records of its own layers: base64 of their JSON. */
export const INLINE_CACHE = "moby.buildkit.cache.v0";

/** The result of a step. */
export interface CachedResult {
  readonly key: string;
  /** Of a result that is the same on top of anything. */
  readonly linkKey?: string | undefined;
  /** From the bottom; the last one is what the step made. */
  readonly chain: readonly StageLayer[];
  readonly createdMs: number;
}

interface ConfigLayer {
  readonly blob?: string;
  /** Place in the list; 0 when it is left out, -1 for none. */
  readonly parent?: number;
  readonly annotations?: { readonly mediaType?: string; readonly diffID?: string; readonly size?: number; readonly createdAt?: string };
}

interface ConfigRecord {
  readonly digest?: string;
  readonly results?: readonly { readonly layer?: number; readonly createdAt?: string }[];
}

/** A layer as an imported cache names it. */
export interface ImportedLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  /** When the result of a record, which is the last layer of its chain, was made. */
  readonly createdMs?: number;
}

/** By key: what its step made, from the bottom. */
export type ImportedResults = ReadonlyMap<string, readonly ImportedLayer[]>;

/** @param sent how each layer, by its chainId, is known where the cache goes */
export function writeConfig(results: readonly CachedResult[], sent: ReadonlyMap<Digest, Descriptor>): Buffer {
  const places = new Map<Digest, number>();
  const layers: ConfigLayer[] = [];
  for (const { chain, createdMs } of results)
    for (const [depth, { chainId, diffId }] of chain.entries()) {
      if (places.has(chainId)) continue;
      const { digest, mediaType, size } = sent.get(chainId)!;
      const parent = depth === 0 ? -1 : places.get(chain[depth - 1]!.chainId)!;
      places.set(chainId, layers.length);
      layers.push({ blob: digest, parent, annotations: { mediaType, diffID: diffId, size, createdAt: new Date(createdMs).toISOString() } });
    }
  return Buffer.from(JSON.stringify({ layers, records: results.flatMap((result) => recordsOf(result, places)) }));
}

/** The records of the results that are layers of one image. */
export function writeInline(results: readonly CachedResult[], layers: readonly StageLayer[]): string {
  const places = new Map(layers.map(({ chainId }, place) => [chainId, place]));
  const own = results.filter(({ chain }) => places.has(chain.at(-1)!.chainId));
  return Buffer.from(JSON.stringify(own.flatMap((result) => recordsOf(result, places)))).toString("base64");
}

function recordsOf({ key, linkKey, chain, createdMs }: CachedResult, places: ReadonlyMap<Digest, number>): ConfigRecord[] {
  const results = [{ layer: places.get(chain.at(-1)!.chainId)!, createdAt: new Date(createdMs).toISOString() }];
  return [key, ...(linkKey === undefined ? [] : [linkKey])].map((each) => ({ digest: `sha256:${each}`, results }));
}

/** @throws {EngineError} invalid for what is no such document; what only some record of it lacks is passed over */
export function readConfig(data: Buffer): ImportedResults {
  const { layers, records } = parse(data) as { layers?: unknown; records?: unknown };
  if (!Array.isArray(layers) || !Array.isArray(records)) throw new EngineError("invalid", "Cannot read the build cache: it has no records");
  return resultsOf(records as ConfigRecord[], (place) => chainOf(layers as ConfigLayer[], place));
}

/** @param layers of the image that has the records in its config */
export function readInline(text: string, layers: readonly ImportedLayer[]): ImportedResults {
  const records = parse(Buffer.from(text, "base64"));
  if (!Array.isArray(records)) throw new EngineError("invalid", "Cannot read the build cache: it has no records");
  return resultsOf(records as ConfigRecord[], (place) => (place < layers.length ? layers.slice(0, place + 1) : undefined));
}

function resultsOf(records: readonly ConfigRecord[], chainAt: (place: number) => readonly ImportedLayer[] | undefined): ImportedResults {
  const found = new Map<string, readonly ImportedLayer[]>();
  for (const record of records) {
    const key = /^sha256:([0-9a-f]{64})$/.exec(String(record?.digest))?.[1];
    const place = record?.results?.[0]?.layer ?? 0;
    const chain = key !== undefined && Number.isInteger(place) && place >= 0 && record.results?.length ? chainAt(place) : undefined;
    if (!chain) continue;
    const createdMs = Date.parse(record.results![0]!.createdAt ?? "");
    found.set(key!, [...chain.slice(0, -1), { ...chain.at(-1)!, ...(!Number.isNaN(createdMs) && { createdMs }) }]);
  }
  return found;
}

/** Undefined when a layer of the chain is missing or the chain has no end. */
function chainOf(layers: readonly ConfigLayer[], place: number): readonly ImportedLayer[] | undefined {
  const chain: ImportedLayer[] = [];
  for (let at = place; at >= 0; at = layers[at]!.parent ?? 0) {
    const layer = importedLayer(layers[at]);
    if (!layer || chain.length === layers.length) return undefined;
    chain.unshift(layer);
  }
  return chain;
}

function importedLayer(layer: ConfigLayer | undefined): ImportedLayer | undefined {
  const { blob, annotations: { mediaType = "", diffID, size = 0 } = {} } = layer ?? {};
  if (!isDigest(blob) || !isDigest(diffID) || !Number.isSafeInteger(size) || size < 0) return undefined;
  return { descriptor: { mediaType, digest: blob, size }, diffId: diffID };
}

function isDigest(value: unknown): value is Digest {
  return typeof value === "string" && /^sha256:[0-9a-f]{64}$/.test(value);
}

function parse(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString()) ?? {};
  } catch (error) {
    throw new EngineError("invalid", `Cannot read the build cache: ${(error as Error).message}`);
  }
}
