/** Which files a COPY or ADD means: paths, wildcards, --parents, --exclude; and the digest of what they are. */
import { createHash } from "node:crypto";
import { EngineError } from "../errors.ts";
import { toBytes } from "../layers/names.ts";
import { cleanPattern, IgnoreMatcher } from "../syntax/dockerignore.ts";
import { globToRegExp, hasWildcard, unescapePattern } from "../syntax/glob.ts";
import { baseOf, cleanPath, join, resolveLinks, walk } from "./file-tree.ts";
import type { FileTree, TreeEntry } from "./file-tree.ts";

export interface SelectedEntry {
  /** Below the target; "" for a file that is copied by itself. */
  readonly relative: string;
  readonly entry: TreeEntry;
}

/** One source of a copy, or one match of its wildcard. */
export interface Selected {
  readonly tree: FileTree;
  /** What the copy is called in a target directory. */
  readonly name: string;
  /** The directory whose content is copied; undefined for anything else. */
  readonly directory: TreeEntry | undefined;
  /** Parents first. */
  readonly entries: readonly SelectedEntry[];
  /** An archive that ADD unpacks: existing links to directories are followed. */
  readonly archive?: boolean;
}

export interface SelectOptions {
  /** Keep the directories of the source below the target. */
  readonly parents: boolean;
  readonly exclude: readonly string[];
  /** `COPY` or `ADD`, for messages. */
  readonly keyword: string;
}

/** Docker's sentence of the classic builder. */
export function copySourceMissing(keyword: string, path: string): EngineError {
  const message = `${keyword} failed: file not found in build context or excluded by .dockerignore: stat ${path}: file does not exist`;
  return new EngineError("invalid", message);
}

/** @throws {EngineError} invalid when a source without wildcards is not there */
export function select(tree: FileTree, source: string, options: SelectOptions): Selected[] {
  const excluded = excluder(options.exclude);
  const bytes = toBytes(source);
  if (options.parents) return [selectWithParents(tree, bytes, { ...options, excluded, source })];
  const path = cleanPath(bytes);
  if (hasWildcard(path)) return matches(tree, path).flatMap((match) => selectPath(tree, match, excluded) ?? []);
  const selected = selectPath(tree, unescapePattern(path), excluded);
  if (!selected) throw copySourceMissing(options.keyword, source.replace(/^\/+/, "") || source);
  return [selected];
}

type Excluded = (relative: string) => boolean;

function excluder(patterns: readonly string[]): Excluded {
  if (patterns.length === 0) return () => false;
  const matcher = new IgnoreMatcher(
    patterns.map((pattern, line) => ({ pattern: cleanPattern(pattern.replace(/^!/, "")), negated: pattern.startsWith("!"), line })),
  );
  return (relative) => matcher.excludedBy(Buffer.from(relative, "latin1").toString()) !== undefined;
}

function selectPath(tree: FileTree, path: string, excluded: Excluded): Selected | undefined {
  const resolved = resolveLinks(tree, path);
  const entry = resolved === undefined ? undefined : tree.entry(resolved);
  if (!entry) return undefined;
  const name = baseOf(path);
  if (entry.type !== "directory") return { tree, name, directory: undefined, entries: excluded(name) ? [] : [{ relative: "", entry }] };
  const start = entry.path === "" ? 0 : entry.path.length + 1;
  const entries: SelectedEntry[] = [];
  for (const found of walk(tree, entry.path)) {
    const relative = found.path.slice(start);
    if (found.path !== entry.path && !excluded(relative)) entries.push({ relative, entry: found });
  }
  return { tree, name, directory: entry, entries };
}

/** The paths that a pattern matches, in byte order; each component is matched by itself. */
function matches(tree: FileTree, pattern: string): string[] {
  let found = [""];
  for (const component of pattern.split("/")) {
    const literal = hasWildcard(component) ? undefined : unescapePattern(component);
    const expression = literal === undefined ? globToRegExp(component, { doubleStar: false }) : undefined;
    if (literal === undefined && !expression) throw new EngineError("invalid", "syntax error in pattern");
    found = found.flatMap((directory) => {
      const resolved = resolveLinks(tree, directory);
      if (resolved === undefined) return [];
      const names = literal === undefined ? tree.children(resolved).filter((name) => expression!.test(name)) : [literal];
      return names.map((name) => join(resolved, name)).filter((path) => tree.entry(path));
    });
  }
  return found;
}

interface ParentsOptions extends SelectOptions {
  readonly excluded: Excluded;
  readonly source: string;
}

/** `a/./b/*.txt`: what matches below `a`, with the directories from `b` on. */
function selectWithParents(tree: FileTree, source: string, options: ParentsOptions): Selected {
  const pivot = source.indexOf("/./");
  const from = pivot < 0 ? "" : cleanPath(source.slice(0, pivot));
  const pattern = cleanPath(pivot < 0 ? source : source.slice(pivot + 3));
  const base = tree.entry(resolveLinks(tree, from) ?? from);
  const matched = base ? belowPattern(tree, base, pattern) : [];
  if (matched.length === 0 && !hasWildcard(source)) throw copySourceMissing(options.keyword, options.source);
  const entries = new Map<string, TreeEntry>();
  for (const { relative, entry } of matched) {
    if (options.excluded(relative)) continue;
    for (const parent of parentsOf(relative)) {
      if (!entries.has(parent)) entries.set(parent, tree.entry(join(base!.path, parent))!);
    }
    entries.set(relative, entry);
  }
  return { tree, name: "", directory: base, entries: [...entries].map(([relative, entry]) => ({ relative, entry })) };
}

function parentsOf(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
}

function belowPattern(tree: FileTree, base: TreeEntry, pattern: string): SelectedEntry[] {
  const expression = globToRegExp(pattern || "**", { doubleStar: true });
  if (!expression) throw new EngineError("invalid", "syntax error in pattern");
  const parts = pattern.split("/");
  const firstWild = parts.findIndex((part) => hasWildcard(part));
  const start = parts.slice(0, firstWild < 0 ? parts.length : firstWild).join("/");
  const skip = base.path === "" ? 0 : base.path.length + 1;
  const found: SelectedEntry[] = [];
  for (const entry of walk(tree, join(base.path, start) || base.path)) {
    const relative = entry.path.slice(skip);
    if (relative !== "" && [relative, ...parentsOf(relative)].some((path) => expression.test(path))) found.push({ relative, entry });
  }
  return found;
}

/** How many small files are read, or are known already, before other work gets its turn. */
const [SLICE, KNOWN_SLICE] = [32, 8192];

/** What a manifest says of each path: `relative → type mode owner content`. Times do not count. */
export async function manifestOf(selection: readonly Selected[], signal?: AbortSignal): Promise<Map<string, string>> {
  const manifest = new Map<string, string>();
  let turn = 0;
  for (const [index, selected] of selection.entries()) {
    const root = selected.directory ? `${index}:` : `${index}:${selected.name}`;
    if (selected.directory) manifest.set(`${index}:`, describe(selected.directory, ""));
    for (const { relative, entry } of selected.entries) {
      const content = entry.type === "file" ? selected.tree.digest(entry) : entry.linkName;
      const known = typeof content === "string" ? content : await content;
      manifest.set(`${root}${relative}`, describe(entry, known));
      turn += 1 / (typeof content === "string" ? KNOWN_SLICE : SLICE);
      if (turn < 1) continue;
      turn = 0;
      signal?.throwIfAborted();
      await new Promise(setImmediate);
    }
  }
  return manifest;
}

/** The selected entries in the order in which a manifest describes them. */
export function entriesOf(selection: readonly Selected[]): TreeEntry[] {
  const entries: TreeEntry[] = [];
  for (const { directory, entries: below } of selection) {
    if (directory) entries.push(directory);
    for (const { entry } of below) entries.push(entry);
  }
  return entries;
}

/**
 * The manifest of a selection from that of an earlier one of the same kind, by looking only at entries that are not the same
 * objects as then.
 * @returns the earlier one itself when nothing in it changed; undefined when other paths are selected, or so much changed that it
 *   takes as long to begin anew
 */
export async function changedManifest(
  selection: readonly Selected[],
  before: { readonly entries: readonly TreeEntry[]; readonly manifest: ReadonlyMap<string, string> },
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, string> | undefined> {
  const changed: (readonly [key: string, entry: TreeEntry, tree: FileTree])[] = [];
  let at = 0;
  for (const [index, { tree, name, directory, entries }] of selection.entries()) {
    const root = directory ? `${index}:` : `${index}:${name}`;
    for (const { relative, entry } of directory ? [{ relative: "", entry: directory }, ...entries] : entries) {
      const old = before.entries[at++];
      if (old === entry) continue;
      if (old?.path !== entry.path || !before.manifest.has(root + relative)) return undefined;
      changed.push([root + relative, entry, tree]);
    }
  }
  if (at !== before.entries.length || changed.length > at / 4) return undefined;
  const lines = new Map<string, string>();
  for (const [key, entry, tree] of changed) {
    signal?.throwIfAborted();
    const line = describe(entry, entry.type === "file" ? await tree.digest(entry) : entry.linkName);
    if (line !== before.manifest.get(key)) lines.set(key, line);
  }
  return lines.size === 0 ? before.manifest : new Map([...before.manifest, ...lines]);
}

function describe(entry: TreeEntry, content: string): string {
  const { type, mode, uid, gid, major, minor } = entry;
  return [type, mode.toString(8), `${uid}:${gid}`, type === "character" || type === "block" ? `${major}:${minor}` : content].join(" ");
}

/** Characters; many small pieces take longer than one large one. */
const HASHED_AT_ONCE = 1 << 16;

/** One digest for a manifest. */
export function manifestDigest(manifest: ReadonlyMap<string, string>): string {
  const hash = createHash("sha256");
  let lines = "";
  for (const [path, description] of manifest) {
    lines += `${path}\0${description}\0`;
    if (lines.length < HASHED_AT_ONCE) continue;
    hash.update(lines);
    lines = "";
  }
  hash.update(lines);
  return hash.digest("hex");
}

/** Where in its tree each source begins: with it a manifest's key is a path in the tree. */
export function rootsOf(selection: readonly Selected[]): string[] {
  return selection.map(({ directory, name, entries: [file] }) => {
    if (directory) return directory.path;
    const path = file?.entry.path ?? "";
    return baseOf(path) === name ? path.slice(0, -name.length - 1) : "";
  });
}

/** The path that a manifest's key is about, as a person knows it. */
export function manifestPath(key: string, roots: readonly string[] = []): string {
  const colon = key.indexOf(":");
  const [root = "", below] = [roots[Number(key.slice(0, colon))], key.slice(colon + 1)];
  return Buffer.from(below === "" ? root : join(root, below), "latin1").toString() || ".";
}
