/**
 * The program of a layer worker: a thread with a root directory of its own. It takes one job at a time, enters the job's
 * root, works with synchronous calls, and comes back to the real root.
 *
 * Everything that it needs is imported here, before the first job: inside a root there is no program to load.
 */
import { createHash } from "node:crypto";
import { openSync, statfsSync, mkdirSync, closeSync, fstatSync, readSync, constants, lchownSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { EngineError } from "../errors.ts";
import { usedUp } from "../host/buffers.ts";
import { errorCode } from "../host/libc.ts";
import { ownRoot, Root } from "../host/thread-root.ts";
import { readArriving } from "./arrival.ts";
import { copyTree } from "./copier.ts";
import { decompress } from "./decompress.ts";
import { Extractor } from "./extractor.ts";
import type { ExtractorOptions } from "./extractor.ts";
import { runFileJob } from "./file-jobs.ts";
import { linkFiles } from "./link-files.ts";
import { chmodNoFollow, listNames, lstatIfAny, removeAll } from "./inode.ts";
import type { Applied, Diffed, Job, JobMount, Request, Response } from "./jobs.ts";
import { withMounts } from "./mounted.ts";
import { toBytes, toPath } from "./names.ts";
import { checkPresent, Packer } from "./packer.ts";
import { chunksFromPort, PortOutput } from "./ports.ts";
import { resolveLinks, resolveParents, statPath } from "./resolve.ts";
import type { Digest } from "./snapshots.ts";
import { TarReader } from "./tar-reader.ts";
import { findChanges, findLayerFiles, ignoring, strip } from "./upper.ts";

const stop = (workerData as { stop: Int32Array }).stop;
const realRoot = ownRoot();
/** Kept free on the disk when no limit was given. */
const RESERVE = 256 << 20;
const LARGEST_READ = 16 << 20;
const PROGRESS_BYTES = 512 << 10;

parentPort!.on("message", (request: Request) => void handle(request));

async function handle(request: Request): Promise<void> {
  const send = (message: Response): void => parentPort!.postMessage(message);
  try {
    const value = await run(request, (progress) => send({ id: request.id, progress }));
    realRoot.enter();
    send({ id: request.id, value });
  } catch (error) {
    realRoot.enter();
    send({ id: request.id, failure: describeFailure(error) });
  } finally {
    request.input?.close();
    request.output?.close();
  }
}

function describeFailure(error: unknown): { kind: string; message: string; code?: string } {
  const code = errorCode(error);
  const kind = error instanceof EngineError ? error.kind : "internal";
  const message = error instanceof Error ? inGoWords(error.message) : String(error);
  return { kind, message, ...(code !== undefined && { code }) };
}

/** `ENOENT: no such file or directory, open '/a'` is `open /a: no such file or directory` to Docker's users. */
function inGoWords(message: string): string {
  const [, reason, call, path] = /^E[A-Z0-9]+: (.+?), (\w+)(?: '(.*)')?$/s.exec(message) ?? [];
  return reason === undefined ? message : `${call}${path === undefined ? "" : ` ${path}`}: ${reason}`;
}

function checkStop(): void {
  if (Atomics.load(stop, 0) !== 0) throw new EngineError("internal", "The work was stopped");
}

async function run({ job, input, output }: Request, progress: (bytes: number) => void): Promise<unknown> {
  switch (job.kind) {
    case "extract":
      return inside(job.root, () => extract(job, chunksFromPort(input!)), job.mounts);
    case "apply":
      return apply(job, job.blob === undefined ? chunksFromPort(input!) : readBlob(job.blob, job.arriving, progress));
    case "pack":
      return inside(job.root, () => pack(job, new PortOutput(output!, () => undefined)), job.mounts);
    case "diff":
      return inside(job.root, () => diff(job, output));
    case "layer-files":
      return findLayerFiles(job, checkStop);
    case "changes":
      return findChanges(job, checkStop);
    case "stat":
      return inside(job.root, async () => statPath(job.path), job.mounts);
    case "read":
      return inside(job.root, async () => readSmallFile(resolveLinks(toBytes(job.path))));
    case "mkdir":
      return inside(job.root, async () => makeDirectory(resolveLinks(toBytes(job.path)), job.options));
    case "copy":
      return copy(job);
    case "measure":
      return inside(job.root, async () => {
        const at = { counted: new Set<string>(), isIgnored: ignoring(job.options.mountpoints ?? []) };
        return measure(resolveLinks(toBytes(job.path)), at);
      });
    case "delete":
      return removeAll(toBytes(job.path));
    default:
      return inside(job.root, () =>
        runFileJob(
          job,
          () => chunksFromPort(input!),
          () => new PortOutput(output!, checkStop),
        ),
      );
  }
}

async function inside<T>(path: string, work: () => Promise<T>, mounts?: readonly JobMount[]): Promise<T> {
  if (mounts?.length) return withMounts(path, mounts, () => inside(path, work));
  const root = new Root(path);
  try {
    root.enter();
    return await work();
  } finally {
    root.close();
  }
}

/** Feeds a tar to an extractor; `seen` is shown the uncompressed bytes. */
async function unpack(source: AsyncIterable<Buffer>, options: ExtractorOptions, seen: (bytes: Buffer) => void): Promise<Extractor> {
  const extractor = new Extractor(options);
  const reader = new TarReader(extractor);
  try {
    for await (const chunk of decompress(source)) {
      checkStop();
      seen(chunk);
      reader.push(chunk);
      usedUp(chunk.length);
    }
    reader.finish();
    extractor.finish();
    return extractor;
  } finally {
    extractor.close();
  }
}

async function extract(job: Job & { kind: "extract" }, source: AsyncIterable<Buffer>): Promise<unknown> {
  const base = resolveLinks(toBytes(job.path));
  const { makeParents, maxBytes, ...options } = job.options;
  if (makeParents) makeDirectory(base, options.owner ? { owner: options.owner } : {});
  if (!checkPresent(base).isDirectory()) throw new EngineError("invalid", "extraction point is not a directory");
  const { entries, bytes } = await unpack(source, { ...options, base, maxBytes: maxBytes ?? freeBytes() }, () => undefined);
  return { entries, bytes };
}

async function apply(job: Job & { kind: "apply" }, source: AsyncIterable<Buffer>): Promise<Applied> {
  const hash = createHash("sha256");
  if (job.reuse) linkFiles(job.root, job.reuse, checkStop);
  return inside(job.root, async () => {
    const options = { base: "", setRoot: true, whiteouts: job.overlay, maxBytes: job.maxBytes ?? freeBytes() };
    const { bytes, implied, whiteouts, rootDescribed } = await unpack(source, options, (chunk) => hash.update(chunk));
    const diffId: Digest = `sha256:${hash.digest("hex")}`;
    if (job.diffId !== undefined && diffId !== job.diffId)
      throw new EngineError("invalid", `Cannot apply the layer: its content is ${diffId}, the image promises ${job.diffId}`);
    return { diffId, sizeBytes: bytes + (job.reuse?.sizeBytes ?? 0), implied: rootDescribed ? [...implied] : ["", ...implied], whiteouts };
  });
}

type Arriving = (Job & { kind: "apply" })["arriving"];

/** The blob is opened now, in the real root; from then on only its descriptor is used. */
function readBlob(path: string, arriving: Arriving, progress: (bytes: number) => void): AsyncGenerator<Buffer> {
  return chunksOf(openArriving(path, arriving), arriving?.state, progress);
}

/** What arrives may be here by now, under its last name. */
function openArriving(path: string, arriving: Arriving): number {
  try {
    return openSync(path, "r");
  } catch (error) {
    if (!arriving || errorCode(error) !== "ENOENT") throw error;
    return openSync(arriving.later, "r");
  }
}

async function* chunksOf(file: number, arriving: Int32Array | undefined, progress: (bytes: number) => void): AsyncGenerator<Buffer> {
  let read = 0;
  let told = 0;
  try {
    for await (const chunk of readArriving(file, arriving, checkStop)) {
      yield chunk;
      read += chunk.length;
      if (read - told < PROGRESS_BYTES) continue;
      progress((told = read));
    }
    if (read > told) progress(read);
  } finally {
    closeSync(file);
  }
}

/** What may be written before the disk is nearly full. */
function freeBytes(): number {
  const { bavail, bsize } = statfsSync("/");
  return Math.max(bavail * bsize - RESERVE, RESERVE / 4);
}

async function pack(job: Job & { kind: "pack" }, output: PortOutput): Promise<void> {
  const bytes = toBytes(job.path);
  const path = job.options.followLink ? resolveLinks(bytes) : resolveParents(job.path);
  checkPresent(path);
  const ownName = path.slice(path.lastIndexOf("/") + 1);
  const packer = new Packer({ write: (chunk) => output.write(chunk), checkStop });
  await packer.pack(path, job.options.name === undefined ? ownName : toBytes(job.options.name));
  await packer.end();
  await output.end();
}

async function diff(job: Job & { kind: "diff" }, port: Request["output"]): Promise<Diffed> {
  const mountpoints = job.options.mountpoints ?? [];
  if (job.strip) strip(mountpoints);
  const hash = createHash("sha256");
  const output = new PortOutput(port!, (bytes) => hash.update(bytes));
  const overlay = { opaque: `${job.overlay}.overlay.opaque`, ignored: ignoring(job.strip ? [] : mountpoints) };
  const packer = new Packer({ write: (chunk) => output.write(chunk), checkStop, overlay });
  await packer.pack("", "");
  await packer.end();
  await output.end();
  return { diffId: `sha256:${hash.digest("hex")}`, sizeBytes: packer.bytes };
}

function readSmallFile(path: string): Uint8Array | undefined {
  if (!lstatIfAny(path)?.isFile()) return undefined;
  const file = openSync(toPath(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size } = fstatSync(file);
    if (size > LARGEST_READ) throw new EngineError("invalid", `Cannot read a file of ${size} bytes into memory`);
    const content = Buffer.alloc(size);
    return content.subarray(0, readSync(file, content, 0, size, 0));
  } finally {
    closeSync(file);
  }
}

function makeDirectory(path: string, options: { owner?: { uid: number; gid: number }; mode?: number }): void {
  if (path === "" || lstatIfAny(path)?.isDirectory()) return;
  makeDirectory(path.slice(0, path.lastIndexOf("/")), options);
  mkdirSync(toPath(path), 0o755);
  if (options.owner) lchownSync(toPath(path) as string, options.owner.uid, options.owner.gid);
  if (options.mode !== undefined) chmodNoFollow(path, options.mode);
}

async function copy(job: Job & { kind: "copy" }): Promise<unknown> {
  const from = new Root(job.from.root);
  const to = new Root(job.root);
  try {
    to.enter();
    const maxBytes = freeBytes();
    return copyTree({ from, to, source: job.from.path, target: job.path, options: job.options, maxBytes, checkStop });
  } finally {
    from.close();
    to.close();
  }
}

function measure(path: string, at: { readonly counted: Set<string>; readonly isIgnored: ReturnType<typeof ignoring> }): number {
  const stats = lstatIfAny(path || "/");
  if (!stats) return 0;
  if (stats.isDirectory()) return listNames(path).reduce((sum, name) => sum + measure(`${path}/${name}`, at), 0);
  if ((!stats.isFile() && !stats.isSymbolicLink()) || at.isIgnored(path, stats)) return 0;
  const inode = `${stats.dev}:${stats.ino}`;
  if (stats.nlink > 1 && at.counted.has(inode)) return 0;
  at.counted.add(inode);
  return stats.size;
}
