/**
 * What a build sends: the directory without what .dockerignore leaves out, or stdin, and the Dockerfile from wherever it is.
 */
import { createHash, randomBytes } from "node:crypto";
import { lstatSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { bufferEntry, packPath } from "../client/tar/pack.ts";
import { writeTar } from "../client/tar/write.ts";
import type { TarEntry } from "../client/tar/write.ts";
import { IgnoreMatcher, parseDockerignore } from "../syntax/dockerignore.ts";
import { isGitSource } from "../syntax/git-source.ts";
import type { Cli } from "./cli.ts";

export interface BuildContext {
  /** Undefined when the engine fetches the context by itself. */
  readonly tar?: Readable;
  readonly remote?: string;
  /** Path of the Dockerfile in the context. */
  readonly dockerfile: string;
  /** The Dockerfile's text, when it was read here. */
  readonly text?: string;
  /** The context as it lies on this machine. */
  readonly directory?: string;
  /** Path of a Dockerfile that is not part of it, or what stands for stdin. */
  readonly outside?: string;
}

/** Where relative paths begin, and what `-` reads. */
export type ContextSource = Pick<Cli, "cwd" | "stdin">;

/** @param path as given: a directory, `-`, or a URL @param file as given by `--file`, or empty */
export async function openContext(cli: ContextSource, path: string, file: string): Promise<BuildContext> {
  if (path === "-") return stdinContext(cli, file);
  if (isRemote(path)) return { remote: path, dockerfile: file || "Dockerfile" };
  return directoryContext(cli, resolve(cli.cwd, path), file);
}

/** What the engine fetches. */
export function isRemote(path: string): boolean {
  return /^https?:\/\//.test(path) || isGitSource(path);
}

/** Stdin is a context when it begins like an archive, else the Dockerfile itself. */
async function stdinContext(cli: ContextSource, file: string): Promise<BuildContext> {
  if (file === "-") throw new Error("invalid argument: can't use stdin for both build context and dockerfile");
  const content = cli.stdin[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let head = Buffer.alloc(0);
  while (head.length < 512) {
    const next = await content.next();
    if (next.done) break;
    head = Buffer.concat([head, Buffer.from(next.value)]);
  }
  const all = Readable.from(chained(head, content), { objectMode: false });
  if (looksLikeArchive(head)) return { tar: all, dockerfile: file || "Dockerfile" };
  const text = await buffer(all);
  return { tar: tarOf(Readable.from([bufferEntry("Dockerfile", text)])), dockerfile: "Dockerfile", text: text.toString() };
}

async function* chained(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield head;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

const MAGICS = [
  [0x1f, 0x8b],
  [0x42, 0x5a, 0x68],
  [0xfd, 0x37, 0x7a, 0x58, 0x5a],
  [0x28, 0xb5, 0x2f, 0xfd],
];

function looksLikeArchive(head: Buffer): boolean {
  if (head.subarray(257, 262).toString() === "ustar") return true;
  return MAGICS.some((magic) => magic.every((byte, at) => head[at] === byte));
}

async function directoryContext(cli: ContextSource, path: string, file: string): Promise<BuildContext> {
  const root = contextRoot(path);
  const dockerfile = await findDockerfile(cli, root, file);
  const ignore = readIgnore(root, dockerfile);
  const select = (below: string, isDirectory: boolean): { take: boolean; enter: boolean } => {
    // The engine needs both files, even when COPY must not see them.
    if (below === dockerfile.name || below === ignore.name) return { take: true, enter: true };
    if (!ignore.matcher.excludedBy(below)) return { take: true, enter: true };
    return {
      take: false,
      enter: isDirectory && (ignore.matcher.mayHoldExceptions(below) || `${dockerfile.name}/`.startsWith(`${below}/`)),
    };
  };
  const entries = withDockerfile(dockerfile, packPath(root, "", { keepOwner: false, select }));
  const { name, text, outside, path: dockerfilePath } = dockerfile;
  let tar: Readable | undefined;
  return {
    // An engine that reads the directory itself needs none.
    get tar() {
      return (tar ??= tarOf(entries));
    },
    dockerfile: name,
    text,
    directory: root,
    ...(outside && { outside: dockerfilePath }),
  };
}

/** A Dockerfile from outside the context goes in front of it. */
async function* withDockerfile({ name, text, outside }: Dockerfile, entries: AsyncIterable<TarEntry>): AsyncGenerator<TarEntry> {
  if (outside) yield bufferEntry(name, Buffer.from(text), 0o600);
  yield* entries;
}

function tarOf(entries: AsyncIterable<TarEntry>): Readable {
  return Readable.from(writeTar(entries), { objectMode: false, highWaterMark: 1 << 20 });
}

function contextRoot(path: string): string {
  const found = attempt(() => statSync(path));
  if (!found) throw new Error(`unable to prepare context: path ${JSON.stringify(path)} not found`);
  if (!found.isDirectory()) throw new Error(`unable to prepare context: context must be a directory: ${path}`);
  return realpathSync.native(path);
}

interface Dockerfile {
  /** Its path in the context. */
  readonly name: string;
  readonly text: string;
  /** As the user knows it. */
  readonly path: string;
  /** Not a file of the context: it is added under a name that nothing else has. */
  readonly outside: boolean;
}

async function findDockerfile(cli: ContextSource, root: string, file: string): Promise<Dockerfile> {
  if (file === "-") return { name: hiddenName(), text: (await buffer(cli.stdin)).toString(), path: "Dockerfile", outside: true };
  const path = file ? resolve(cli.cwd, file) : defaultDockerfile(root);
  const real = attempt(() => realpathSync.native(path));
  if (real === undefined)
    throw new Error(`unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat ${path}: no such file or directory`);
  const text = readFileSync(real, "utf8");
  const name = relative(root, path.startsWith(root) ? path : real);
  if (name.startsWith("..")) return { name: hiddenName(), text, path: real, outside: true };
  return { name, text, path: real, outside: false };
}

function defaultDockerfile(root: string): string {
  const proper = join(root, "Dockerfile");
  const lower = join(root, "dockerfile");
  const exists = (path: string): boolean => attempt(() => lstatSync(path)) !== undefined;
  return !exists(proper) && exists(lower) ? lower : proper;
}

/** Undefined when it fails. */
function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

function hiddenName(): string {
  return `.dockerfile.${createHash("sha256").update(randomBytes(16)).digest("hex").slice(0, 20)}`;
}

/** A Dockerfile may have an ignore file of its own: `app.Dockerfile.dockerignore`. */
function readIgnore(root: string, dockerfile: Dockerfile): { matcher: IgnoreMatcher; name: string } {
  const names = dockerfile.outside ? [".dockerignore"] : [`${dockerfile.name}.dockerignore`, ".dockerignore"];
  for (const name of names) {
    const text = attempt(() => readFileSync(join(root, name), "utf8"));
    if (text === undefined) continue;
    const { patterns, problems } = parseDockerignore(text);
    if (problems[0]) throw new Error(`error checking context: ${problems[0].message} (${name} line ${problems[0].line + 1})`);
    return { matcher: new IgnoreMatcher(patterns), name };
  }
  return { matcher: new IgnoreMatcher([]), name: ".dockerignore" };
}
