/**
 * Where on this machine a context lies that a client has sent. A client sends files and at most the last part of a name; but a
 * build of a directory is the same thing whoever asks for it, so that what one learns of it helps the other, and the editor
 * finds the build of its file. The client's process knows the directory: it is among its words or where it works. That is
 * believed when the very Dockerfile lies there.
 */
import { readFileSync, realpathSync, statSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import type { Peer } from "../host/peer.ts";

export interface Origin {
  readonly contextName: string;
  /** In the context, or absolute. */
  readonly dockerfile: string;
}

interface Sent {
  readonly text: string;
  /** Path of the Dockerfile as it was sent; perhaps only its last part. */
  readonly name: string;
  /** Last part of the context's path, when the client tells it. */
  readonly base: string | undefined;
}

/** Undefined when the context cannot be found. */
export function originOf({ directory, args }: Peer, sent: Sent): Origin | undefined {
  const words = args.flatMap((word) => (word.startsWith("-") ? word.split("=").slice(1) : [word])).map((word) => resolve(directory, word));
  const places = [...words.toReversed(), directory, ...(sent.base ? [join(directory, sent.base)] : [])];
  const files = words.filter((word) => basename(word) === basename(sent.name));
  for (const place of places) {
    const context = real(place);
    if (context === undefined || (sent.base && basename(place) !== sent.base && basename(context) !== sent.base)) continue;
    const found = [join(context, sent.name), ...files].find((file) => holds(file, sent.text));
    if (found === undefined) continue;
    const inside = relative(context, realpathSync(found));
    return { contextName: context, dockerfile: inside.startsWith("..") ? realpathSync(found) : inside };
  }
  return undefined;
}

/** The directory with its links resolved. */
function real(path: string): string | undefined {
  try {
    return statSync(path).isDirectory() ? realpathSync(path) : undefined;
  } catch {
    return undefined;
  }
}

function holds(file: string, text: string): boolean {
  try {
    const stats = statSync(file);
    return stats.isFile() && stats.size === Buffer.byteLength(text) && readFileSync(file, "utf8") === text;
  } catch {
    return false;
  }
}
