/** The steps of a build as they are announced: names as BuildKit gives them, one step an instruction. Pure. */
import type { Instruction, Range } from "../syntax/dockerfile/tree.ts";
import type { BuildStep, SourceRange } from "./builder.ts";
import type { Graph, GraphStage, Source } from "./graph.ts";
import { neededStages, sourcesOf } from "./graph.ts";

/** Unique in a build. */
export function stepId(stage: number, index: number | string): string {
  return `${stage}.${index}`;
}

export interface Step {
  readonly id: string;
  readonly instruction: Instruction;
}

/** What a stage does after its FROM, in order. */
export function stepsOf(stage: GraphStage, triggers: readonly Instruction[]): Step[] {
  return [
    ...triggers.map((instruction, index) => ({ id: stepId(stage.index, `trigger-${index}`), instruction })),
    ...stage.stage.instructions.map((instruction, index) => ({ id: stepId(stage.index, index), instruction })),
  ];
}

/** ONBUILD triggers by the index of the stage that they run in. */
export type Triggers = ReadonlyMap<number, readonly Instruction[]>;

/** Steps before the first FROM, in stages that the target needs, and of `--label`. */
export function listSteps(graph: Graph, triggers: Triggers, labels: Readonly<Record<string, string>>): BuildStep[] {
  const globals = graph.dockerfile.globalArgs.map((instruction, index): BuildStep => ({
    id: `global.${index}`,
    name: "",
    instruction: instruction.original.trim(),
    kind: "arg",
    stage: null,
    inputs: [],
    range: toRange(instruction.range),
  }));
  const stages = neededStages(graph, triggers).flatMap((stage) => stageSteps(graph, stage, triggers.get(stage.index) ?? []));
  return [...globals, ...stages, ...labelSteps(graph.target, labels)];
}

/** The classic builder shows labels of the command line as one more instruction. */
function labelSteps(target: GraphStage, labels: Readonly<Record<string, string>>): BuildStep[] {
  const entries = Object.entries(labels);
  if (entries.length === 0) return [];
  const instruction = `LABEL ${entries.map(([key, value]) => `${key}=${value}`).join(" ")}`;
  return [{ id: "labels", name: "", instruction, kind: "config", stage: String(target.stage.name ?? target.index), inputs: [] }];
}

function stageSteps(graph: Graph, stage: GraphStage, triggers: readonly Instruction[]): BuildStep[] {
  const { from } = stage.stage;
  const instructions = [...triggers, ...stage.stage.instructions];
  const hasBaseLine = stage.base.kind === "image" || stage.base.kind === "context";
  const total = instructions.filter(isShown).length + (hasBaseLine ? 1 : 0);
  let number = hasBaseLine ? 1 : 0;
  const first: BuildStep = {
    id: stepId(stage.index, "from"),
    name: hasBaseLine ? `${prefix(graph, stage, number, total)}FROM ${baseName(stage.base)}` : "",
    instruction: from.original.trim(),
    kind: "from",
    stage: stageName(stage),
    inputs: stage.base.kind === "stage" ? [lastStep(graph, stage.base.index)] : [],
    range: toRange(from.range),
  };
  const steps = [first];
  for (const [index, instruction] of instructions.entries()) {
    const isTrigger = index < triggers.length;
    const shown = isShown(instruction) ? `${prefix(graph, stage, ++number, total)}${isTrigger ? "ONBUILD " : ""}${title(instruction)}` : "";
    const id = stepId(stage.index, isTrigger ? `trigger-${index}` : index - triggers.length);
    steps.push(toStep(graph, stage, { instruction, id, name: shown, previous: steps.at(-1)!.id }));
  }
  return steps;
}

function toStep(
  graph: Graph,
  stage: GraphStage,
  { instruction, id, name, previous }: { instruction: Instruction; id: string; name: string; previous: string },
): BuildStep {
  const others = sourcesOf(instruction, { graph, stage }).flatMap((source) =>
    source.kind === "stage" ? [lastStep(graph, source.index)] : [],
  );
  return {
    id,
    name,
    instruction: instruction.original.trim(),
    kind: kindOf(instruction),
    stage: stageName(stage),
    inputs: [previous, ...others],
    range: toRange(instruction.range),
  };
}

function lastStep(graph: Graph, stage: number): string {
  const count = graph.stages[stage]!.stage.instructions.length;
  return stepId(stage, count === 0 ? "from" : count - 1);
}

function stageName(stage: GraphStage): string {
  return stage.stage.name ?? String(stage.index);
}

function prefix(graph: Graph, stage: GraphStage, number: number, total: number): string {
  const label = graph.stages.length > 1 ? `${stage.label} ` : "";
  return `[${label}${String(number).padStart(String(total).length)}/${total}] `;
}

/** As the output names it; "" for a stage and for nothing. */
export function baseName(base: Source): string {
  if (base.kind === "image") return base.reference;
  return base.kind === "context" ? base.name : "";
}

/** The instruction with its keyword in capitals and, after a heredoc, the first line of it. */
function title(instruction: Instruction): string {
  const text = instruction.original.trim().replace(/^\S+/, (word) => word.toUpperCase());
  const [heredoc] = instruction.heredocs;
  if (!heredoc || instruction.kind !== "RUN") return text;
  const [line, ...more] = heredoc.content.trim().split("\n");
  return `${text} (${line}${more.length > 0 ? "..." : ""})`;
}

function isShown(instruction: Instruction): boolean {
  const kind = kindOf(instruction);
  return kind === "run" || kind === "copy" || kind === "workdir";
}

function kindOf(instruction: Instruction): BuildStep["kind"] {
  switch (instruction.kind) {
    case "RUN":
      return "run";
    case "COPY":
    case "ADD":
      return "copy";
    case "WORKDIR":
      return "workdir";
    default:
      return "config";
  }
}

function toRange(range: Range): SourceRange {
  return { startLine: range.start.line + 1, endLine: range.end.line + 1 };
}
