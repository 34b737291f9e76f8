/** Files that a request names by URL, for import and build. */
import { Readable } from "node:stream";
import { EngineError } from "../errors.ts";

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
  let response: Response;
  try {
    response = await fetch(parsed, { signal, redirect: "follow" });
  } catch (cause) {
    signal.throwIfAborted();
    throw new EngineError("internal", `Get ${JSON.stringify(parsed.href)}: ${reason(parsed, cause)}`, { cause });
  }
  if (!response.ok || !response.body)
    throw new EngineError("internal", `failed to GET ${parsed.href} with status ${response.status} ${response.statusText}`);
  const body = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
  return { body, contentType: response.headers.get("content-type") ?? "", url: parsed };
}

function parse(url: string): URL {
  if (url === "") throw new EngineError("internal", 'Get "http:": http: no Host in request URL');
  const parsed = URL.parse(/^[a-z]+:\/\//i.test(url) ? url : `http://${url}`);
  if (!parsed || !["http:", "https:"].includes(parsed.protocol)) throw new EngineError("invalid", `invalid URL ${JSON.stringify(url)}`);
  return parsed;
}

function reason(url: URL, error: unknown): string {
  const cause = (error as Error).cause as NodeJS.ErrnoException | undefined;
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  if (cause?.code === "ECONNREFUSED") return `dial tcp ${url.hostname}:${port}: connect: connection refused`;
  if (cause?.code === "ENOTFOUND") return `dial tcp: lookup ${url.hostname}: no such host`;
  return cause?.message ?? (error as Error).message;
}
