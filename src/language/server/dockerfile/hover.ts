/** Hover in a Dockerfile: what an instruction, a flag, a variable or a stage is. */
import type { Hover, Position, Range } from "vscode-languageserver";
import { keywordOf } from "../../../../engine/syntax/dockerfile/problems.ts";
import type { Flag, Instruction } from "../../../../engine/syntax/dockerfile/tree.ts";
import { onLine, touches, wordAt } from "../positions.ts";
import * as docs from "./docs.ts";
import { instructionAt, stageAt } from "./document.ts";
import type { DockerfileDocument } from "./document.ts";
import { nameAt, settingsAt, stageCalled, variableUses } from "./names.ts";
import { t } from "../words.ts";

/** What stands at the position; undefined when there is nothing to say. */
export function hover(document: DockerfileDocument, position: Position): Hover | undefined {
  const directive = document.tree.directives.find(({ range }) => touches(range, position));
  if (directive) return markdown(`**# ${directive.name}=** ${docs.directives[directive.name]!.description}`, directive.range);
  const outer = instructionAt(document, position);
  if (!outer) return undefined;
  const inner = outer.kind === "ONBUILD" && !touches(outer.nameRange, position) ? outer.trigger : outer;
  return (
    hoverName(document, position) ??
    hoverVariable(document, inner, position) ??
    hoverKeyword(inner, position) ??
    hoverFlag(document, inner, position)
  );
}

function markdown(value: string, range: Range): Hover {
  return { contents: { kind: "markdown", value }, range };
}

const code = (text: string): string => `\`\`\`dockerfile\n${text}\n\`\`\``;

function hoverKeyword(instruction: Instruction, position: Position): Hover | undefined {
  const keyword = keywordOf(instruction.name);
  if (!keyword || !touches(instruction.nameRange, position)) return undefined;
  return markdown(instructionText(keyword), instruction.nameRange);
}

/** An instruction's documentation. */
export function instructionText(keyword: NonNullable<ReturnType<typeof keywordOf>>): string {
  const { summary, forms, details } = docs.instructions[keyword];
  return [
    code(forms.join("\n")),
    summary,
    ...(details === undefined ? [] : [details]),
    `[${t("Reference")}](${docs.instructionUrl(keyword)})`,
  ].join("\n\n");
}

function hoverFlag(document: DockerfileDocument, instruction: Instruction, position: Position): Hover | undefined {
  const keyword = keywordOf(instruction.name);
  const flag = instruction.flags.find(({ range }) => touches(range, position));
  if (!keyword || !flag) return undefined;
  const key = flag.name === "mount" ? mountKeyAt(document, flag, position) : undefined;
  if (key) return markdown(`**${key}** ${docs.mountKeys[key]}`, flag.range);
  const text = docs.flags[keyword]?.[flag.name];
  return text === undefined ? undefined : markdown(`**--${flag.name}** ${text}`, flag.range);
}

function mountKeyAt({ lines }: DockerfileDocument, flag: Flag, position: Position): string | undefined {
  const word = wordAt(lines[position.line] ?? "", position.character, /[a-z]+(?==)/g);
  return word && word.start > flag.range.start.character && word.text in docs.mountKeys ? word.text : undefined;
}

function hoverName(document: DockerfileDocument, position: Position): Hover | undefined {
  const name = nameAt(document, position);
  if (!name) return undefined;
  if (name.kind === "stage") {
    const stage = stageCalled(document.tree, name.name, document.tree.stages.length);
    return (
      stage &&
      markdown(`${code(stage.from.original.trim())}\n\n${t("Stage {0} of {1}", stage.index + 1, document.tree.stages.length)}`, name.range)
    );
  }
  const line = name.definition ? position.line + 1 : position.line;
  const instruction = instructionAt(document, position);
  const setting = settingsAt(document, name.definition ? (instruction?.range.end.line ?? line) + 1 : line).get(name.name);
  const value = setting?.value === undefined ? t("no value but what the build is given") : `\`${setting.value}\``;
  const where = setting ? t("{0} of line {1}", setting.kind, setting.line + 1) : "";
  return markdown(`**${name.name}** ${setting ? `${value}\n\n${where}` : t("is set below this line only")}`, name.range);
}

function hoverVariable(document: DockerfileDocument, instruction: Instruction, position: Position): Hover | undefined {
  const use = variableUses(document, instruction).find(({ range }) => touches(range, position));
  if (!use) return undefined;
  const known = docs.predefined[use.name];
  if (known !== undefined) return markdown(`**${use.name}** ${known}`, use.range);
  return stageAt(document, position.line)
    ? markdown(t("**{0}** is not set in this file", use.name), onLine(position.line, use.range.start.character, use.range.end.character))
    : undefined;
}
