/** Sends what was built to the client: its files into a directory there, or as one tar. */
import { Readable } from "node:stream";
import type { FileTree, TreeEntry } from "../file-tree.ts";
import { firstName, tarOf, walkBelow } from "../tree-tar.ts";
import { DATA, ERR, FIN, goMode, REQ, STAT } from "./file-sync.ts";
import { GrpcError, UNKNOWN } from "./grpc.ts";
import { BytesMessage, Packet } from "./messages.ts";
import type { Stat } from "./messages.ts";
import type { ClientCall, Session } from "./session.ts";

const PIECE = 1 << 20;

/** Where the files go: the place of the exporter in the client's list of outputs. */
export interface ExportTarget {
  readonly session: Session;
  readonly place: number;
  readonly progress: (bytes: number) => void;
  readonly signal: AbortSignal;
}

/** @returns bytes of contents sent */
export async function sendDirectory(tree: FileTree, target: ExportTarget): Promise<number> {
  const call = begin(target);
  const entries = [...walkBelow(tree, "")];
  const links = new Map<string, string>();
  for (const entry of entries) await call.send(Packet.encode({ type: STAT, stat: statOf(entry, links) }));
  await call.send(Packet.encode({ type: STAT }));
  let bytes = 0;
  for await (const data of call.messages()) {
    const packet = Packet.decode(data);
    if (packet.type === REQ) {
      for await (const sent of sendFile(tree, { entry: entries[packet.ID], place: packet.ID, call })) target.progress((bytes += sent));
    } else if (packet.type === FIN) {
      await call.send(Packet.encode({ type: FIN }));
      call.end();
    } else if (packet.type === ERR) throw new GrpcError(UNKNOWN, `error from receiver: ${packet.data.toString()}`);
  }
  return bytes;
}

/** @returns bytes sent */
export function sendTar(tree: FileTree, target: ExportTarget): Promise<number> {
  return sendArchive(tarOf(tree), target);
}

/** @returns bytes sent */
export async function sendArchive(tar: AsyncIterable<Buffer>, target: ExportTarget): Promise<number> {
  const call = begin(target);
  let bytes = 0;
  for await (const piece of tar) {
    target.signal.throwIfAborted();
    for (let at = 0; at < piece.length; at += PIECE) await call.send(BytesMessage.encode({ data: piece.subarray(at, at + PIECE) }));
    target.progress((bytes += piece.length));
  }
  call.end();
  for await (const _ of call.messages());
  return bytes;
}

function begin({ session, place, signal }: ExportTarget): ClientCall {
  const call = session.call("/moby.filesync.v1.FileSend/DiffCopy", { "buildkit-attachable-exporter-id": [String(place)] });
  signal.addEventListener("abort", () => call.cancel(), { once: true });
  return call;
}

async function* sendFile(
  tree: FileTree,
  { entry, place, call }: { entry: TreeEntry | undefined; place: number; call: ClientCall },
): AsyncGenerator<number> {
  if (entry?.type !== "file") throw new GrpcError(UNKNOWN, "the client asked for what is no file");
  for await (const piece of tree.content(entry)) {
    for (let at = 0; at < piece.length; at += PIECE) {
      const data = piece.subarray(at, at + PIECE);
      await call.send(Packet.encode({ type: DATA, ID: place, data }));
      yield data.length;
    }
  }
  await call.send(Packet.encode({ type: DATA, ID: place }));
}

/** @param links first names of files that have several, by inode; grows */
function statOf(entry: TreeEntry, links: Map<string, string>): Partial<Stat> {
  const { path, type, mode, uid, gid, sizeBytes, mtimeSeconds, major, minor } = entry;
  return {
    path,
    mode: goMode(type, mode),
    uid,
    gid,
    size: sizeBytes,
    modTime: BigInt(mtimeSeconds) * 1_000_000_000n,
    linkname: type === "symlink" ? entry.linkName : firstName(entry, links),
    devmajor: major,
    devminor: minor,
  };
}

/** The archive that a client uploads, e.g. of `docker build -`. */
export function readUpload(session: Session, { path, host }: { path: string; host: string }): Readable {
  const call = session.call("/moby.upload.v1.Upload/Pull", { urlpath: [path], urlhost: [host] });
  call.end();
  const pieces = async function* (): AsyncGenerator<Buffer> {
    for await (const data of call.messages()) yield BytesMessage.decode(data).data;
  };
  return Readable.from(pieces());
}
