/** The files that a compose file belongs together with: its override or base, what it includes and what it extends. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { entriesOf, follow, readCompose, scalarText } from "./document.ts";
import type { ComposeDocument } from "./document.ts";

export type Opened = (path: string) => string | undefined;

export interface Related {
  readonly path: string;
  readonly document: ComposeDocument;
}

/** More files than these are not followed. */
const MOST_FILES = 30;

/** `compose.override.yaml` ↔ `compose.yaml`, those of them that are there. */
export function siblingsOf(path: string): { bases: string[]; overrides: string[] } {
  const name = basename(path);
  const extensions = ["yaml", "yml"];
  const match = /^(.+?)(\.override)?\.ya?ml$/.exec(name);
  if (!match || !["compose", "docker-compose"].includes(match[1]!)) return { bases: [], overrides: [] };
  const names = extensions
    .map((extension) => join(dirname(path), `${match[1]}${match[2] ? "" : ".override"}.${extension}`))
    .filter((file) => existsSync(file));
  return match[2] ? { bases: names.slice(0, 1), overrides: [] } : { bases: [], overrides: names.slice(0, 1) };
}

/** Files as the document names them: `include`, and `extends: {file}`. */
export function namedFiles({ root }: ComposeDocument): string[] {
  const include = follow(root, ["include"]);
  const included = include?.kind === "seq" ? include.items.flatMap((item) => scalarText(item) ?? pathsOf(follow(item, ["path"]))) : [];
  const extended = entriesOf(follow(root, ["services"])).flatMap(({ value }) => scalarText(follow(value, ["extends", "file"])) ?? []);
  return [...included, ...extended];
}

function pathsOf(node: ReturnType<typeof follow>): string[] {
  if (node?.kind === "seq") return node.items.flatMap((item) => scalarText(item) ?? []);
  const text = scalarText(node);
  return text === undefined ? [] : [text];
}

/** Everything that can be reached from a file, without the file itself. */
export async function relatedTo(path: string, document: ComposeDocument, opened: Opened): Promise<Related[]> {
  const found = new Map<string, Related>();
  const queue = namesFrom(path, document);
  while (queue.length > 0 && found.size < MOST_FILES) {
    const next = queue.shift()!;
    if (next === path || found.has(next)) continue;
    const text = opened(next) ?? (await readFile(next, "utf8").catch(() => undefined));
    if (text === undefined) continue;
    const read = readCompose(text);
    found.set(next, { path: next, document: read });
    queue.push(...namesFrom(next, read));
  }
  return [...found.values()];
}

function namesFrom(path: string, document: ComposeDocument): string[] {
  const { bases, overrides } = siblingsOf(path);
  return [
    ...bases,
    ...overrides,
    ...namedFiles(document)
      .filter((file) => !file.includes("$"))
      .map((file) => resolve(dirname(path), file)),
  ];
}
