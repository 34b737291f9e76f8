/**
 * Dockerfile + arguments → the stages that the target needs, and what each begins with. Pure.
 *
 *     FROM a AS x ─┐
 *     FROM b       │   not needed: left out
 *     FROM x AS y ←┤
 *     FROM c ──────┴← COPY --from=y: the target, last unless --target says otherwise
 */
import { EngineError } from "../errors.ts";
import type { Platform } from "../images/images.ts";
import { parsePlatform } from "../images/platform.ts";
import { expand } from "../syntax/dockerfile/expand.ts";
import { parseMount } from "../syntax/dockerfile/mount.ts";
import { problemSentence, withSuggestion } from "../syntax/dockerfile/problems.ts";
import type { Dockerfile, Instruction, Range, Stage } from "../syntax/dockerfile/tree.ts";
import { platformArgs } from "./platform.ts";

export interface GraphOptions {
  readonly target?: string;
  readonly buildArgs: Readonly<Record<string, string | null>>;
  readonly platform: Platform;
  readonly buildPlatform: Platform;
  /** Names of `--build-context`; they stand for what a FROM or `--from` would find under the name. */
  readonly contexts: ReadonlySet<string>;
}

/** Where a stage begins, or what `--from` names. */
export type Source =
  | { readonly kind: "scratch" }
  | { readonly kind: "stage"; readonly index: number }
  | { readonly kind: "image"; readonly reference: string; readonly platform: Platform }
  | { readonly kind: "context"; readonly name: string };

export interface GraphStage {
  readonly index: number;
  /** As the output names it: the AS name, else `stage-0`. */
  readonly label: string;
  readonly stage: Stage;
  readonly base: Source;
  readonly platform: Platform;
}

export interface Graph {
  readonly dockerfile: Dockerfile;
  /** All stages; those that are not needed too. */
  readonly stages: readonly GraphStage[];
  readonly target: GraphStage;
  /** Global ARGs and the predefined platform arguments. */
  readonly globalArgs: ReadonlyMap<string, string>;
  readonly options: GraphOptions;
}

/** The first error of the Dockerfile as it is reported to a person, thrown. */
export function refuseProblems(dockerfile: Dockerfile): void {
  const problem = dockerfile.problems.find(({ severity }) => severity === "error");
  if (problem) throw new EngineError("invalid", problemSentence(problem));
}

/** An error of the builder that belongs to a place in the Dockerfile. */
export function atPlace(message: string, range: Range): EngineError {
  return new EngineError("invalid", problemSentence({ message, range }));
}

/** @throws {EngineError} invalid with the line for a problem, or when the target does not exist */
export function planStages(dockerfile: Dockerfile, options: GraphOptions): Graph {
  refuseProblems(dockerfile);
  const globalArgs = readGlobalArgs(dockerfile, options);
  const stages: GraphStage[] = [];
  for (const stage of dockerfile.stages) stages.push(planStage(stage, { stages, globalArgs, dockerfile, options }));
  return { dockerfile, stages, target: findTarget(stages, options.target), globalArgs, options };
}

function readGlobalArgs(dockerfile: Dockerfile, options: GraphOptions): Map<string, string> {
  const args = new Map(platformArgs(options.platform, options.buildPlatform));
  for (const name of args.keys()) args.set(name, options.buildArgs[name] ?? args.get(name)!);
  for (const instruction of dockerfile.globalArgs) {
    for (const { key, value, range } of instruction.pairs) {
      const given = options.buildArgs[key];
      if (given != null) args.set(key, given);
      else if (value !== undefined) args.set(key, expandWord(value, args, { dockerfile, range }));
    }
  }
  return args;
}

/** Expands one word. @throws {EngineError} invalid with the line */
export function expandWord(word: string, env: ReadonlyMap<string, string>, place: { dockerfile: Dockerfile; range: Range }): string {
  const result = expand(word, env, { escape: place.dockerfile.escape });
  if ("message" in result) throw atPlace(result.message, place.range);
  return result.text;
}

interface Scope {
  readonly stages: readonly GraphStage[];
  readonly globalArgs: ReadonlyMap<string, string>;
  readonly dockerfile: Dockerfile;
  readonly options: GraphOptions;
}

function planStage(stage: Stage, scope: Scope): GraphStage {
  const { from } = stage;
  const place = { dockerfile: scope.dockerfile, range: from.range };
  const name = expandWord(from.image.text, scope.globalArgs, place);
  if (name === "") throw atPlace(`base name (${from.image.text}) should not be blank`, from.range);
  const platform = from.platform === undefined ? undefined : expandWord(from.platform, scope.globalArgs, place);
  if (platform === "") throw atPlace(`empty platform value from expression ${from.platform}`, from.range);
  const target = platform === undefined ? scope.options.platform : parsePlatform(platform);
  return {
    index: stage.index,
    label: stage.name ?? `stage-${stage.index}`,
    stage,
    platform: target,
    base: findSource(name, { stages: scope.stages, contexts: scope.options.contexts, platform: target }),
  };
}

/** What a FROM or `--from` means by `name`, among the stages before it. */
export function findSource(
  name: string,
  scope: { stages: readonly GraphStage[]; contexts: ReadonlySet<string>; platform: Platform; numbers?: boolean },
): Source {
  const stage = scope.stages.findLast((candidate) => candidate.stage.name === name.toLowerCase());
  if (stage) return { kind: "stage", index: stage.index };
  if (scope.numbers === true && /^\d+$/.test(name)) {
    if (Number(name) >= scope.stages.length) throw new EngineError("invalid", `invalid stage index ${name}`);
    return { kind: "stage", index: Number(name) };
  }
  if (scope.contexts.has(name)) return { kind: "context", name };
  return name === "scratch" ? { kind: "scratch" } : { kind: "image", reference: name, platform: scope.platform };
}

function findTarget(stages: readonly GraphStage[], target: string | undefined): GraphStage {
  if (target === undefined || target === "") return stages.at(-1)!;
  const named = stages.findLast((stage) => stage.stage.name === target.toLowerCase());
  const found = named ?? (/^\d+$/.test(target) ? stages[Number(target)] : undefined);
  if (found) return found;
  const names = stages.flatMap((stage) => stage.stage.name ?? []);
  throw new EngineError("invalid", withSuggestion(`target stage ${JSON.stringify(target)} could not be found`, target, names));
}

/** What an instruction reads besides the stage itself: the `--from` of COPY and of RUN's mounts. */
export function sourcesOf(instruction: Instruction, scope: { graph: Graph; stage: GraphStage }): Source[] {
  return namesOf(instruction).map((name) => resolveFrom(name, { ...scope, range: instruction.range }));
}

/** @throws {EngineError} invalid with the line for a stage that comes later */
export function resolveFrom(name: string, { graph, stage, range }: { graph: Graph; stage: GraphStage; range: Range }): Source {
  if (/\$./.test(name)) {
    throw atPlace(
      "variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround",
      range,
    );
  }
  const before = graph.stages.slice(0, stage.index);
  const later = graph.stages.slice(stage.index).find((candidate) => candidate.stage.name === name.toLowerCase());
  const known = before.some((candidate) => candidate.stage.name === name.toLowerCase());
  if (later && !known && later.index !== stage.index) {
    throw atPlace(
      `cannot copy from stage ${JSON.stringify(name)}, it needs to be defined before current stage ${JSON.stringify(stage.label)}`,
      range,
    );
  }
  if (later && !known) throw atPlace(`circular dependency detected on stage: ${stage.label}`, range);
  return findSource(name, { stages: before, contexts: graph.options.contexts, platform: stage.platform, numbers: true });
}

function namesOf(instruction: Instruction): string[] {
  if (instruction.kind === "COPY") return instruction.from ? [instruction.from.value!] : [];
  if (instruction.kind !== "RUN") return [];
  return instruction.mounts.flatMap((flag) => {
    const mount = parseMount(flag.value!);
    return "message" in mount || mount.from === undefined ? [] : [mount.from];
  });
}

/** The stages that `stage` needs, itself included, in the order of the file. `triggers` are ONBUILD's, by stage. */
export function neededStages(graph: Graph, triggers: ReadonlyMap<number, readonly Instruction[]> = new Map()): GraphStage[] {
  const needed = new Set<number>();
  const visit = (index: number): void => {
    if (needed.has(index)) return;
    needed.add(index);
    const stage = graph.stages[index]!;
    const instructions = [...(triggers.get(index) ?? []), ...stage.stage.instructions];
    const sources = [stage.base, ...instructions.flatMap((instruction) => sourcesOf(instruction, { graph, stage }))];
    for (const source of sources) if (source.kind === "stage") visit(source.index);
  };
  visit(graph.target.index);
  return graph.stages.filter(({ index }) => needed.has(index));
}

const predefined = /^(?:(?:https?|ftp|no|all)_proxy|HTTPS?_PROXY|FTP_PROXY|NO_PROXY|ALL_PROXY|BUILDKIT_\w+|SOURCE_DATE_EPOCH)$/;

/** Build arguments that no ARG of the needed stages declares, sorted. */
export function unusedArgs(graph: Graph, stages: readonly GraphStage[]): string[] {
  const declared = new Set(platformArgs(graph.options.platform, graph.options.buildPlatform).map(([name]) => name));
  const instructions = [...graph.dockerfile.globalArgs, ...stages.flatMap(({ stage }) => stage.instructions)];
  for (const instruction of instructions) {
    if (instruction.kind === "ARG") for (const { key } of instruction.pairs) declared.add(key);
  }
  return Object.keys(graph.options.buildArgs)
    .filter((name) => !declared.has(name) && !predefined.test(name))
    .toSorted();
}
