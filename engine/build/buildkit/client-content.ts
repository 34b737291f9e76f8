/** Blobs that the client keeps in an OCI layout of its own: images named as contexts, and caches in directories. */
import { createReadStream, createWriteStream } from "node:fs";
import { stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { makeDirectory } from "../../host/files.ts";
import type { Descriptor } from "../../images/images.ts";
import { isIndex, isManifest, OCI_INDEX } from "../../images/media-types.ts";
import { GrpcError, NOT_FOUND, UNKNOWN } from "./grpc.ts";
import {
  ContentInfoResponse,
  InfoRequest,
  ReadContentRequest,
  ReadContentResponse,
  WriteContentRequest,
  WriteContentResponse,
} from "./messages.ts";
import type { ClientCall, Session } from "./session.ts";

const CONTENT = "/containerd.services.content.v1.Content/";
const WRITE = 1;
const COMMIT = 2;
const PIECE = 1 << 20;
const LARGEST_DOCUMENT = 64 << 20;
const ALREADY_EXISTS = 6;

interface Document {
  readonly mediaType?: string;
  readonly manifests?: readonly Descriptor[];
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
}

export class ClientContent {
  readonly #session: Session;
  readonly #store: string;

  /** @param store which of the client's layouts, as it named it */
  constructor(session: Session, store: string) {
    this.#session = session;
    this.#store = store;
  }

  /** Copies an image with everything it names into a layout in `directory`. @throws {GrpcError} the client's */
  async copyImage(digest: string, directory: string, signal: AbortSignal): Promise<void> {
    await makeDirectory(join(directory, "blobs/sha256"));
    const top = await this.#copy({ digest, mediaType: "" }, directory, signal);
    await writeFile(join(directory, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
    await writeFile(join(directory, "index.json"), JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [top] }));
  }

  /** Gives the client everything of a layout. @returns what a client is told of a cache that was exported to it */
  async giveLayout(directory: string): Promise<Record<string, string>> {
    const { manifests = [] } = await readDocument(join(directory, "index.json"));
    const [top] = manifests;
    if (!top) return {};
    await this.#give(top, directory);
    const { mediaType, digest, size } = top;
    return { "cache.manifest": JSON.stringify({ mediaType, digest, size }) };
  }

  /** What a document names goes before it. */
  async #give(blob: Descriptor, directory: string): Promise<void> {
    const path = join(directory, "blobs/sha256", blob.digest.slice("sha256:".length));
    if (isIndex(blob.mediaType) || isManifest(blob.mediaType)) {
      const { manifests = [], config, layers = [] } = await readDocument(path);
      for (const each of [...manifests, ...(config ? [config] : []), ...layers]) await this.#give(each, directory);
    }
    await this.write(blob, path);
  }

  /** @returns the blob with the media type that it says it has */
  async #copy(blob: Pick<Descriptor, "mediaType"> & { digest: string }, directory: string, signal: AbortSignal): Promise<object> {
    const path = join(directory, "blobs/sha256", blob.digest.slice("sha256:".length));
    await pipeline(Readable.from(this.read(blob.digest), { objectMode: false }), createWriteStream(path), { signal });
    const { size } = await stat(path);
    const isDocument = blob.mediaType === "" || isIndex(blob.mediaType) || isManifest(blob.mediaType);
    if (!isDocument || size > LARGEST_DOCUMENT) return { ...blob, size };
    const { mediaType, manifests = [], config, layers = [] } = await readDocument(path);
    for (const each of [...(config ? [config] : []), ...layers]) await this.#copy(each, directory, signal);
    // Of an index the client may have some platforms only.
    for (const each of manifests) if (await this.size(each.digest)) await this.#copy(each, directory, signal);
    return {
      mediaType: blob.mediaType || mediaType || (config ? "application/vnd.oci.image.manifest.v1+json" : OCI_INDEX),
      digest: blob.digest,
      size,
    };
  }

  /** Bytes of a blob, undefined when the client does not have it. */
  async size(digest: string): Promise<number | undefined> {
    const call = this.#call("Info");
    try {
      const [answer] = await ask(call, InfoRequest.encode({ digest }));
      return answer && ContentInfoResponse.decode(answer).info?.size;
    } catch (error) {
      if (error instanceof GrpcError && error.code === NOT_FOUND) return undefined;
      throw error;
    }
  }

  async *read(digest: string): AsyncGenerator<Buffer> {
    const call = this.#call("Read");
    await call.send(ReadContentRequest.encode({ digest }));
    call.end();
    for await (const data of call.messages()) yield ReadContentResponse.decode(data).data;
  }

  /** Gives the client a blob, unless it has it. */
  async write({ digest, size }: { readonly digest: string; readonly size: number }, path: string): Promise<void> {
    if ((await this.size(digest)) !== undefined) return;
    const call = this.#call("Write");
    const ref = `berth-${digest}`;
    const answered = drain(call);
    answered.catch(() => undefined);
    let offset = 0;
    for await (const data of createReadStream(path, { highWaterMark: PIECE }) as AsyncIterable<Buffer>) {
      await call.send(WriteContentRequest.encode({ action: WRITE, ref, total: size, expected: digest, offset, data }));
      offset += data.length;
    }
    await call.send(WriteContentRequest.encode({ action: COMMIT, ref, total: size, expected: digest, offset }));
    call.end();
    await answered;
  }

  #call(method: string): ClientCall {
    return this.#session.call(`${CONTENT}${method}`, { "buildkit-attachable-store-id": [this.#store] });
  }
}

async function ask(call: ClientCall, request: Buffer): Promise<Buffer[]> {
  await call.send(request);
  call.end();
  const answers: Buffer[] = [];
  for await (const data of call.messages()) answers.push(data);
  return answers;
}

async function drain(call: ClientCall): Promise<void> {
  try {
    for await (const data of call.messages()) WriteContentResponse.decode(data);
  } catch (error) {
    if (!(error instanceof GrpcError && error.code === ALREADY_EXISTS)) throw error;
  }
}

async function readDocument(path: string): Promise<Document> {
  const pieces: Buffer[] = [];
  for await (const piece of createReadStream(path) as AsyncIterable<Buffer>) pieces.push(piece);
  try {
    return (JSON.parse(Buffer.concat(pieces).toString()) ?? {}) as Document;
  } catch (error) {
    throw new GrpcError(UNKNOWN, `cannot read ${path.split("/").at(-1)!}: ${(error as Error).message}`);
  }
}
