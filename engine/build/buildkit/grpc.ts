/** gRPC's own words: frames, metadata, and errors as trailers. @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import { EngineError } from "../../errors.ts";
import { Status } from "./messages.ts";
import type { Decoded } from "./wire.ts";

export const CANCELED = 1;
export const UNKNOWN = 2;
export const NOT_FOUND = 5;
export const UNIMPLEMENTED = 12;
export const UNAVAILABLE = 14;

type Detail = NonNullable<Decoded<typeof Status>["details"]>[number];

/** An error as it crosses the connection, either way. */
export class GrpcError extends Error {
  readonly code: number;
  readonly details: readonly Detail[];

  constructor(code: number, message_: string, details: readonly Detail[] = []) {
    super(message_);
    this.name = "GrpcError";
    this.code = code;
    this.details = details;
  }
}

/** A detail as BuildKit sends them: JSON, not a message. @param type e.g. `errdefs.Source` */
export function jsonDetail(type: string, value: unknown): Detail {
  return { type_url: `github.com/moby/buildkit/${type}+json`, value: Buffer.from(JSON.stringify(value)) };
}

/** The trailers of a call that failed. */
export function errorTrailers(error: unknown): OutgoingHttpHeaders {
  const { code, message, details } = toGrpcError(error);
  const status = Status.encode({ code, message, details });
  return {
    "grpc-status": String(code),
    "grpc-message": percentEncoded(message),
    ...(details.length > 0 && { "grpc-status-details-bin": status.toString("base64").replace(/=+$/, "") }),
  };
}

export function toGrpcError(error: unknown): GrpcError {
  if (error instanceof GrpcError) return error;
  return new GrpcError(UNKNOWN, error instanceof Error ? error.message : String(error));
}

/** The error that headers or trailers tell; undefined for success, and for headers that say nothing yet. */
export function trailersError(headers: IncomingHttpHeaders): GrpcError | undefined {
  const code = Number(headers["grpc-status"] ?? 0);
  if (code === 0) return undefined;
  return new GrpcError(code, decodePercent(String(headers["grpc-message"] ?? "")));
}

/** Only printable ASCII may stand in a header. */
function percentEncoded(value: string): string {
  return [...Buffer.from(value)]
    .map((byte) =>
      byte >= 0x20 && byte < 0x7f && byte !== 0x25 ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
    )
    .join("");
}

function decodePercent(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** All values of each header, by its name in small letters. Node's own objects join what is repeated. */
export type Metadata = ReadonlyMap<string, readonly string[]>;

/** @param raw names and values by turns */
export function readMetadata(raw: readonly string[]): Metadata {
  const metadata = new Map<string, string[]>();
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const key = raw[index]!.toLowerCase();
    metadata.set(key, [...(metadata.get(key) ?? []), raw[index + 1]!]);
  }
  return metadata;
}

/** Headers of values that need not be ASCII: BuildKit escapes all values of such a key and says so in another one. */
export function metadataHeaders(metadata: Readonly<Record<string, readonly string[]>>): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const [key, values] of Object.entries(metadata)) {
    if (values.length === 0) continue;
    const plain = values.every((value) => /^[\x20-\x7e]*$/.test(value));
    headers[key] = plain ? [...values] : values.map((value) => encodeURIComponent(value));
    if (!plain) headers[`${key}-encoded`] = "1";
  }
  return headers;
}

/** One message as it is sent. */
export function frame(data: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(5 + data.length);
  framed[0] = 0;
  framed.writeUInt32BE(data.length, 1);
  data.copy(framed, 5);
  return framed;
}

const LARGEST_MESSAGE = 16 << 20;

/** Takes a stream of bytes apart into messages. */
export class Deframer {
  #pieces: Buffer[] = [];
  #size = 0;

  /** @throws {EngineError} invalid for a compressed or very large message */
  *push(chunk: Buffer): Generator<Buffer> {
    this.#pieces.push(chunk);
    this.#size += chunk.length;
    for (;;) {
      if (this.#size < 5) return;
      const head = this.#gather(5);
      const length = head.readUInt32BE(1);
      if (head[0] !== 0 || length > LARGEST_MESSAGE) throw new EngineError("invalid", "malformed gRPC message");
      if (this.#size < 5 + length) return;
      const whole = this.#gather(5 + length);
      const rest = whole.subarray(5 + length);
      this.#size -= 5 + length;
      if (rest.length > 0) this.#pieces[0] = rest;
      else this.#pieces.shift();
      yield whole.subarray(5, 5 + length);
    }
  }

  /** The first piece, made so large that it holds this many bytes. */
  #gather(bytes: number): Buffer {
    if (this.#pieces[0]!.length < bytes) this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0]!;
  }
}
