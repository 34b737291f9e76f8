/**
 * One build: all stages that the target needs run at the same time, each step after the one before it; a step that reads
 * another stage waits for it. The first failure ends the others.
 */
import { randomBytes } from "node:crypto";
import type { Digest } from "../layers/snapshots.ts";
import { topLayer } from "../images/images.ts";
import { EngineError } from "../errors.ts";
import { ruleUrl } from "../syntax/dockerfile/checks/rules.ts";
import { parseDockerfile } from "../syntax/dockerfile/parse.ts";
import type { Instruction } from "../syntax/dockerfile/tree.ts";
import { Bases } from "./bases.ts";
import { StepError } from "./builder.ts";
import type { BuildRequest } from "./builder.ts";
import type { StepLayer } from "./cache.ts";
import { checkBuild } from "./checks.ts";
import { contextLayer } from "./context-layer.ts";
import { prepareCopy, prepareWorkdir } from "./copy.ts";
import { evaluate } from "./evaluate.ts";
import { atPlace, neededStages, refuseProblems, unusedArgs } from "./graph.ts";
import type { Graph, GraphStage, Source } from "./graph.ts";
import type { Operation } from "./operation.ts";
import type { Reasons } from "./reasons.ts";
import type { Reporter } from "./reporter.ts";
import type { Prepared, Rooms, StepScope } from "./rooms.ts";
import { prepareRun } from "./run.ts";
import type { Slots } from "./slots.ts";
import { advanced, chainOf, imageIdOf, imageResult, inheritedResult, scratchResult, toImageConfig } from "./stage-result.ts";
import type { StageResult } from "./stage-result.ts";
import { listSteps, stepId } from "./step-list.ts";
import type { Trees } from "./trees.ts";

export interface BuildParts {
  readonly id: string;
  readonly rooms: Rooms;
  readonly request: BuildRequest;
  readonly graph: Graph;
  readonly trees: Trees;
  readonly reporter: Reporter;
  readonly reasons: Reasons;
  readonly slots: Slots;
  readonly signal: AbortSignal;
}

interface Step {
  readonly id: string;
  readonly instruction: Instruction;
}

export class Build {
  readonly #parts: BuildParts;
  readonly #failure = new AbortController();
  readonly #signal: AbortSignal;
  readonly #bases: Bases;
  readonly #stages = new Map<number, Promise<StageResult>>();
  /** Triggers that the plan knows. */
  readonly #triggers = new Map<number, readonly Instruction[]>();

  constructor(parts: BuildParts) {
    this.#parts = parts;
    this.#signal = AbortSignal.any([parts.signal, this.#failure.signal]);
    this.#bases = new Bases(parts.rooms.images, parts.request, this.#signal);
  }

  /** Runs everything and makes the image. All work has ended when the promise settles. */
  async run(): Promise<Digest> {
    const { graph, request, reporter } = this.#parts;
    await this.#findTriggers();
    const stages = neededStages(graph, this.#triggers);
    await this.#warn(stages);
    reporter.plan(listSteps(graph, this.#triggers, request.labels));
    for (const index of graph.dockerfile.globalArgs.keys()) await this.#endAtOnce(`global.${index}`, { cached: false });
    try {
      for (const stage of stages) this.#stage(stage.index).catch(() => undefined);
      const result = await this.#stage(graph.target.index);
      this.#signal.throwIfAborted();
      return await this.#create(result);
    } catch (error) {
      this.#failure.abort(error);
      await Promise.allSettled(this.#stages.values());
      throw error;
    }
  }

  /** ONBUILD triggers of bases that need no pull are part of the plan from the start. */
  async #findTriggers(): Promise<void> {
    for (const stage of this.#parts.graph.stages) {
      const expressions = await this.#onBuildOf(stage.base);
      const triggers = expressions.map((expression) => parseTrigger(expression, stage));
      if (triggers.length > 0) this.#triggers.set(stage.index, triggers);
    }
  }

  async #onBuildOf(base: Source): Promise<readonly string[]> {
    const { graph, rooms } = this.#parts;
    if (base.kind === "image") return (await rooms.images.find(base.reference))?.config.config?.OnBuild ?? [];
    if (base.kind !== "stage") return [];
    const { instructions } = graph.stages[base.index]!.stage;
    return instructions.flatMap((instruction) => (instruction.kind === "ONBUILD" ? [instruction.expression] : []));
  }

  /** @throws {EngineError} invalid when the Dockerfile asks for findings of the checks to fail the build */
  async #warn(stages: readonly GraphStage[]): Promise<void> {
    const { graph, reporter, trees, rooms } = this.#parts;
    const { findings, asError } = await checkBuild(graph, trees, rooms.images);
    for (const { rule, message, range } of findings) {
      reporter.warn({ message, check: rule, url: ruleUrl(rule), range: { startLine: range.start.line + 1, endLine: range.end.line + 1 } });
    }
    const unused = unusedArgs(graph, stages);
    if (unused.length > 0) reporter.warn({ message: `One or more build-args [${unused.join(" ")}] were not consumed` });
    if (!asError || findings.length === 0) return;
    const names = [...new Set(findings.map(({ rule }) => rule))].toSorted();
    throw new EngineError("invalid", `lint violation found for rules: ${names.join(", ")}`);
  }

  async #endAtOnce(step: string, { cached, imageId }: { cached: boolean; imageId?: Digest }): Promise<void> {
    const { reporter } = this.#parts;
    reporter.start(step, cached || !imageId ? undefined : newContainerId());
    await reporter.end(step, { cached, addedBytes: 0, ...(imageId ? { imageId } : {}) });
  }

  /** An instruction that only changes the configuration: nothing runs, but it may be new. */
  #endSetting(stage: GraphStage, step: Step, after: StageResult): Promise<void> {
    const { reasons } = this.#parts;
    const inputs = { instruction: step.instruction.original.trim(), parent: chainOf(after), values: {} };
    reasons.note(stage.label, inputs);
    const cached = !this.#ignoresCache(stage) && reasons.had(stage.label, inputs);
    return this.#endAtOnce(step.id, { cached, imageId: imageIdOf(after) });
  }

  async #create(result: StageResult): Promise<Digest> {
    const { rooms, request } = this.#parts;
    const config = toImageConfig(result, request.labels);
    const image = await rooms.images.create(
      config,
      result.layers.map((layer) => layer.descriptor),
      [...request.tags],
    );
    if (Object.keys(request.labels).length > 0) await this.#endAtOnce("labels", { cached: false, imageId: image.id });
    return image.id;
  }

  #stage(index: number): Promise<StageResult> {
    let result = this.#stages.get(index);
    if (!result) {
      result = this.#runStage(this.#parts.graph.stages[index]!);
      this.#stages.set(index, result);
      result.catch((error: unknown) => this.#failure.abort(error));
    }
    return result;
  }

  async #runStage(stage: GraphStage): Promise<StageResult> {
    const { graph, reporter, request } = this.#parts;
    const begun = await this.#begin(stage);
    const { triggers } = begun;
    let { result } = begun;
    if (triggers.length > 0 && !this.#triggers.has(stage.index)) {
      this.#triggers.set(stage.index, triggers);
      reporter.plan(listSteps(graph, this.#triggers, request.labels));
    }
    const steps: Step[] = [
      ...triggers.map((instruction, index) => ({ id: stepId(stage.index, `trigger-${index}`), instruction })),
      ...stage.stage.instructions.map((instruction, index) => ({ id: stepId(stage.index, index), instruction })),
    ];
    for (const step of steps) result = await this.#runStep(stage, step, result);
    return result;
  }

  async #begin(stage: GraphStage): Promise<{ result: StageResult; triggers: Instruction[] }> {
    const { reporter } = this.#parts;
    const step = stepId(stage.index, "from");
    const waited = stage.base.kind === "stage" ? await this.#stage(stage.base.index) : undefined;
    this.#signal.throwIfAborted();
    reporter.start(step);
    try {
      const { result, onBuild } = waited
        ? { result: inheritedResult(waited), onBuild: waited.state.config.OnBuild ?? [] }
        : await this.#base(stage, step);
      await reporter.end(step, { cached: true, addedBytes: 0, imageId: imageIdOf(result), chainId: chainOf(result) });
      return { result, triggers: onBuild.map((expression) => parseTrigger(expression, stage)) };
    } catch (error) {
      throw await this.#failed(step, error);
    }
  }

  async #base(stage: GraphStage, step: string): Promise<{ result: StageResult; onBuild: readonly string[] }> {
    const { base, platform } = stage;
    const named = base.kind === "context" ? this.#parts.request.contexts![base.name]! : undefined;
    if (base.kind === "image" || (named && "image" in named)) {
      const reference = base.kind === "image" ? base.reference : (named as { image: string }).image;
      const image = await this.#image(reference, stage, step);
      return { result: imageResult(image, platform), onBuild: image.config.config?.OnBuild ?? [] };
    }
    const empty = scratchResult(platform);
    if (base.kind !== "context") return { result: empty, onBuild: [] };
    const layer = await contextLayer(await this.#parts.trees.named(base.name), { rooms: this.#parts.rooms, signal: this.#signal });
    const { blob, diffId, chainId } = layer;
    return { result: { ...empty, layers: [{ descriptor: blob, diffId, chainId }] }, onBuild: [] };
  }

  #image(reference: string, stage: GraphStage, step: string): ReturnType<Bases["image"]> {
    const explicit = this.#parts.request.platform !== undefined || stage.stage.from.platform !== undefined;
    return this.#bases.image(reference, stage.platform, { explicit, progress: (message) => this.#parts.reporter.pull(step, message) });
  }

  async #runStep(stage: GraphStage, step: Step, before: StageResult): Promise<StageResult> {
    this.#signal.throwIfAborted();
    try {
      const { state, operation } = evaluate(before.state, step.instruction, { graph: this.#parts.graph, stage });
      if (operation) return advanced(before, state, await this.#perform(stage, step, { operation, before, state }));
      const after = advanced(before, state, undefined);
      await this.#endSetting(stage, step, after);
      return after;
    } catch (error) {
      throw await this.#failed(step.id, error);
    }
  }

  async #perform(
    stage: GraphStage,
    step: Step,
    { operation, before, state }: { operation: Operation; before: StageResult; state: StageResult["state"] },
  ): Promise<StepLayer> {
    const { reporter, reasons, rooms } = this.#parts;
    const prepared = await this.#prepare(operation, step, this.#scope(stage, step, before));
    reporter.key(step.id, prepared.key);
    reasons.note(stage.label, prepared.inputs);
    const useCache = !this.#ignoresCache(stage);
    const cached = useCache ? await rooms.cache.get(prepared.key) : undefined;
    reporter.start(step.id, cached ? undefined : prepared.containerId);
    const reason = cached ? undefined : await this.#reason(stage, prepared, useCache);
    const layer = cached ?? (await this.#make(prepared, step, useCache));
    const after = advanced(before, state, layer);
    await reporter.end(step.id, {
      cached: cached !== undefined,
      addedBytes: cached ? 0 : layer.sizeBytes,
      imageId: imageIdOf(after),
      chainId: layer.chainId,
      ...(reason === undefined ? {} : { reason }),
    });
    return layer;
  }

  #ignoresCache(stage: GraphStage): boolean {
    const { noCache, noCacheStages } = this.#parts.request;
    return noCache || noCacheStages?.includes(stage.label) === true;
  }

  async #reason(stage: GraphStage, prepared: Prepared, useCache: boolean): Promise<string | undefined> {
    const { reasons } = this.#parts;
    const reason = await reasons.explain(stage.label, prepared.inputs, prepared.manifest);
    if (prepared.manifest) await reasons.keep(prepared.inputs, prepared.manifest);
    return useCache ? reason : "the cache is switched off";
  }

  /** Makes the layer, unless another build is making the same one. */
  async #make(prepared: Prepared, step: Step, useCache: boolean): Promise<StepLayer> {
    const { rooms, slots } = this.#parts;
    for (;;) {
      const result = await rooms.cache.alone(prepared.key, () => slots.run(prepared.run, this.#signal));
      this.#signal.throwIfAborted();
      if (result !== "waited") {
        await rooms.cache.put(prepared.key, result.done, step.instruction.original.trim());
        return result.done;
      }
      const made = useCache ? await rooms.cache.get(prepared.key) : undefined;
      if (made) return made;
    }
  }

  #prepare(operation: Operation, step: Step, scope: StepScope): Promise<Prepared> {
    const instruction = step.instruction.original.trim();
    if (operation.kind === "run") return prepareRun(operation, instruction, scope);
    return operation.kind === "copy" ? prepareCopy(operation, instruction, scope) : prepareWorkdir(operation, instruction, scope);
  }

  #scope(stage: GraphStage, step: Step, before: StageResult): StepScope {
    const { rooms, request, trees, id, reporter } = this.#parts;
    return {
      rooms,
      request,
      trees,
      buildId: id,
      stepId: step.id,
      stage,
      parent: chainOf(before),
      signal: this.#signal,
      resolve: (source) => this.#resolve(source, stage, step.id),
      onOutput: (stream, data) => reporter.log(step.id, stream, data),
    };
  }

  async #resolve(source: Source, stage: GraphStage, step: string): Promise<{ chainId: Digest | null } | { context: string }> {
    if (source.kind === "scratch") return { chainId: null };
    if (source.kind === "stage") return { chainId: chainOf(await this.#stage(source.index)) };
    if (source.kind === "image") return { chainId: topLayer(await this.#image(source.reference, stage, step)) };
    const named = this.#parts.request.contexts![source.name]!;
    if ("dir" in named) return { context: source.name };
    return { chainId: topLayer(await this.#image(named.image, stage, step)) };
  }

  /** The error as it leaves the build: an abort stays what it is, anything else names the step. */
  async #failed(step: string, error: unknown): Promise<unknown> {
    const { reporter } = this.#parts;
    if (this.#signal.aborted && error === this.#signal.reason) return error;
    const failure = error instanceof EngineError ? error : toStepError(step, error);
    reporter.start(step);
    await reporter.fail(step, failure.message, failure instanceof StepError ? failure.snapshot : undefined);
    return failure;
  }
}

/** What the classic output calls the container of a step. */
function newContainerId(): string {
  return randomBytes(32).toString("hex");
}

function toStepError(step: string, error: unknown): StepError {
  return new StepError(error instanceof Error ? error.message : String(error), { step, cause: error });
}

/** An ONBUILD trigger of the base, as if it stood right after the FROM. */
function parseTrigger(expression: string, stage: GraphStage): Instruction {
  const dockerfile = parseDockerfile(`FROM scratch\n${expression}`);
  refuseProblems(dockerfile);
  const [trigger, ...more] = dockerfile.stages[0]!.instructions;
  if (!trigger || more.length > 0) throw atPlace("onbuild trigger should be a single expression", stage.stage.from.range);
  return { ...trigger, range: stage.stage.from.range };
}
