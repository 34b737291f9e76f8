/** "Ignore this": what weighs most of what a build sends, and the edits that keep it out. */
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { CodeAction, WorkspaceEdit } from "vscode-languageserver";
import { ignoreFileOf } from "./context-files.ts";
import type { ContextFile, Walk } from "./context-files.ts";
import { alwaysSent } from "./dockerignore/language.ts";
import { ruleTotals } from "./dockerignore/totals.ts";
import { humanBytes } from "./numbers.ts";
import { t } from "./words.ts";

/** So many are offered. */
const MOST = 3;

export interface Heavy {
  /** Below the context, without a slash at the end. */
  readonly path: string;
  readonly sizeBytes: number;
}

export interface IgnoreRooms {
  readonly walk: (directory: string) => Promise<Walk>;
  readonly opened: (path: string) => string | undefined;
}

/** Entries of a folder of the context with all that is sent of them, heaviest first. @param folder `""` for the whole context */
export function heaviest(sent: readonly ContextFile[], folder: string): Heavy[] {
  const prefix = folder === "" ? "" : `${folder}/`;
  const sizes = new Map<string, number>();
  for (const { path, sizeBytes } of sent) {
    if (!path.startsWith(prefix)) continue;
    const entry = prefix + path.slice(prefix.length).split("/", 1)[0]!;
    sizes.set(entry, (sizes.get(entry) ?? 0) + sizeBytes);
  }
  return [...sizes].map(([path, sizeBytes]) => ({ path, sizeBytes })).toSorted((a, b) => b.sizeBytes - a.sizeBytes);
}

/** Actions that keep the heaviest entries of these folders out of the build of a Dockerfile. */
export async function ignoreHeaviest(dockerfile: string, folders: readonly string[], { walk, opened }: IgnoreRooms): Promise<CodeAction[]> {
  if (folders.length === 0) return [];
  const directory = dirname(dockerfile);
  const ignore = (await ignoreFileOf(dockerfile, opened)) ?? { path: join(directory, ".dockerignore"), text: undefined };
  const always = [...alwaysSent(ignore.path), basename(dockerfile)];
  const { sent } = await ruleTotals(ignore.text ?? "", await walk(directory), always);
  const heavy = folders
    .flatMap((folder) => heaviest(sent, folder))
    .filter(({ path, sizeBytes }) => sizeBytes > 0 && !always.includes(path));
  return heavy
    .toSorted((a, b) => b.sizeBytes - a.sizeBytes)
    .slice(0, MOST)
    .map(({ path, sizeBytes }) => ({
      title: t("Ignore {0} ({1}) in {2}", path, humanBytes(sizeBytes), basename(ignore.path)),
      kind: "quickfix",
      edit: appendRule(ignore, rulePattern(path)),
    }));
}

/** A path as a rule that means only itself. */
export function rulePattern(path: string): string {
  return path.replaceAll(/[*?[\\]/g, "\\$&").replace(/^[#!]/, "\\$&");
}

/** A rule at the end of an ignore file, which is made where there is none. @param text undefined when there is none */
export function appendRule({ path, text }: { readonly path: string; readonly text: string | undefined }, rule: string): WorkspaceEdit {
  const uri = pathToFileURL(path).href;
  const lines = (text ?? "").split("\n");
  const end = { line: lines.length - 1, character: lines.at(-1)!.length };
  const edit = { range: { start: end, end }, newText: `${end.character > 0 ? "\n" : ""}${rule}\n` };
  if (text !== undefined) return { changes: { [uri]: [edit] } };
  return {
    documentChanges: [
      { kind: "create", uri, options: { ignoreIfExists: true } },
      { textDocument: { uri, version: null }, edits: [edit] },
    ],
  };
}
