/** What is wrong with a Dockerfile: the parser's problems and the build checks, in the builder's words. */
import type { Diagnostic } from "vscode-languageserver";
import { DiagnosticSeverity, DiagnosticTag } from "vscode-languageserver";
import { checkDockerfile, readChoice } from "../../../../engine/syntax/dockerfile/checks/check.ts";
import { ruleUrl } from "../../../../engine/syntax/dockerfile/checks/rules.ts";
import type { RuleName } from "../../../../engine/syntax/dockerfile/checks/rules.ts";
import { parseMount } from "../../../../engine/syntax/dockerfile/mount.ts";
import type { Range } from "../../../../engine/syntax/dockerfile/tree.ts";
import type { Surroundings } from "../surroundings.ts";
import type { DockerfileDocument } from "./document.ts";

export const SOURCE = "Berth";

/** Code of what stops the parser. */
export const SYNTAX = "syntax";

const deprecated: readonly RuleName[] = ["MaintainerDeprecated", "LegacyKeyValueFormat"];

export function diagnostics(document: DockerfileDocument, surroundings: Pick<Surroundings, "ignored" | "baseVariables">): Diagnostic[] {
  if (document.lines.every((line) => line.trim() === "")) return [];
  const { tree } = document;
  const problems = tree.problems.filter(({ message }) => message !== "Empty continuation line");
  const { findings, asError } = checkDockerfile(tree, {
    ignored: surroundings.ignored,
    baseVariables: (image) => (image === "scratch" ? [] : surroundings.baseVariables(image)),
  });
  const errors = [...problems, ...checkOptions(document), ...mounts(document)];
  return [
    ...errors.map(({ message, range }) => ({ message, range, severity: DiagnosticSeverity.Error, source: SOURCE, code: SYNTAX })),
    ...findings.map(({ rule, message, range }) => ({
      message,
      range: firstLine(document, range),
      severity: asError ? DiagnosticSeverity.Error : DiagnosticSeverity.Warning,
      source: SOURCE,
      code: rule,
      codeDescription: { href: ruleUrl(rule) },
      ...(deprecated.includes(rule) && { tags: [DiagnosticTag.Deprecated] }),
    })),
  ];
}

/** A finding about an instruction of many lines is marked at its beginning. */
function firstLine({ lines }: DockerfileDocument, range: Range): Range {
  if (range.start.line === range.end.line) return range;
  return { start: range.start, end: { line: range.start.line, character: (lines[range.start.line] ?? "").length } };
}

function checkOptions({ tree }: DockerfileDocument): { message: string; range: Range }[] {
  const directive = tree.directives.find(({ name }) => name === "check");
  const choice = directive && readChoice(directive.value);
  return directive && choice && "message" in choice ? [{ message: choice.message, range: directive.valueRange }] : [];
}

function mounts({ tree }: DockerfileDocument): { message: string; range: Range }[] {
  return tree.instructions.flatMap((instruction) =>
    instruction.kind === "RUN"
      ? instruction.mounts.flatMap(({ value, range }) => {
          const mount = value === undefined || value.includes("$") ? undefined : parseMount(value);
          return mount && "message" in mount ? [{ message: mount.message, range }] : [];
        })
      : [],
  );
}
