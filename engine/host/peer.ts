/** The process at the other end of a unix socket. */
import { readFileSync, readlinkSync } from "node:fs";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { declare } from "./libc.ts";

export interface Peer {
  /** Its working directory; Linux does not tell it to an engine in a user namespace of its own. */
  readonly directory?: string;
  /** Its command line without the program. */
  readonly args: readonly string[];
}

const getsockopt = declare("int getsockopt(int fd, int level, int name, void *value, void *length)");
const [SOL_SOCKET, SO_PEERCRED] = [1, 17];

/** Undefined when it cannot be told: the socket is none of this machine's, or the process has gone. */
export function peerOf(socket: Duplex): Peer | undefined {
  const fd = socket instanceof Socket ? (socket as Socket & { _handle?: { fd?: number } })._handle?.fd : undefined;
  // An address means TCP.
  if (fd === undefined || fd < 0 || (socket as Socket).remoteAddress !== undefined) return undefined;
  const [credentials, length] = [Buffer.alloc(12), Buffer.from(new Uint32Array([12]).buffer)];
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length) < 0) return undefined;
  const process = `/proc/${credentials.readInt32LE(0)}`;
  try {
    const args = readFileSync(`${process}/cmdline`, "utf8").split("\0").slice(1, -1);
    return { args, ...workingDirectory(process) };
  } catch {
    return undefined;
  }
}

function workingDirectory(process: string): Pick<Peer, "directory"> {
  try {
    return { directory: readlinkSync(`${process}/cwd`) };
  } catch {
    return {};
  }
}
