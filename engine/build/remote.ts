/** Files that a request names by URL, for import and build. */
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { EngineError } from "../errors.ts";
import { get } from "./guarded-get.ts";

/**
 * What a URL holds, and its content type. Only http and https.
 * @throws {EngineError} internal with the words that dockerd has for a server that cannot be reached
 */
export async function download(url: string, signal: AbortSignal, tell: (text: string) => void = () => undefined): Promise<Readable> {
  return (await open(url, signal, tell)).body;
}

export async function open(
  url: string,
  signal: AbortSignal,
  tell: (text: string) => void,
): Promise<{ body: Readable; contentType: string; url: URL }> {
  const parsed = parse(url);
  tell(`Downloading from ${parsed.href}`);
  let body: IncomingMessage;
  try {
    body = await get(parsed, { signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw new EngineError("internal", `Get ${JSON.stringify(parsed.href)}: ${reason(parsed, cause as NodeJS.ErrnoException)}`, { cause });
  }
  if (body.statusCode === 200) return { body, contentType: body.headers["content-type"] ?? "", url: parsed };
  body.destroy();
  throw new EngineError("internal", `failed to GET ${parsed.href} with status ${body.statusCode} ${body.statusMessage}`);
}

function parse(url: string): URL {
  if (url === "") throw new EngineError("internal", 'Get "http:": http: no Host in request URL');
  const parsed = URL.parse(/^[a-z]+:\/\//i.test(url) ? url : `http://${url}`);
  if (!parsed || !["http:", "https:"].includes(parsed.protocol)) throw new EngineError("invalid", `invalid URL ${JSON.stringify(url)}`);
  return parsed;
}

function reason(url: URL, { code, message }: NodeJS.ErrnoException): string {
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  if (code === "ECONNREFUSED") return `dial tcp ${url.hostname}:${port}: connect: connection refused`;
  if (code === "ENOTFOUND") return `dial tcp: lookup ${url.hostname}: no such host`;
  return message;
}
