/**
 * Makes files of a tar's entries. Runs on a layer worker, inside its root: every path here is resolved by the kernel
 * within that root. All calls are synchronous because the root belongs to the thread.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import type { Stats } from "node:fs";
import { EngineError } from "../errors.ts";
import { WRITE_BYTES } from "../host/buffers.ts";
import { deviceNumber, makeNode, S } from "../host/descriptor.ts";
import { errorCode } from "../host/libc.ts";
import { setTimes } from "../host/thread-root.ts";
import { setXattr } from "../host/xattr.ts";
import { chmodNoFollow, isMountpoint, isWhiteout, lstatIfAny, removeAll } from "./inode.ts";
import type { OverlayNamespace } from "./jobs.ts";
import { baseOf, cleanName, parentOf, shown, toPath } from "./names.ts";
import type { TarHandler } from "./tar-reader.ts";
import type { TarEntry } from "./tar-header.ts";

export interface ExtractorOptions {
  /** Directory inside the root, byte string without a trailing slash; empty is the root itself. */
  base: string;
  /** Set for layers: `.wh.` names become overlay whiteouts. */
  whiteouts?: OverlayNamespace;
  owner?: { uid: number; gid: number };
  mode?: number;
  mtime?: number;
  /** An entry for the root itself changes it; without, it is passed over. */
  setRoot?: boolean;
  keepKinds?: boolean;
  /** Bytes of content; also bounds the number of entries. */
  maxBytes: number;
}

/** Even an empty file costs an inode: the bytes that one entry counts for against `maxBytes`. */
const ENTRY_COST = 512;
const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
const OPAQUE = Buffer.from("y");

export class Extractor implements TarHandler {
  entries = 0;
  bytes = 0;
  /** Parents that no entry described so far, in the order they were made. */
  readonly implied = new Set<string>();
  /** Paths that this layer hides. */
  readonly whiteouts: string[] = [];
  /** Whether an entry gave the root its owner and mode. */
  rootDescribed = false;
  readonly #options: ExtractorOptions;
  readonly #directoryTimes = new Map<string, [seconds: number, nanoseconds: number]>();
  #cost = 0;
  #entry: TarEntry | undefined;
  #path = "";
  #file = -1;

  constructor(options: ExtractorOptions) {
    this.#options = options;
  }

  entry(entry: TarEntry): void {
    this.entries++;
    this.#count(ENTRY_COST);
    const name = cleanName(entry.name);
    this.#path = `${this.#options.base}/${name}`;
    const base = baseOf(name);
    if (this.#options.whiteouts && base.startsWith(".wh.")) return this.#whiteout(this.#path, base);
    if (name === "") return this.#root(entry);
    this.#prepare(entry);
    this.#withParents(() => this.#create(entry));
    if (this.#options.whiteouts) this.implied.delete(this.#path);
  }

  data(bytes: Buffer, offset: number): void {
    if (this.#file < 0) return;
    this.#count(bytes.length);
    this.bytes += bytes.length;
    for (let at = 0; at < bytes.length;) at += writeSync(this.#file, bytes, at, Math.min(bytes.length - at, WRITE_BYTES), offset + at);
  }

  end(): void {
    if (this.#file < 0) return;
    const entry = this.#entry!;
    const path = toPath(this.#path);
    if (entry.segments) ftruncateSync(this.#file, entry.sizeBytes);
    this.#own(entry, () => fchownSync(this.#file, entry.uid, entry.gid));
    fchmodSync(this.#file, entry.mode);
    this.#attributes(entry, path);
    setTimes(path, entry.mtimeSeconds, entry.mtimeNanoseconds);
    this.close();
  }

  /** Sets the times of directories, which unpacking into them has changed. */
  finish(): void {
    for (const [path, [seconds, nanoseconds]] of [...this.#directoryTimes].toReversed())
      if (lstatIfAny(path)?.isDirectory()) setTimes(toPath(path), seconds, nanoseconds);
  }

  /** Lets go of a half written file; to be called in any case. */
  close(): void {
    if (this.#file >= 0) closeSync(this.#file);
    this.#file = -1;
  }

  #count(cost: number): void {
    this.#cost += cost;
    if (this.#cost > this.#options.maxBytes)
      throw new EngineError("invalid", `Cannot unpack: the content is larger than ${this.#options.maxBytes} bytes`);
  }

  #root(entry: TarEntry): void {
    this.#prepare(entry);
    if (!this.#options.setRoot || entry.type !== "directory") return;
    this.#directory(entry, this.#options.base || "/");
    this.rootDescribed = true;
  }

  #prepare(entry: TarEntry): void {
    const { owner, mode, mtime } = this.#options;
    if (owner) Object.assign(entry, owner);
    if (mode !== undefined && entry.type !== "symlink") entry.mode = mode;
    if (mtime !== undefined) {
      entry.mtimeSeconds = mtime;
      entry.mtimeNanoseconds = 0;
    }
  }

  #create(entry: TarEntry): void {
    const path = toPath(this.#path);
    switch (entry.type) {
      case "file":
        this.#entry = entry;
        this.#file = this.#replacing(() => openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, entry.mode & 0o777));
        return;
      case "directory":
        return this.#directory(entry, this.#path);
      case "symlink":
        this.#replacing(() => symlinkSync(toPath(entry.linkName), path));
        this.#own(entry, () => lchownSync(path as string, entry.uid, entry.gid));
        this.#attributes(entry, path);
        return setTimes(path, entry.mtimeSeconds, entry.mtimeNanoseconds);
      case "link":
        return this.#link(entry, path);
      case "character":
      case "block":
      case "fifo":
        return this.#node(entry, path);
    }
  }

  #directory(entry: TarEntry, name: string): void {
    const path = toPath(name);
    const present = lstatIfAny(name);
    if (present && !present.isDirectory()) this.#removeOther(name, present, "directory");
    if (!present?.isDirectory()) mkdirSync(path, entry.mode & 0o777);
    // What the whiteout hid stays hidden below the directory that took its place.
    if (present && this.#options.whiteouts && isWhiteout(present)) this.#makeOpaque(name);
    this.#own(entry, () => lchownSync(path as string, entry.uid, entry.gid));
    chmodNoFollow(name, entry.mode);
    this.#attributes(entry, path);
    this.#directoryTimes.delete(name);
    this.#directoryTimes.set(name, [entry.mtimeSeconds, entry.mtimeNanoseconds]);
  }

  #link(entry: TarEntry, path: string | Buffer): void {
    const target = `${this.#options.base}/${cleanName(entry.linkName)}`;
    if (target === this.#path) return;
    if (!lstatIfAny(target) || lstatSync(toPath(target)).isDirectory())
      throw new EngineError(
        "invalid",
        `Cannot link ${shown(entry.name)} to ${shown(entry.linkName)}: there is no such file in the archive`,
      );
    this.#replacing(() => linkSync(toPath(target), path));
  }

  #node(entry: TarEntry, path: string | Buffer): void {
    const kind = { character: S.CHAR, block: S.BLOCK, fifo: S.FIFO }[entry.type as "character" | "block" | "fifo"];
    // Character device 0/0 is how overlay says "deleted"; no archive may say so other than by its name.
    if (entry.type === "character" && entry.major === 0 && entry.minor === 0) return;
    try {
      this.#replacing(() => makeNode(path, kind | (entry.mode & 0o777), deviceNumber(entry.major, entry.minor)));
    } catch (error) {
      // A user namespace may not make devices; the runtime gives containers the few that they may have.
      if (errorCode(error) === "EPERM") return;
      throw error;
    }
    this.#own(entry, () => lchownSync(path as string, entry.uid, entry.gid));
    chmodNoFollow(this.#path, entry.mode);
    setTimes(path, entry.mtimeSeconds, entry.mtimeNanoseconds);
  }

  #own(entry: TarEntry, change: () => void): void {
    try {
      change();
    } catch (error) {
      if (errorCode(error) !== "EINVAL") throw error;
      throw new EngineError(
        "invalid",
        `Cannot give ${shown(entry.name)} to ${entry.uid}:${entry.gid}: the ids of /etc/subuid and /etc/subgid do not reach that far`,
        { cause: error },
      );
    }
  }

  #attributes(entry: TarEntry, path: string | Buffer): void {
    for (const [name, value] of entry.xattrs ?? []) {
      // Overlay's own attributes would change what the lower layers show.
      if (/^(trusted|user)\.overlay\./.test(name)) continue;
      try {
        setXattr(path, name, value);
      } catch (error) {
        if (!["EPERM", "ENOTSUP", "EOPNOTSUPP"].includes(errorCode(error) ?? "")) throw error;
      }
    }
  }

  /** Runs `make`, and again after removing what is in its place. */
  #replacing<T>(make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
    }
    this.#removeOther(this.#path, lstatSync(toPath(this.#path)), "other");
    return make();
  }

  #removeOther(path: string, present: Stats, wanted: "directory" | "other"): void {
    const name = shown(path);
    if (this.#options.keepKinds && wanted === "directory")
      throw new EngineError("invalid", `cannot overwrite non-directory ${name} with directory ${shown(this.#options.base || "/")}`);
    if (this.#options.keepKinds && present.isDirectory())
      throw new EngineError("invalid", `cannot overwrite directory ${name} with non-directory ${shown(this.#options.base || "/")}`);
    // A layer is unpacked where nothing is mounted; a container's mounts can be those of another mount namespace.
    if (!this.#options.whiteouts && isMountpoint(path))
      throw new EngineError("internal", `unlinkat ${Buffer.from(path, "latin1").toString()}: device or resource busy`);
    removeAll(path);
  }

  /** Runs `make`, and again after making the parents that it misses. */
  #withParents(make: () => void): void {
    try {
      return make();
    } catch (error) {
      const code = errorCode(error);
      if (code !== "ENOENT" && code !== "ENOTDIR") throw error;
    }
    this.#makeParents(parentOf(this.#path));
    make();
  }

  #makeParents(path: string): void {
    if (path === "" || path.length < this.#options.base.length) return;
    const present = lstatIfAny(path);
    if (present?.isDirectory() || present?.isSymbolicLink()) return;
    if (present && !(this.#options.whiteouts && isWhiteout(present)))
      throw new EngineError("invalid", `Cannot unpack ${shown(this.#path)}: ${shown(path)} is not a directory`);
    if (present) removeAll(path);
    else this.#makeParents(parentOf(path));
    mkdirSync(toPath(path), 0o755);
    const { owner } = this.#options;
    if (owner) lchownSync(toPath(path) as string, owner.uid, owner.gid);
    if (present) this.#makeOpaque(path);
    this.implied.add(path);
  }

  #whiteout(path: string, base: string): void {
    const directory = parentOf(path);
    if (base === ".wh..wh..opq") {
      this.#makeParents(directory);
      return this.#makeOpaque(directory || "/");
    }
    // aufs kept its own books under such names; nobody needs them.
    if (base.startsWith(".wh..wh.")) return;
    const hidden = base.slice(4);
    if (hidden === "" || hidden === "." || hidden === "..")
      throw new EngineError("invalid", `Cannot unpack ${shown(path)}: it is not a valid whiteout`);
    this.#path = `${directory}/${hidden}`;
    this.#withParents(() => {
      const present = lstatIfAny(this.#path);
      // A whiteout hides what is below this layer, never what the layer itself has.
      if (present?.isDirectory()) this.#makeOpaque(this.#path);
      else if (!present) makeNode(toPath(this.#path), S.CHAR, 0n);
      if (!present) this.whiteouts.push(this.#path);
    });
  }

  #makeOpaque(path: string): void {
    setXattr(toPath(path), `${this.#options.whiteouts}.overlay.opaque`, OPAQUE);
  }
}
