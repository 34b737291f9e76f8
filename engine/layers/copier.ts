/**
 * Copies files from one root into another on one thread, which changes its root between looking at the source and
 * writing the target. Open descriptors are what connects the two sides.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, readSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import type { Root } from "../host/thread-root.ts";
import { getXattr, listXattrs } from "../host/xattr.ts";
import type { CopyOptions, Extracted } from "./jail.ts";
import { Extractor } from "./extractor.ts";
import { listNames, lstatIfAny } from "./inode.ts";
import { toBytes, toPath } from "./names.ts";
import { checkPresent } from "./packer.ts";
import { resolveLinks } from "./resolve.ts";
import { entryTypeOf } from "./tar-header.ts";
import type { EntryType, TarEntry } from "./tar-header.ts";
import { emptyEntry } from "./tar-writer.ts";

const CHUNK = 1 << 18;
const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

export interface Copying {
  from: Root;
  to: Root;
  source: string;
  target: string;
  options: Omit<CopyOptions, "signal">;
  maxBytes: number;
  checkStop: () => void;
}

export function copyTree(copying: Copying): Extracted {
  const { from, to, options } = copying;
  from.enter();
  const source = resolveLinks(toBytes(copying.source));
  const isDirectory = checkPresent(source).isDirectory();
  to.enter();
  const target = resolveLinks(toBytes(copying.target));
  const { owner, mode, mtime, only, top } = options;
  const extractor = new Extractor({
    base: "",
    setRoot: top ?? false,
    maxBytes: copying.maxBytes,
    ...(owner && { owner }),
    ...(mode !== undefined && { mode }),
    ...(mtime !== undefined && { mtime }),
  });
  const copier = new Copier(copying, extractor);
  try {
    if (!isDirectory) copier.one(source, target);
    else if (only) for (const path of only) copier.one(`${source}/${toBytes(path)}`, `${target}/${toBytes(path)}`);
    else copier.content(source, target);
    if (isDirectory && top) copier.one(source, target);
    else if (isDirectory && !only) copier.makeTarget(target);
    to.enter();
    extractor.finish();
    return { entries: extractor.entries, bytes: extractor.bytes };
  } finally {
    extractor.close();
  }
}

class Copier {
  readonly #copying: Copying;
  readonly #extractor: Extractor;
  readonly #links = new Map<string, string>();
  readonly #buffer = Buffer.allocUnsafeSlow(CHUNK);

  constructor(copying: Copying, extractor: Extractor) {
    this.#copying = copying;
    this.#extractor = extractor;
  }

  content(source: string, target: string): void {
    this.#copying.from.enter();
    for (const child of listNames(source)) this.tree(`${source}/${child}`, `${target}/${child}`);
  }

  tree(source: string, target: string): void {
    this.one(source, target);
    this.#copying.from.enter();
    if (lstatIfAny(source)?.isDirectory()) this.content(source, target);
  }

  /** An empty source directory makes a target directory too. */
  makeTarget(target: string): void {
    this.#copying.to.enter();
    if (target !== "" && !lstatIfAny(target)) this.#extractor.entry({ ...emptyEntry(target), type: "directory", mode: 0o755 });
  }

  /** Copies one file, link or empty directory; a directory that is there already gets its attributes. */
  one(source: string, target: string): void {
    const { from, to, checkStop } = this.#copying;
    checkStop();
    from.enter();
    const path = toPath(source || "/");
    const stats = lstatSync(path, { bigint: true });
    const type = entryTypeOf(stats);
    if (!type) return;
    const entry = describe(path, stats, type, target);
    const inode = `${stats.dev}:${stats.ino}`;
    const first = type === "directory" || stats.nlink < 2n ? undefined : this.#links.get(inode);
    if (stats.nlink > 1n && type !== "directory") this.#links.set(inode, target);
    if (first !== undefined) Object.assign(entry, { type: "link", linkName: first });
    const file = entry.type === "file" ? openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK) : -1;
    try {
      if (file >= 0 && !fstatSync(file).isFile()) return;
      to.enter();
      this.#extractor.entry(entry);
      if (file >= 0) this.#content(file);
      this.#extractor.end();
    } finally {
      if (file >= 0) closeSync(file);
    }
  }

  #content(file: number): void {
    for (let offset = 0; ;) {
      this.#copying.checkStop();
      const read = readSync(file, this.#buffer, 0, CHUNK, null);
      if (read === 0) return;
      this.#extractor.data(this.#buffer.subarray(0, read), offset);
      offset += read;
    }
  }
}

function describe(path: string | Buffer, stats: BigIntStats, type: EntryType, target: string): TarEntry {
  const entry: TarEntry = {
    ...emptyEntry(target),
    type,
    mode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    sizeBytes: type === "file" ? Number(stats.size) : 0,
    mtimeSeconds: Number(stats.mtimeNs / 1_000_000_000n),
    mtimeNanoseconds: Number(stats.mtimeNs % 1_000_000_000n),
    linkName: type === "symlink" ? readlinkSync(path, "latin1") : "",
    major: Number(((stats.rdev >> 8n) & 0xfffn) | ((stats.rdev >> 32n) & 0xfffff000n)),
    minor: Number((stats.rdev & 0xffn) | ((stats.rdev >> 12n) & 0xffffff00n)),
  };
  for (const name of listXattrs(path)) {
    const value = name.startsWith("user.") || name === "security.capability" ? getXattr(path, name) : undefined;
    if (value) (entry.xattrs ??= new Map()).set(name, value);
  }
  return entry;
}
