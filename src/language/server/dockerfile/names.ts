/** Names in a Dockerfile: where stages and variables are defined and used, and which of these are the same name. */
import type { Position, Range } from "vscode-languageserver";
import { expand } from "../../../../engine/syntax/dockerfile/expand.ts";
import type { Dockerfile, Instruction, Stage, Variables } from "../../../../engine/syntax/dockerfile/tree.ts";
import { onLine, touches } from "../positions.ts";
import type { DockerfileDocument } from "./document.ts";

/** One place where a name stands. */
export interface Occurrence {
  readonly kind: "stage" | "variable";
  readonly name: string;
  /** Occurrences with the same key mean the same thing. */
  readonly key: string;
  readonly range: Range;
  readonly definition: boolean;
}

/** Arguments that every build has. */
export const platformArguments = ["BUILD", "TARGET"].flatMap((side) => ["PLATFORM", "OS", "ARCH", "VARIANT"].map((part) => side + part));

/** Arguments that need no ARG. */
export const proxyArguments = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

/** All names of the file, in its order as far as one instruction is concerned. */
export function occurrences(document: DockerfileDocument): Occurrence[] {
  return [...stageNames(document), ...variableNames(document)];
}

/** The name that the position touches. */
export function nameAt(document: DockerfileDocument, position: Position): Occurrence | undefined {
  return occurrences(document).find(({ range }) => touches(range, position));
}

/** The earlier stage that a word names, by name or by number. */
export function stageCalled(tree: Dockerfile, word: string, before: number): Stage | undefined {
  const name = word.toLowerCase();
  const named = tree.stages.slice(0, before).findLast((stage) => stage.name === name);
  return named ?? (/^\d+$/.test(word) ? tree.stages.slice(0, before)[Number(word)] : undefined);
}

function stageNames({ tree, lines }: DockerfileDocument): Occurrence[] {
  return tree.stages.flatMap((stage) => {
    const { from } = stage;
    const base = stageCalled(tree, from.image.text, stage.index);
    const own = from.stageRange && stage.name !== undefined ? [stageOccurrence(stage, from.stageRange, true)] : [];
    const uses = stage.instructions.flatMap((instruction) => stageUses(instruction, { tree, lines, index: stage.index }));
    return [...(base?.name !== undefined ? [stageOccurrence(base, from.image.range, false)] : []), ...own, ...uses];
  });
}

function stageOccurrence(stage: Stage, range: Range, definition: boolean): Occurrence {
  return { kind: "stage", name: stage.name ?? String(stage.index), key: `stage ${stage.index}`, range, definition };
}

/** `--from=name` of COPY and `from=name` in a mount. */
function stageUses(
  instruction: Instruction,
  { tree, lines, index }: { tree: Dockerfile; lines: readonly string[]; index: number },
): Occurrence[] {
  const target = instruction.kind === "ONBUILD" ? instruction.trigger : instruction;
  return target.flags.flatMap((flag) => {
    if (flag.name !== "from" && flag.name !== "mount") return [];
    const { line, character } = flag.range.start;
    const text = (lines[line] ?? "").slice(character, flag.range.end.line === line ? flag.range.end.character : undefined);
    const match = (flag.name === "from" ? /^--from=["']?([\w.-]+)/ : /[=,]from=([\w.-]+)/).exec(text);
    const stage = match && stageCalled(tree, match[1]!, index);
    if (!match || !stage) return [];
    const start = character + match.index + match[0].length - match[1]!.length;
    return [stageOccurrence(stage, onLine(line, start, start + match[1]!.length), false)];
  });
}

/** Which scopes (-1 is before the first FROM) see the same variable. */
class Scopes {
  readonly #tree: Dockerfile;
  readonly #bases: readonly (number | undefined)[];
  readonly #defined: ReadonlyMap<number, ReadonlySet<string>>;

  constructor(tree: Dockerfile) {
    this.#tree = tree;
    this.#bases = tree.stages.map((stage) => stageCalled(tree, stage.from.image.text, stage.index)?.index);
    const names = (instructions: readonly Instruction[]): Set<string> =>
      new Set(instructions.flatMap((instruction) => (isVariables(instruction) ? instruction.pairs.map(({ key }) => key) : [])));
    const stages = tree.stages.map((stage) => [stage.index, names(stage.instructions)] as const);
    this.#defined = new Map([[-1, names(tree.globalArgs)], ...stages]);
  }

  /** The scope that the name of a scope belongs to: the outermost that is linked with it; undefined when nothing defines it. */
  root(name: string, scope: number): number | undefined {
    let at: number | undefined = scope;
    let root: number | undefined;
    for (const seen = new Set<number>(); at !== undefined && !seen.has(at); at = this.#bases[at]) {
      seen.add(at);
      if (!this.#has(at, name)) continue;
      root = at;
      if (at >= 0 && this.#has(-1, name) && declaresArg(this.#tree.stages[at]!, name)) return -1;
    }
    return root;
  }

  #has(scope: number, name: string): boolean {
    return this.#defined.get(scope)?.has(name) ?? false;
  }
}

function declaresArg(stage: Stage, name: string): boolean {
  return stage.instructions.some((instruction) => instruction.kind === "ARG" && instruction.pairs.some(({ key }) => key === name));
}

function isVariables(instruction: Instruction): instruction is Variables {
  return instruction.kind === "ARG" || instruction.kind === "ENV";
}

function variableNames(document: DockerfileDocument): Occurrence[] {
  const { tree } = document;
  const scopes = new Scopes(tree);
  const inScope = (instruction: Instruction, scope: number, useScope: number): Occurrence[] => [
    ...definitions(instruction, scope, scopes),
    ...variableUses(document, instruction).flatMap(({ name, range }) => {
      const root = scopes.root(name, useScope);
      return root === undefined ? [] : [variableOccurrence(name, range, { root, definition: false })];
    }),
  ];
  return [
    ...tree.globalArgs.flatMap((instruction) => inScope(instruction, -1, -1)),
    ...tree.stages.flatMap((stage) => [
      ...inScope(stage.from, stage.index, -1),
      ...stage.instructions.flatMap((instruction) => inScope(instruction, stage.index, stage.index)),
    ]),
  ];
}

function variableOccurrence(name: string, range: Range, { root, definition }: { root: number; definition: boolean }): Occurrence {
  return { kind: "variable", name, key: `variable ${root} ${name}`, range, definition };
}

function definitions(instruction: Instruction, scope: number, scopes: Scopes): Occurrence[] {
  if (!isVariables(instruction)) return [];
  return instruction.pairs.map(({ key, range: { start } }) => {
    const range = onLine(start.line, start.character, start.character + key.length);
    return variableOccurrence(key, range, { root: scopes.root(key, scope) ?? scope, definition: true });
  });
}

/** `$NAME` and `${NAME…}` of an instruction, comment lines left out; what follows a backslash is none. */
export function variableUses({ lines, tree }: DockerfileDocument, instruction: Instruction): { name: string; range: Range }[] {
  const uses: { name: string; range: Range }[] = [];
  for (let line = instruction.range.start.line; line <= instruction.range.end.line; line++) {
    const text = lines[line] ?? "";
    if (/^\s*#/.test(text) || !text.includes("$")) continue;
    const heredoc = instruction.heredocs.find(({ contentRange: { start, end } }) => start.line <= line && line <= end.line);
    if (heredoc && !heredoc.expand && instruction.kind !== "RUN") continue;
    for (const match of text.matchAll(/\$\{?([A-Za-z_]\w*)/g)) {
      if (text[match.index - 1] === tree.escape && text[match.index - 2] !== tree.escape) continue;
      const end = match.index + match[0].length;
      uses.push({ name: match[1]!, range: onLine(line, end - match[1]!.length, end) });
    }
  }
  return uses;
}

/** A variable as it is at some line: its value where that can be told, and the instruction that set it last. */
export interface Setting {
  readonly name: string;
  readonly value: string | undefined;
  readonly kind: "ARG" | "ENV";
  readonly line: number;
}

/** Everything that is set above a line, by name; a FROM line sees what stands before the first FROM. */
export function settingsAt(document: DockerfileDocument, line: number): Map<string, Setting> {
  const { tree } = document;
  const globals = settle(tree.globalArgs, { line, settings: new Map(), escape: tree.escape, globals: new Map() });
  const stage = tree.stages.findLast((one) => one.from.range.start.line <= line);
  if (!stage || (line >= stage.from.range.start.line && line <= stage.from.range.end.line)) return globals;
  return settingsIn(stage, { document, globals, line });
}

function settingsIn(
  stage: Stage,
  { document, globals, line }: { document: DockerfileDocument; globals: ReadonlyMap<string, Setting>; line: number },
): Map<string, Setting> {
  const base = stageCalled(document.tree, stage.from.image.text, stage.index);
  const settings = base ? settingsIn(base, { document, globals, line: Infinity }) : new Map<string, Setting>();
  return settle(stage.instructions, { line, settings, escape: document.tree.escape, globals });
}

function settle(
  instructions: readonly Instruction[],
  {
    line,
    settings,
    escape,
    globals,
  }: { line: number; settings: Map<string, Setting>; escape: "\\" | "`"; globals: ReadonlyMap<string, Setting> },
): Map<string, Setting> {
  for (const instruction of instructions) {
    if (instruction.range.start.line >= line) break;
    if (!isVariables(instruction)) continue;
    const known = new Map([...settings].flatMap(([name, { value }]) => (value === undefined ? [] : [[name, value] as const])));
    for (const { key, value, legacy, range } of instruction.pairs) {
      const result = value === undefined ? undefined : legacy ? { text: value } : expand(value, known, { escape });
      const text = result && "text" in result ? result.text : instruction.kind === "ARG" ? globals.get(key)?.value : undefined;
      if (instruction.kind === "ARG" && settings.get(key)?.kind === "ENV") continue;
      settings.set(key, { name: key, value: text, kind: instruction.kind as "ARG" | "ENV", line: range.start.line });
    }
  }
  return settings;
}
