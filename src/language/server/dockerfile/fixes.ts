/** Quick fixes of a Dockerfile's diagnostics, and "skip this check". */
import type { CodeAction, Diagnostic, Range, TextEdit } from "vscode-languageserver";
import { CodeActionKind } from "vscode-languageserver";
import { rules } from "../../../../engine/syntax/dockerfile/checks/rules.ts";
import type { RuleName } from "../../../../engine/syntax/dockerfile/checks/rules.ts";
import type { Instruction } from "../../../../engine/syntax/dockerfile/tree.ts";
import { onLine, overlaps, textIn } from "../positions.ts";
import { SOURCE, SYNTAX } from "./diagnostics.ts";
import { instructionAt, stageAt } from "./document.ts";
import type { DockerfileDocument } from "./document.ts";
import { t } from "../words.ts";

interface Fix {
  readonly title: string;
  readonly edits: readonly TextEdit[];
  /** Another document than the diagnostic's. */
  readonly uri?: string;
}

interface Place {
  readonly document: DockerfileDocument;
  readonly message: string;
  readonly code: Diagnostic["code"];
  readonly range: Range;
  /** What the diagnostic marks. */
  readonly text: string;
  readonly instruction: Instruction | undefined;
}

/** Actions for the diagnostics that the range touches. */
export function codeActions(
  document: DockerfileDocument,
  diagnostics: readonly Diagnostic[],
  options: { uri: string; range: Range },
): CodeAction[] {
  return diagnostics
    .filter((diagnostic) => diagnostic.source === SOURCE && overlaps(diagnostic.range, options.range))
    .flatMap((diagnostic) => actionsFor(document, diagnostic, options.uri));
}

function actionsFor(document: DockerfileDocument, diagnostic: Diagnostic, uri: string): CodeAction[] {
  const { range } = diagnostic;
  const instruction = instructionAt(document, range.start);
  const message = typeof diagnostic.message === "string" ? diagnostic.message : diagnostic.message.value;
  const place = { document, message, code: diagnostic.code, range, text: textIn(document.lines, range), instruction };
  const isRule = typeof diagnostic.code === "string" && diagnostic.code in rules;
  const fixes = isRule ? (ruleFixes[diagnostic.code as RuleName]?.(place) ?? []) : syntaxFixes(place);
  const actions = fixes.map((fix, index) => toAction(fix, { diagnostic, uri, preferred: index === 0 }));
  if (!isRule) return actions;
  return [...actions, toAction(skipCheck(document, diagnostic.code as RuleName), { diagnostic, uri, preferred: false })];
}

function toAction(fix: Fix, { diagnostic, uri, preferred }: { diagnostic: Diagnostic; uri: string; preferred: boolean }): CodeAction {
  return {
    title: fix.title,
    kind: CodeActionKind.QuickFix,
    diagnostics: [diagnostic],
    isPreferred: preferred,
    edit: { changes: { [fix.uri ?? uri]: [...fix.edits] } },
  };
}

const replace = (title: string, range: Range, newText: string): Fix[] => [{ title, edits: [{ range, newText }] }];
const insert = (title: string, line: number, newText: string): Fix[] => [{ title, edits: [{ range: onLine(line, 0, 0), newText }] }];

/** Adds the rule to `# check=skip=…`, which is made where there is none. */
export function skipCheck({ tree, lines }: DockerfileDocument, rule: RuleName): Fix {
  const title = t("Skip the check {0} in this file", rule);
  const directive = tree.directives.find(({ name }) => name === "check");
  if (!directive) {
    const line = tree.directives.length;
    return { title, edits: [{ range: onLine(line, 0, 0), newText: `# check=skip=${rule}\n` }] };
  }
  const { start } = directive.valueRange;
  const text = lines[start.line]!.slice(start.character);
  const skip = /skip\s*=\s*[^;]*/.exec(text);
  const at = start.character + (skip ? skip.index + skip[0].trimEnd().length : 0);
  const newText = skip ? `${/=\s*$/.test(skip[0]) ? "" : ","}${rule}` : `skip=${rule};`;
  return { title, edits: [{ range: onLine(start.line, at, at), newText }] };
}

const lowerCase =
  (title: string) =>
  ({ range, text }: Place): Fix[] =>
    replace(title, range, text.toLowerCase());

const ruleFixes: Partial<Record<RuleName, (place: Place) => Fix[]>> = {
  StageNameCasing: lowerCase("Write the stage's name in lower case"),
  ExposeProtoCasing: lowerCase("Write the protocol in lower case"),
  FromAsCasing: ({ range, text }) => replace(t("Write AS like FROM"), range, text === "AS" ? "as" : "AS"),
  ConsistentInstructionCasing: ({ range, text, message }) =>
    replace(t("Write the instruction like the others"), range, message.endsWith("(lowercase)") ? text.toLowerCase() : text.toUpperCase()),
  NoEmptyContinuation: removeEmptyLines,
  JSONArgsRecommended: useJson,
  MaintainerDeprecated: useLabel,
  UndefinedArgInFrom: declareOrCorrect,
  UndefinedVar: declareOrCorrect,
  InvalidDefaultArgInFrom: giveDefault,
  WorkdirRelativePath: ({ instruction, document }) => {
    const at = instruction && wordRange(document, instruction);
    return at ? replace(t("Make the path absolute"), at, `/${textIn(document.lines, at).replace(/^\.?\//, "")}`) : [];
  },
  MultipleInstructionsDisallowed: ({ instruction }) =>
    instruction ? [{ title: t("Remove this {0}", instruction.kind), edits: [removal(instruction)] }] : [],
  LegacyKeyValueFormat: ({ instruction }) => {
    if (instruction?.kind !== "ENV" && instruction?.kind !== "LABEL") return [];
    const [pair] = instruction.pairs;
    if (!pair) return [];
    const value = pair.value ?? "";
    return replace(
      t("Write name=value"),
      pair.range,
      `${pair.key}=${/[\s]/.test(value) && !/^(["']).*\1$/.test(value) ? JSON.stringify(value) : value}`,
    );
  },
  RedundantTargetPlatform: removeFlag,
  FromPlatformFlagConstDisallowed: (place) => [
    ...removeFlag(place),
    ...replace(t("Use the platform of the machine that builds"), place.range, "--platform=$BUILDPLATFORM"),
  ],
  ExposeInvalidFormat: ({ range, text }) => replace(t("Expose only the container's port"), range, text.slice(text.lastIndexOf(":") + 1)),
  DuplicateStageName: renameStage,
  ReservedStageName: renameStage,
  InvalidDefinitionDescription: ({ document, instruction, message }) => {
    const name = /`# (\S+) </.exec(message)?.[1];
    const comment = document.tree.comments.findLast(({ range }) => instruction && range.start.line < instruction.range.start.line);
    return name && comment ? replace(t("Begin the comment with the name"), comment.range, `# ${name} ${comment.text}`) : [];
  },
  SecretsUsedInArgOrEnv: ({ instruction, range }) =>
    instruction?.kind === "ARG" && instruction.pairs.length === 1 && instruction.range.start.line === range.start.line
      ? [{ title: t("Remove the argument (RUN --mount=type=secret gives secrets to a step)"), edits: [removal(instruction)] }]
      : [],
};

function removal({ range }: Instruction): TextEdit {
  return { range: { start: { line: range.start.line, character: 0 }, end: { line: range.end.line + 1, character: 0 } }, newText: "" };
}

/** The arguments of an instruction that has one word. */
function wordRange({ lines }: DockerfileDocument, instruction: Instruction): Range | undefined {
  const { line, character } = instruction.nameRange.end;
  const match = /\S.*$/.exec((lines[line] ?? "").slice(character).trimEnd());
  return match ? onLine(line, character + match.index, character + match.index + match[0].length) : undefined;
}

function removeEmptyLines({ document, instruction }: Place): Fix[] {
  if (!instruction) return [];
  const edits: TextEdit[] = [];
  for (let line = instruction.range.start.line + 1; line <= instruction.range.end.line; line++) {
    const inside = instruction.heredocs.some(({ contentRange: { start, end } }) => start.line <= line && line <= end.line);
    if (!inside && document.lines[line]!.trim() === "")
      edits.push({ range: { start: { line, character: 0 }, end: { line: line + 1, character: 0 } }, newText: "" });
  }
  return [{ title: t("Remove the empty lines"), edits }];
}

/** Words become a vector where nothing in them needs a shell; otherwise the shell is said. */
function useJson({ document, instruction }: Place): Fix[] {
  if (instruction?.kind !== "CMD" && instruction?.kind !== "ENTRYPOINT") return [];
  const command = instruction.rest.trim();
  const range = { start: argumentsStart(document, instruction), end: instruction.range.end };
  const plain = /^[\w./:=@%+,-]+(\s+[\w./:=@%+,-]+)*$/.test(command);
  const vector = plain ? command.split(/\s+/) : ["/bin/sh", "-c", command];
  const title = plain ? t("Write it as JSON") : t("Write it as JSON, with the shell");
  return replace(title, range, `[${vector.map((word) => JSON.stringify(word)).join(", ")}]`);
}

function argumentsStart({ lines }: DockerfileDocument, { nameRange: { end } }: Instruction): Range["start"] {
  const rest = (lines[end.line] ?? "").slice(end.character);
  return { line: end.line, character: end.character + rest.length - rest.trimStart().length };
}

function useLabel({ instruction }: Place): Fix[] {
  if (instruction?.kind !== "MAINTAINER") return [];
  const name = instruction.value.replace(/^(["'])(.*)\1$/, "$2");
  return replace(t("Use a label"), instruction.range, `LABEL org.opencontainers.image.authors=${JSON.stringify(name)}`);
}

/** `did you mean X` corrects; otherwise the name is declared. */
function declareOrCorrect({ document, message, range, instruction }: Place): Fix[] {
  const name = /'\$?(\w+)'/.exec(message)?.[1];
  if (name === undefined) return [];
  const guess = /did you mean \$?(\w+)\?/.exec(message)?.[1];
  const fixes: Fix[] = [];
  const text = document.lines[range.start.line] ?? "";
  const at = new RegExp(`\\$\\{?(${name})\\b`).exec(text);
  if (guess !== undefined && at) {
    const start = at.index + at[0].length - name.length;
    fixes.push(...replace(t("Change it to {0}", guess), onLine(range.start.line, start, start + name.length), guess));
  }
  const stage = stageAt(document, range.start.line);
  const isFrom = instruction?.kind === "FROM";
  const line = isFrom ? (document.tree.instructions[0]?.range.start.line ?? 0) : (stage?.from.range.end.line ?? 0) + 1;
  fixes.push(...insert(t("Declare ARG {0}", name), line, `ARG ${name}\n`));
  return fixes;
}

function giveDefault({ document, message }: Place): Fix[] {
  const names = [...message.matchAll(/\$\{?(\w+)/g)].map((match) => match[1]);
  const pair = document.tree.globalArgs.flatMap(({ pairs }) => pairs).find(({ key, value }) => names.includes(key) && !value);
  return pair ? replace(t("Give {0} a default", pair.key), pair.range, `${pair.key}=latest`) : [];
}

function removeFlag({ range, document }: Place): Fix[] {
  const after = (document.lines[range.end.line] ?? "")[range.end.character];
  const end = after === " " ? { ...range.end, character: range.end.character + 1 } : range.end;
  return replace(t("Remove --platform"), { start: range.start, end }, "");
}

function renameStage({ document, instruction }: Place): Fix[] {
  if (instruction?.kind !== "FROM" || !instruction.stageRange) return [];
  const names = new Set(document.tree.stages.map(({ name }) => name));
  let number = 2;
  while (names.has(`${instruction.stage}-${number}`)) number++;
  return replace(t("Call the stage {0}-{1}", instruction.stage ?? "", number), instruction.stageRange, `${instruction.stage}-${number}`);
}

function syntaxFixes({ document, message, code, range, instruction }: Place): Fix[] {
  if (code !== SYNTAX) return [];
  const [, wrong, guess] = /(?::\s*(?:--)?|")([\w-]+)"?\s+\(did you mean ([\w-]+)\?\)/.exec(message) ?? [];
  if (wrong !== undefined && guess !== undefined) return correct(document, range, { wrong, guess });
  if (message === "unterminated heredoc") {
    const name = /<<-?["']?(\w+)/.exec(textIn(document.lines, range))?.[1];
    const last = document.lines.length - 1;
    const newText = `${document.lines[last] === "" ? "" : "\n"}${name}\n`;
    return name
      ? [
          {
            title: t("End the heredoc with {0}", name),
            edits: [{ range: onLine(last, document.lines[last]!.length, document.lines[last]!.length), newText }],
          },
        ]
      : [];
  }
  if (message === "no build stage in current context") return insert(t("Begin with FROM scratch"), range.start.line, "FROM scratch\n");
  if (message.endsWith("Destination could not be determined") && instruction)
    return [
      {
        title: t("Copy it to the working directory"),
        edits: [{ range: { start: instruction.range.end, end: instruction.range.end }, newText: " ." }],
      },
    ];
  return [];
}

function correct({ lines }: DockerfileDocument, range: Range, { wrong, guess }: { wrong: string; guess: string }): Fix[] {
  for (let line = range.start.line; line <= range.end.line; line++) {
    const from = line === range.start.line ? range.start.character : 0;
    const at = (lines[line] ?? "").indexOf(wrong, from);
    if (at >= 0) return replace(t("Change it to {0}", guess), onLine(line, at, at + wrong.length), guess);
  }
  return [];
}
