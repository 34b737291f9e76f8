/** From a name to where it comes from, to all its places, and to another name. */
import type { DocumentHighlight, Location, Position, Range, TextEdit } from "vscode-languageserver";
import { DocumentHighlightKind } from "vscode-languageserver";
import { touches } from "../positions.ts";
import { instructionAt } from "./document.ts";
import type { DockerfileDocument } from "./document.ts";
import { nameAt, occurrences, stageCalled } from "./names.ts";
import type { Occurrence } from "./names.ts";
import { t } from "../words.ts";

/** All places of the name at the position. */
export function sameName(document: DockerfileDocument, position: Position): Occurrence[] {
  const all = occurrences(document);
  const name = all.find(({ range }) => touches(range, position));
  return name ? all.filter(({ key }) => key === name.key) : [];
}

/** The definitions; of a variable the last one above its use comes first. `--from=0` leads to its FROM. */
export function definition(document: DockerfileDocument, position: Position, uri: string): Location[] {
  const found = sameName(document, position).filter((one) => one.definition);
  const above = found.findLast(({ range }) => range.start.line < position.line) ?? found[0];
  if (above) return [{ uri, range: above.range }];
  return numbered(document, position).map((range) => ({ uri, range }));
}

function numbered(document: DockerfileDocument, position: Position): Range[] {
  const instruction = instructionAt(document, position);
  const flag = instruction?.flags.find(({ name, range }) => name === "from" && touches(range, position));
  const stage = flag?.value === undefined ? undefined : stageCalled(document.tree, flag.value, document.tree.stages.length);
  return stage ? [stage.from.image.range] : [];
}

export function references(document: DockerfileDocument, position: Position, options: { uri: string; declaration: boolean }): Location[] {
  return sameName(document, position)
    .filter((one) => options.declaration || !one.definition)
    .map(({ range }) => ({ uri: options.uri, range }));
}

export function highlights(document: DockerfileDocument, position: Position): DocumentHighlight[] {
  return sameName(document, position).map((one) => ({
    range: one.range,
    kind: one.definition ? DocumentHighlightKind.Write : DocumentHighlightKind.Read,
  }));
}

/** The range and present name of what can be renamed here. */
export function prepareRename(document: DockerfileDocument, position: Position): { range: Range; placeholder: string } | undefined {
  const name = nameAt(document, position);
  if (!name || !sameName(document, position).some((one) => one.definition)) return undefined;
  return { range: name.range, placeholder: name.name };
}

/** @returns the edits, or the sentence that says why this cannot be the name */
export function rename(document: DockerfileDocument, position: Position, newName: string): TextEdit[] | { message: string } {
  const name = nameAt(document, position);
  if (!name) return { message: t("There is no name here") };
  if (name.kind === "stage" && !/^[a-z][a-z0-9-_.]*$/i.test(newName))
    return {
      message: t('{0} cannot be a stage: a name begins with a letter and holds letters, digits, "-", "_" and "."', JSON.stringify(newName)),
    };
  if (name.kind === "variable" && !/^[A-Za-z_]\w*$/.test(newName))
    return {
      message: t('{0} cannot be a variable: a name begins with a letter or "_" and holds letters, digits and "_"', JSON.stringify(newName)),
    };
  return sameName(document, position).map(({ range }) => ({ range, newText: newName }));
}
