/**
 * Where on this machine a context lies that a client has sent. A client sends files and at most the last part of a name; but a
 * build of a directory is the same thing whoever asks for it, so that what one learns of it helps the other, and the editor
 * finds the build of its file. The client's process knows the directory: it is among its words or where it works; or it is one
 * that the builder has seen. That is believed when the very Dockerfile lies there.
 */
import { readFileSync, realpathSync, statSync } from "node:fs";
import { basename, isAbsolute, join, relative, resolve } from "node:path";
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

/** Undefined when the context cannot be found. @param seen directories that the builder knows */
export function originOf({ directory, args }: Peer, sent: Sent, seen: Iterable<string> = []): Origin | undefined {
  const words = args.flatMap((word) => (word.startsWith("-") ? word.split("=").slice(1) : [word]));
  const named = words.filter((word) => basename(word) === basename(sent.name));
  const near = directory === undefined ? [] : [directory, ...(sent.base ? [join(directory, sent.base)] : [])];
  const given = words.flatMap((word) => (directory === undefined ? (isAbsolute(word) ? [word] : []) : [resolve(directory, word)]));
  for (const place of [...given.toReversed(), ...near, ...seen]) {
    const context = real(place);
    if (context === undefined || (sent.base && basename(place) !== sent.base && basename(context) !== sent.base)) continue;
    const files = named.map((word) => resolve(directory ?? context, word));
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
