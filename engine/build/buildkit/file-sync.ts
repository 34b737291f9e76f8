/**
 * Files of the client, by fsutil's protocol: the client lists what it has (STAT), the engine asks for contents (REQ) by
 * their places in that list, the client sends them in pieces (DATA), and both say FIN.
 */
import { EngineError } from "../../errors.ts";
import { GrpcError, UNKNOWN } from "./grpc.ts";
import { Packet } from "./messages.ts";
import type { Stat } from "./messages.ts";
import type { ClientCall, Session } from "./session.ts";

export const STAT = 0;
export const REQ = 1;
export const DATA = 2;
export const FIN = 3;
export const ERR = 4;

/** Where received files go. */
export interface FileSink {
  /** Everything that the client has, parents first. Returns the places of the files whose contents are wanted. */
  list(stats: readonly Stat[]): readonly number[];
  write(place: number, data: Buffer): void;
  close(place: number): void;
}

export interface FileQuery {
  /** `context`, `dockerfile`, or the name of a `--build-context`. */
  readonly directory: string;
  /** Only these paths, and what links on the way lead to. */
  readonly follow?: readonly string[];
  /** Lines of a .dockerignore. */
  readonly exclude?: readonly string[];
}

/** Receives files; every file that was asked for has been closed when it resolves. @returns bytes of contents */
export async function receiveFiles(
  session: Session,
  query: FileQuery,
  { sink, progress, signal }: { sink: FileSink; progress?: (bytes: number) => void; signal: AbortSignal },
): Promise<number> {
  const call = session.call("/moby.filesync.v1.FileSync/DiffCopy", {
    "dir-name": [query.directory],
    followpaths: query.follow ?? [],
    "exclude-patterns": query.exclude ?? [],
  });
  const cancel = (): void => call.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  try {
    return await new Receiving(call, sink, progress).run();
  } catch (error) {
    call.cancel();
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

class Receiving {
  readonly #call: ClientCall;
  readonly #sink: FileSink;
  readonly #progress: ((bytes: number) => void) | undefined;
  readonly #stats: Stat[] = [];
  /** Asked for and not there yet; undefined until the list is whole. */
  #wanted: Set<number> | undefined;
  #bytes = 0;

  constructor(call: ClientCall, sink: FileSink, progress: ((bytes: number) => void) | undefined) {
    this.#call = call;
    this.#sink = sink;
    this.#progress = progress;
  }

  async run(): Promise<number> {
    for await (const data of this.#call.messages()) await this.#take(Packet.decode(data));
    if (!this.#wanted || this.#wanted.size > 0) throw new GrpcError(UNKNOWN, "the client stopped sending files");
    return this.#bytes;
  }

  async #take(packet: Packet): Promise<void> {
    switch (packet.type) {
      case STAT:
        if (packet.stat) this.#stats.push(packet.stat as Stat);
        else await this.#request();
        return;
      case DATA:
        return this.#store(packet);
      case FIN:
        return this.#call.end();
      case ERR:
        throw new GrpcError(UNKNOWN, `error from sender: ${packet.data.toString()}`);
      default:
        throw new EngineError("invalid", `unknown packet ${packet.type} of a file transfer`);
    }
  }

  async #request(): Promise<void> {
    checkList(this.#stats);
    this.#wanted = new Set(this.#sink.list(this.#stats));
    if (this.#wanted.size === 0) return this.#finish();
    for (const place of this.#wanted) await this.#call.send(Packet.encode({ type: REQ, ID: place }));
  }

  async #store({ ID: place, data }: Packet): Promise<void> {
    if (!this.#wanted?.has(place)) throw new EngineError("invalid", "the client sent a file that nobody asked for");
    if (data.length > 0) {
      this.#bytes += data.length;
      this.#sink.write(place, data);
      this.#progress?.(this.#bytes);
      return;
    }
    this.#sink.close(place);
    this.#wanted.delete(place);
    if (this.#wanted.size === 0) await this.#finish();
  }

  #finish(): Promise<void> {
    return this.#call.send(Packet.encode({ type: FIN }));
  }
}

/** Nothing may lie outside of the directory, or below anything but a directory of the same list. */
function checkList(stats: readonly Stat[]): void {
  const kinds = new Map<string, FileKind>();
  for (const stat of stats) {
    const { path } = stat;
    const parts = path.split("/");
    const parent = parts.slice(0, -1).join("/");
    const isClean = parts.every((part) => part !== "" && part !== "." && part !== "..") && !path.includes("\0");
    const isPlaced = parent === "" || kinds.get(parent) === "directory";
    if (!isClean || !isPlaced || kinds.has(path))
      throw new EngineError("invalid", `invalid path in the build context: ${JSON.stringify(path)}`);
    kinds.set(path, kindOf(stat));
  }
}

export type FileKind = "directory" | "file" | "link" | "symlink" | "other";

/** Bits of Go's FileMode. */
const GO = { directory: 2 ** 31, symlink: 2 ** 27, device: 2 ** 26, fifo: 2 ** 25, socket: 2 ** 24 } as const;
const GO_SETUID = 1 << 23;
const GO_SETGID = 1 << 22;
const GO_CHARACTER = 1 << 21;
const GO_STICKY = 1 << 20;
const GO_IRREGULAR = 1 << 19;

/** A `link` is another name of a file before it in the list. */
export function kindOf({ mode, linkname }: Pick<Stat, "mode" | "linkname">): FileKind {
  const has = (bit: number): boolean => ((mode >>> 0) & bit) >>> 0 !== 0;
  if (has(GO.directory)) return "directory";
  if (has(GO.symlink)) return "symlink";
  if (has(GO.device) || has(GO.fifo) || has(GO.socket) || has(GO_CHARACTER) || has(GO_IRREGULAR)) return "other";
  return linkname === "" ? "file" : "link";
}

/** Permission bits as Unix has them. */
export function permissions(mode: number): number {
  return (mode & 0o777) | (mode & GO_SETUID ? 0o4000 : 0) | (mode & GO_SETGID ? 0o2000 : 0) | (mode & GO_STICKY ? 0o1000 : 0);
}

const GO_TYPES = {
  file: 0,
  directory: GO.directory,
  symlink: GO.symlink,
  fifo: GO.fifo,
  block: GO.device,
  character: GO.device + GO_CHARACTER,
} as const;

/** Go's FileMode of a file. */
export function goMode(type: keyof typeof GO_TYPES, mode: number): number {
  const special = (mode & 0o4000 ? GO_SETUID : 0) | (mode & 0o2000 ? GO_SETGID : 0) | (mode & 0o1000 ? GO_STICKY : 0);
  return GO_TYPES[type] + ((mode & 0o777) | special);
}

/** Receives a few small files into memory. @returns contents by path */
export async function readFiles(
  session: Session,
  query: FileQuery,
  { signal, progress }: { signal: AbortSignal; progress?: (bytes: number) => void },
): Promise<Map<string, Buffer>> {
  const pieces = new Map<number, Buffer[]>();
  let stats: readonly Stat[] = [];
  const sink: FileSink = {
    list: (listed) => {
      stats = listed;
      const places = listed.flatMap((stat, place) => (kindOf(stat) === "file" ? [place] : []));
      for (const place of places) pieces.set(place, []);
      return places;
    },
    write: (place, data) => void pieces.get(place)!.push(Buffer.from(data)),
    close: () => undefined,
  };
  await receiveFiles(session, query, { sink, signal, ...(progress && { progress }) });
  return new Map([...pieces].map(([place, parts]) => [stats[place]!.path, Buffer.concat(parts)]));
}
