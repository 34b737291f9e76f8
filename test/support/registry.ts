/** Registries for tests: a fake one in memory that counts and can misbehave, Debian's real one, and image stores to pull into. */
import { execFileSync, spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import type { JsonMessage } from "../../engine/api/types/image.ts";
import { Events } from "../../engine/events.ts";
import { mountPoints } from "../../engine/host/mount.ts";
import type { Images, PullOptions } from "../../engine/images/images.ts";
import { openImages } from "../../engine/images/store.ts";
import { openSnapshots } from "../../engine/layers/overlay.ts";
import type { Snapshots } from "../../engine/layers/snapshots.ts";
import { emptyEntry, tarHeader, tarPadding, TAR_END } from "../../engine/layers/tar-writer.ts";

export const needsRoot = process.getuid!() === 0 ? {} : { skip: "needs root" };
export const rootless = !/^\s*0\s+0\s/.test(readFileSync("/proc/self/uid_map", "utf8"));

export interface Fixture {
  directory: string;
  images: Images;
  events: Events;
  snapshots: Snapshots;
}

export async function fresh(t: TestContext, registry = {}): Promise<Fixture> {
  const directory = mkdtempSync(join(tmpdir(), "registry-"));
  t.after(() => {
    for (const { target } of mountPoints()) if (target.startsWith(directory)) execFileSync("umount", ["-l", target]);
    rmSync(directory, { recursive: true });
  });
  return openStore(directory, registry);
}

/** What a next engine would open. */
export async function openStore(directory: string, registry = {}): Promise<Fixture> {
  const events = new Events();
  const snapshots = await openSnapshots({ directory, rootless, maxLayerBytes: 50_000_000 });
  return {
    directory,
    events,
    snapshots,
    images: await openImages({ directory: join(directory, "images"), snapshots, events, registry: { retryMs: 5, ...registry } }),
  };
}

/** Pulls, and gives the lines that a person would have seen. */
export async function pull({ images }: Fixture, reference: string, options: PullOptions = {}): Promise<string[]> {
  const said: JsonMessage[] = [];
  await images.pull(reference, { ...options, progress: (message) => said.push(message) });
  return said.filter(({ progressDetail }) => !progressDetail?.total).map(({ id, status }) => (id ? `${id}: ${status}` : status!));
}

export function sha256(data: Buffer): string {
  return `sha256:${createHash("sha256").update(data).digest("hex")}`;
}

export function tar(name: string, content: Buffer): Buffer {
  return Buffer.concat([tarHeader({ ...emptyEntry(name), sizeBytes: content.length }), content, tarPadding(content.length), TAR_END]);
}

/** A registry in memory with one image `app:1` of gzip layers; `answer` may take a request over. */
export interface Fake {
  host: string;
  blobs: Map<string, Buffer>;
  /** By tag or digest. */
  manifests: Map<string, Buffer>;
  requests: string[];
  headers: Record<string, string | undefined>[];
  answer: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** Bytes of blobs that were asked for and sent. */
  served: number;
}

export const OCI = "application/vnd.oci.image";

export function imageOf(fake: Fake, layers: Buffer[], platform = { os: "linux", architecture: "amd64" }): { data: Buffer; digest: string } {
  const store = (data: Buffer, mediaType: string) => {
    fake.blobs.set(sha256(data), data);
    return { mediaType, digest: sha256(data), size: data.length };
  };
  const descriptors = layers.map((layer) => store(gzipSync(layer), `${OCI}.layer.v1.tar+gzip`));
  const config = store(
    Buffer.from(JSON.stringify({ ...platform, rootfs: { type: "layers", diff_ids: layers.map(sha256) } })),
    `${OCI}.config.v1+json`,
  );
  const data = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: `${OCI}.manifest.v1+json`, config, layers: descriptors }));
  fake.manifests.set(sha256(data), data);
  return { data, digest: sha256(data) };
}

export async function fakeRegistry(
  t: TestContext,
  layers: Buffer[] = [tar("file", Buffer.from("hello")), tar("second", Buffer.alloc(200_000, 1))],
): Promise<Fake> {
  const fake: Fake = { host: "", blobs: new Map(), manifests: new Map(), requests: [], headers: [], served: 0, answer: () => false };
  const server = createServer((request, response) => {
    fake.requests.push(`${request.method} ${request.url}`);
    fake.headers.push({ authorization: request.headers.authorization, range: request.headers.range });
    if (!fake.answer(request, response)) serve(fake, request, response);
  });
  await listen(t, server);
  fake.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  fake.manifests.set("1", imageOf(fake, layers).data);
  return fake;
}

export async function listen(t: TestContext, server: Server): Promise<void> {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
}

function serve(fake: Fake, request: IncomingMessage, response: ServerResponse): void {
  const [, kind, name] = /^\/v2\/(?:.+\/(manifests|blobs)\/(.+))?$/.exec(request.url ?? "") ?? [];
  if (kind === undefined) return void response.end("{}");
  const data = (kind === "blobs" ? fake.blobs : fake.manifests).get(name!);
  if (!data) {
    const code = kind === "blobs" ? "BLOB_UNKNOWN" : "MANIFEST_UNKNOWN";
    return void response.writeHead(404).end(JSON.stringify({ errors: [{ code, message: code.toLowerCase().replace("_", " ") }] }));
  }
  const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  const type =
    (JSON.parse(kind === "manifests" ? data.toString() : "{}") as { mediaType?: string }).mediaType ?? "application/octet-stream";
  const headers = { "Content-Type": type, "Content-Length": data.length - from };
  if (from > 0) response.writeHead(206, { ...headers, "Content-Range": `bytes ${from}-${data.length - 1}/${data.length}` });
  else response.writeHead(200, headers);
  if (kind === "blobs") fake.served += data.length - from;
  response.end(data.subarray(from));
}

/** The distribution project's own registry, as Debian packages it. */
export async function realRegistry(t: TestContext, directory: string, extra = ""): Promise<string | undefined> {
  try {
    execFileSync("docker-registry", ["--version"], { stdio: "ignore" });
  } catch {
    t.skip("needs docker-registry");
    return undefined;
  }
  mkdirSync(join(directory, "registry"));
  const config = `version: 0.1\nlog: {level: info}\nstorage: {filesystem: {rootdirectory: ${directory}/registry}}\nhttp:\n  addr: "127.0.0.1:0"\n${extra}`;
  writeFileSync(join(directory, "registry.yml"), config);
  const server = spawn("docker-registry", ["serve", join(directory, "registry.yml")], { stdio: ["ignore", "ignore", "pipe"] });
  t.after(() => server.kill("SIGKILL"));
  return `127.0.0.1:${await listeningPort(server)}`;
}

/** The port that a docker-registry says it has; what it says afterwards is dropped. @throws {Error} when it ends first */
export async function listeningPort(server: ChildProcessByStdio<null, null, Readable>): Promise<string> {
  let said = "";
  return new Promise((resolve, reject) => {
    server.once("exit", () => reject(new Error(`docker-registry ended: ${said}`)));
    server.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const [, port] = /listening on 127\.0\.0\.1:(\d+)\D/.exec(said) ?? [];
      if (!port) return;
      server.stderr.removeAllListeners("data").resume();
      resolve(port);
    });
  });
}
