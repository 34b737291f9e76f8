/** Hover in a compose file: what the specification says of a key, and what the value becomes. */
import type { Hover, Position } from "vscode-languageserver";
import { stringify } from "yaml";
import { variablesOf } from "../../../../engine/syntax/interpolate.ts";
import { onKey, placeAt, rangeOf } from "./document.ts";
import type { ComposeDocument, Place } from "./document.ts";
import { nameAt, occurrences } from "./names.ts";
import type { Loaded } from "./project.ts";
import { descriptionAt } from "./schema.ts";
import { t } from "../words.ts";

/** Longer values are cut. */
const MOST_LINES = 20;

export function hover(
  document: ComposeDocument,
  position: Position,
  { loaded, environment }: { loaded: Loaded; environment: Readonly<Record<string, string>> },
): Hover | undefined {
  const offset = document.offsetAt(position);
  const variable = variableAt(document, offset, environment);
  if (variable) return variable;
  const place = placeAt(document, offset);
  if (!place) return undefined;
  const name = nameAt(document, offset);
  const parts = [
    ...(name
      ? [
          `**${name.kind === "anchor" ? "&" : ""}${name.name}** (${name.kind}, ${occurrences(document).filter(({ kind, name: other }) => kind === name.kind && other === name.name).length} places)`,
        ]
      : []),
    ...(descriptionAt(place.path) === undefined ? [] : [descriptionAt(place.path)!]),
    ...resolved(place, loaded),
  ];
  if (parts.length === 0) return undefined;
  const node = place.key && onKey(place, offset) ? place.key : (place.node ?? place.key)!;
  return { contents: { kind: "markdown", value: parts.join("\n\n") }, range: rangeOf(document, node) };
}

function variableAt(document: ComposeDocument, offset: number, environment: Readonly<Record<string, string>>): Hover | undefined {
  const { line } = document.positionAt(offset);
  const text = document.lines[line] ?? "";
  const start = document.offsetAt({ line, character: 0 });
  const use = variablesOf(text).find((one) => start + one.start <= offset && offset <= start + one.end);
  if (!use) return undefined;
  const value = environment[use.name];
  const operand = use.operand === undefined ? "" : `\n\n\`${use.operator}\` \`${use.operand}\``;
  const range = { start: { line, character: use.start }, end: { line, character: use.end } };
  return {
    range,
    contents: { kind: "markdown", value: `**${use.name}** ${value === undefined ? t("is not set") : `\`${value}\``}${operand}` },
  };
}

/** The value in the project, with files merged, variables replaced and paths made absolute. */
function resolved({ path }: Place, loaded: Loaded): string[] {
  if ("error" in loaded || path.length < 3) return [];
  let value: unknown = loaded.project;
  for (const step of path)
    value = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[String(step)] : undefined;
  if (value === undefined || value === null) return [];
  const lines = (typeof value === "object" ? stringify(value) : String(value)).trimEnd().split("\n");
  const shown = lines.length > MOST_LINES ? [...lines.slice(0, MOST_LINES), "…"] : lines;
  return [`${t("Resolved:")}\n\n\`\`\`yaml\n${shown.join("\n")}\n\`\`\``];
}
