/** An image of an OCI layout in a directory, as the archive that images are loaded from. */
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { EngineError } from "../errors.ts";
import type { Descriptor } from "../images/images.ts";
import { isIndex, isManifest, OCI_INDEX } from "../images/media-types.ts";
import { emptyEntry, TAR_END, tarHeader, tarPadding } from "../layers/tar-writer.ts";

const REF_NAME = "org.opencontainers.image.ref.name";
const LARGEST = 4 << 20;

interface Document {
  readonly manifests?: readonly Descriptor[];
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
}

/**
 * @param which of its images: by name, by digest, or, when neither is given, `latest`, or the only one
 * @returns a tar of the layout with that image alone, without a name
 * @throws {EngineError} not-found
 */
export async function readLayout(
  directory: string,
  which: { readonly tag?: string | undefined; readonly digest?: string | undefined },
): Promise<Readable> {
  const { manifests = [] } = await readDocument(join(directory, "index.json"), directory);
  const { mediaType, digest, size } = choose(manifests, which, directory);
  const blobs = new Map<string, string>();
  await collect(directory, { mediaType, digest, size }, blobs);
  return Readable.from(archive({ mediaType, digest, size }, blobs), { objectMode: false, highWaterMark: 1 << 20 });
}

function choose(
  manifests: readonly Descriptor[],
  { tag, digest }: { readonly tag?: string | undefined; readonly digest?: string | undefined },
  directory: string,
): Descriptor {
  const named = (name: string): Descriptor | undefined => manifests.find(({ annotations }) => annotations?.[REF_NAME] === name);
  const found =
    digest !== undefined
      ? (manifests.find((each) => each.digest === digest) ?? named(tag ?? ""))
      : tag !== undefined
        ? named(tag)
        : (named("latest") ?? (manifests.length === 1 ? manifests[0] : undefined));
  if (!found) throw new EngineError("not-found", `${directory} has no image that is called ${digest ?? tag ?? "latest"}`);
  return found;
}

function blobPath(directory: string, digest: string): string {
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) throw new EngineError("invalid", `${directory} names a blob ${JSON.stringify(digest)}`);
  return join(directory, "blobs/sha256", digest.slice("sha256:".length));
}

/** Everything that the image consists of, as far as it is there: an index need not have all of its platforms. */
async function collect(directory: string, { digest, mediaType }: Descriptor, blobs: Map<string, string>): Promise<void> {
  const path = blobPath(directory, digest);
  if (blobs.has(digest) || !(await stat(path).catch(() => undefined))) return;
  blobs.set(digest, path);
  if (!isIndex(mediaType) && !isManifest(mediaType)) return;
  const { manifests = [], config, layers = [] } = await readDocument(path, directory);
  for (const each of [...manifests, ...(config ? [config] : []), ...layers]) await collect(directory, each, blobs);
}

async function readDocument(path: string, directory: string): Promise<Document> {
  try {
    if ((await stat(path)).size > LARGEST) throw new Error(`${path} is too large`);
    return (JSON.parse(await readFile(path, "utf8")) ?? {}) as Document;
  } catch (error) {
    throw new EngineError("not-found", `Cannot read the OCI layout ${directory}: ${(error as Error).message}`);
  }
}

async function* archive(top: Descriptor, blobs: ReadonlyMap<string, string>): AsyncGenerator<Buffer> {
  yield* file("oci-layout", '{"imageLayoutVersion":"1.0.0"}');
  for (const [digest, path] of blobs) {
    const { size } = await stat(path);
    yield tarHeader({ ...emptyEntry(`blobs/sha256/${digest.slice("sha256:".length)}`), sizeBytes: size });
    yield* createReadStream(path, { highWaterMark: 1 << 18 }) as AsyncIterable<Buffer>;
    yield tarPadding(size);
  }
  yield* file("index.json", JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [top] }));
  yield TAR_END;
}

function* file(name: string, text: string): Generator<Buffer> {
  const content = Buffer.from(text);
  yield tarHeader({ ...emptyEntry(name), sizeBytes: content.length });
  yield content;
  yield tarPadding(content.length);
}
