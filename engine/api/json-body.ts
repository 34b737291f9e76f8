/** JSON bodies of requests: read up to a limit, parsed with Go's sentences for what is wrong, checked against a shape. */
import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import { EngineError } from "../errors.ts";
import { describeJsonError } from "../syntax/json-errors.ts";
import { decode } from "./shape.ts";
import type { Struct } from "./shape.ts";

/** Far above any real request; the largest that clients are known to send carry labels of some hundred kilobytes. */
const LARGEST_BODY_BYTES = 16 * 1024 * 1024;

/**
 * Undefined when the request has no body.
 * @throws {EngineError} invalid with dockerd's sentence
 */
export async function readJsonBody<T>(headers: IncomingHttpHeaders, body: Readable, shape: Struct<T>): Promise<T | undefined> {
  const type = headers["content-type"] ?? "";
  const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
  if (type.split(";")[0]!.trim().toLowerCase() !== "application/json" && (type !== "" || hasBody))
    throw new EngineError("invalid", `unsupported Content-Type header (${type}): must be 'application/json'`);
  if (!hasBody) return undefined;
  const text = await readText(body);
  return text.trim() === "" ? undefined : decode(shape, parse(text));
}

async function readText(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > LARGEST_BODY_BYTES) throw new EngineError("invalid", "request body too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new EngineError("invalid", describeJsonError(text), { cause });
  }
}
