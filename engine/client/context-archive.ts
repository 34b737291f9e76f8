/** A context as one file, as docker's own command exports and imports it: `meta.json` and `tls/docker/*.pem` in a tar. */
import { buffer } from "node:stream/consumers";
import { checkContextName } from "./contexts.ts";
import type { Contexts, ContextTls } from "./contexts.ts";
import { bufferEntry } from "./tar/pack.ts";
import { readTar } from "./tar/read.ts";
import { writeTar } from "./tar/write.ts";
import type { TarEntry } from "./tar/write.ts";

const PEMS = ["ca", "cert", "key"] as const;
const MOST_BYTES = 10 * 1024 * 1024;

/** @returns the tar; it holds the context's private key. @throws {Error} when there is none of that name */
export async function exportContext(contexts: Contexts, name: string): Promise<Buffer> {
  return buffer(writeTar(archiveOf(await contexts.metaText(name), await contexts.tls(name))));
}

async function* archiveOf(meta: string, tls: ContextTls): AsyncGenerator<TarEntry> {
  yield bufferEntry("meta.json", Buffer.from(meta), 0o600);
  for (const pem of PEMS) if (tls[pem]) yield await Promise.resolve(bufferEntry(`tls/docker/${pem}.pem`, Buffer.from(tls[pem]), 0o600));
}

/** @throws {Error} in docker's words for a name that is taken or none, and for what is no such archive; nothing is written then */
export async function importContext(contexts: Contexts, name: string, archive: AsyncIterable<Uint8Array>): Promise<void> {
  checkContextName(name);
  if (await contexts.has(name)) throw new Error(`context "${name}" already exists`);
  const { meta, tls } = await readArchive(archive);
  const { Metadata, Endpoints } = parseMeta(meta);
  const { Host = "", SkipTLSVerify = false } = Endpoints?.docker ?? {};
  await contexts.write({ name, description: Metadata?.Description ?? "", host: Host, skipTlsVerify: SkipTLSVerify }, tls);
}

interface ArchivedMeta {
  Metadata?: { Description?: string };
  Endpoints?: { docker?: { Host?: string; SkipTLSVerify?: boolean } };
}

function parseMeta(text: string): ArchivedMeta {
  try {
    const meta: unknown = JSON.parse(text);
    if (typeof meta === "object" && meta !== null) return meta;
  } catch {
    // Said below, as for anything else that is no object.
  }
  throw new Error("invalid context: meta.json is no JSON object");
}

async function readArchive(source: AsyncIterable<Uint8Array>): Promise<{ meta: string; tls: ContextTls }> {
  const tls: Record<string, string> = {};
  let meta: string | undefined;
  for await (const { header, content } of readTar(source)) {
    if (header.size > MOST_BYTES) throw new Error("context archive is too big");
    const text = (await buffer(content)).toString();
    const pem = /^tls\/docker\/(ca|cert|key)\.pem$/.exec(header.name)?.[1];
    if (header.name === "meta.json") meta = text;
    else if (pem) tls[pem] = text;
    else if (header.type === "file") throw new Error(`unexpected context file: ${header.name}`);
  }
  if (meta === undefined) throw new Error("invalid context: no metadata found");
  return { meta, tls };
}
