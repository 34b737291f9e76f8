/** From a name to its definition and to all its places, also in the files that belong to the project. */
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { DocumentHighlight, Location, Position, Range, WorkspaceEdit } from "vscode-languageserver";
import { DocumentHighlightKind } from "vscode-languageserver";
import { placeAt, rangeOf, scalarText } from "./document.ts";
import type { ComposeDocument } from "./document.ts";
import { nameAt, occurrences } from "./names.ts";
import type { Occurrence } from "./names.ts";
import type { Related } from "./related.ts";
import { t } from "../words.ts";

/** The file in question and those around it. */
export interface Files {
  readonly path: string;
  readonly document: ComposeDocument;
  readonly related: readonly Related[];
}

interface Found {
  readonly path: string;
  readonly range: Range;
  readonly definition: boolean;
}

/** Anchors are a file's own; all other names are the project's. */
function sameName({ path, document, related }: Files, position: Position): Found[] {
  const name = nameAt(document, document.offsetAt(position));
  if (!name) return [];
  const files = name.kind === "anchor" ? [{ path, document }] : [{ path, document }, ...related];
  return files.flatMap((file) =>
    occurrences(file.document)
      .filter((one) => one.kind === name.kind && one.name === name.name)
      .map((one) => ({ path: file.path, range: rangeOf(file.document, one), definition: isDefinition(one) })),
  );
}

const isDefinition = ({ definition, kind }: Occurrence): boolean => definition || kind === "profiles";

const location = ({ path, range }: Found): Location => ({ uri: pathToFileURL(path).href, range });

export function definition(files: Files, position: Position): Location[] {
  const found = sameName(files, position).filter((one) => one.definition);
  if (found.length > 0) return found.map(location);
  const path = fileAt(files, position);
  return path === undefined
    ? []
    : [{ uri: pathToFileURL(path).href, range: { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } } }];
}

/** The file that a value names: of `include`, `extends`, `env_file`, `dockerfile`, `file`. */
export function fileAt({ path, document }: Pick<Files, "path" | "document">, position: Position): string | undefined {
  const place = placeAt(document, document.offsetAt(position));
  const text = scalarText(place?.node);
  if (!place || text === undefined || !isPath(place.path)) return undefined;
  const file = resolve(dirname(path), text);
  return existsSync(file) ? file : undefined;
}

/** Whether what stands at the path of keys names a file. */
export function isPath(path: readonly (string | number)[]): boolean {
  const field = path
    .filter((step) => typeof step === "string")
    .slice(path[0] === "include" ? 0 : 2)
    .join(".");
  if (path[0] === "include") return true;
  if (path[0] === "secrets" || path[0] === "configs") return field === "file";
  return path[0] === "services" && ["env_file", "env_file.path", "extends.file", "label_file", "build.dockerfile"].includes(field);
}

export function references(files: Files, position: Position, declaration: boolean): Location[] {
  return sameName(files, position)
    .filter((one) => declaration || !one.definition)
    .map(location);
}

export function highlights(files: Files, position: Position): DocumentHighlight[] {
  return sameName({ ...files, related: [] }, position).map((one) => ({
    range: one.range,
    kind: one.definition ? DocumentHighlightKind.Write : DocumentHighlightKind.Read,
  }));
}

export function prepareRename(files: Files, position: Position): { range: Range; placeholder: string } | undefined {
  const name = nameAt(files.document, files.document.offsetAt(position));
  return name && { range: rangeOf(files.document, name), placeholder: name.name };
}

/** @throws {Error} a sentence when this cannot be the name */
export function rename(files: Files, position: Position, newName: string): WorkspaceEdit {
  if (!/^[a-zA-Z0-9][\w.-]*$/.test(newName))
    throw new Error(t('{0} cannot be a name: letters, digits, "-", "_" and "." are allowed', JSON.stringify(newName)));
  const changes: Record<string, { range: Range; newText: string }[]> = {};
  for (const found of sameName(files, position))
    (changes[pathToFileURL(found.path).href] ??= []).push({ range: found.range, newText: newName });
  return { changes };
}
