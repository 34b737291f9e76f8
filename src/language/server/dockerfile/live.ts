/** Builds beside the text: hints after instructions, why a step ran, and lenses that build and look into steps. */
import type { CodeLens, Hover, InlayHint, Position } from "vscode-languageserver";
import { keywordOf } from "../../../../engine/syntax/dockerfile/problems.ts";
import type { Instruction } from "../../../../engine/syntax/dockerfile/tree.ts";
import type { Results, StepResult } from "../build-results.ts";
import { humanBytes, humanDuration } from "../numbers.ts";
import { touches } from "../positions.ts";
import type { DockerfileDocument } from "./document.ts";
import { t } from "../words.ts";

/** Arguments of the lenses' commands. */
export interface StepTarget {
  readonly uri: string;
  /** `0.from`, `0.3`. */
  readonly step: string;
  /** Last line of the instruction, from 0. */
  readonly line: number;
  /** Name of the stage, else its index. */
  readonly stage: string;
  /** On a FROM: it begins the stage that a build of the whole file is about. */
  readonly lastStage?: boolean;
  /** The record that knows this very text; without one it has to be built first. */
  readonly build?: string;
}

interface PlacedStep {
  readonly id: string;
  readonly stage: string;
  readonly instruction: Instruction;
}

function steps({ tree }: DockerfileDocument): PlacedStep[] {
  return tree.stages.flatMap(({ index, name, from, instructions }) => [
    { id: `${index}.from`, stage: name ?? String(index), instruction: from },
    ...instructions.map((instruction, at) => ({ id: `${index}.${at}`, stage: name ?? String(index), instruction })),
  ]);
}

/** `CACHED · 0.2 s · +41 MB` after each instruction that did something. */
export function resultInlays(document: DockerfileDocument, results: Results): InlayHint[] {
  return steps(document).flatMap(({ id, instruction }) => {
    const result = results.get(id);
    const label = result && resultLabel(result);
    if (!label) return [];
    return [
      { position: instruction.range.end, label, paddingLeft: true, tooltip: { kind: "markdown" as const, value: resultText(result) } },
    ];
  });
}

/** undefined for what takes no time: settings, and steps that were not reached. */
export function resultLabel({ step, running }: StepResult): string | undefined {
  if (running) return t("building…");
  if (step.startedMs === undefined && !step.cached) return undefined;
  const durationMs = duration(step);
  const size = step.addedBytes > 0 ? `+${humanBytes(step.addedBytes)}` : undefined;
  if (step.error !== undefined) return parts([t("FAILED"), humanDuration(durationMs)]);
  if (step.kind === "config" || step.kind === "arg") return undefined;
  return parts([step.cached ? t("CACHED") : undefined, step.cached && durationMs < 50 ? undefined : humanDuration(durationMs), size]);
}

const parts = (list: readonly (string | undefined)[]): string | undefined => list.filter(Boolean).join(" · ") || undefined;

const duration = ({ startedMs, endedMs }: StepResult["step"]): number => Math.max(0, (endedMs ?? 0) - (startedMs ?? endedMs ?? 0));

/** Why a step ran, in sentences. */
export function resultText({ step, running }: StepResult): string {
  if (running) return t("It runs now.");
  if (step.error !== undefined) return `**${t("It failed")}**\n\n\`\`\`\n${step.error}\n\`\`\``;
  if (step.cached) return t("**From the cache:** nothing that it depends on has changed since it ran.");
  return `${t("**Why did this step rebuild?**")} ${step.reason ?? t("No earlier build of it is known")}.`;
}

/** On an instruction's name: its documentation is told by `hover`, this tells what the last build made of it. */
export function resultHover(document: DockerfileDocument, position: Position, results: Results): string | undefined {
  const found = steps(document).find(({ instruction }) => touches(instruction.nameRange, position));
  const result = found && results.get(found.id);
  if (!result || (result.step.startedMs === undefined && !result.step.cached)) return undefined;
  const label = resultLabel(result);
  return [...(label === undefined ? [] : [t("Last build: {0}", `\`${label}\``)]), resultText(result)].join("\n\n");
}

/** The hover with what the last build says on top. */
export function withResult(hover: Hover | undefined, text: string | undefined): Hover | undefined {
  if (text === undefined || !hover || typeof hover.contents !== "object" || !("value" in hover.contents)) return hover;
  return { ...hover, contents: { kind: "markdown", value: `${text}\n\n---\n\n${hover.contents.value}` } };
}

const working: ReadonlySet<string> = new Set(["RUN", "COPY", "ADD"]);

/** Build, Build to Here, Open Shell Here and Browse Files Here. */
export function lenses(document: DockerfileDocument, uri: string, results: Results): CodeLens[] {
  return steps(document).flatMap(({ id, stage, instruction }) => {
    const isFrom = instruction.kind === "FROM";
    if (!isFrom && !working.has(keywordOf(instruction.name) ?? "")) return [];
    const result = results.get(id);
    const reached = result && !result.running && result.step.chainId !== undefined;
    const target: StepTarget = { uri, step: id, stage, line: instruction.range.end.line, ...(reached && { build: result.build }) };
    const lens = (title: string, command: string, more: Partial<StepTarget> = {}): CodeLens => ({
      range: instruction.nameRange,
      command: { title, command: `berth.language.${command}`, arguments: [{ ...target, ...more }] },
    });
    const own = isFrom ? document.tree.stages.find(({ from }) => from === instruction) : undefined;
    const first = own
      ? lens(`$(package) ${t("Build")}`, "build", { line: own.range.end.line, lastStage: own.index === document.tree.stages.length - 1 })
      : lens(t("Build to Here"), "buildTo");
    return [first, lens(t("Open Shell Here"), "shell"), lens(t("Browse Files Here"), "files")];
  });
}
