/**
 * One build: all stages that the target needs run at the same time, each step after the one before it; a step that reads
 * another stage waits for it. The first failure ends the others.
 */
import { randomBytes } from "node:crypto";
import type { JsonMessage } from "../api/types/image.ts";
import type { Digest } from "../layers/snapshots.ts";
import { topLayer } from "../images/images.ts";
import { EngineError } from "../errors.ts";
import type { Instruction } from "../syntax/dockerfile/tree.ts";
import { Bases } from "./bases.ts";
import { StepError } from "./builder.ts";
import { isOn } from "./build-args.ts";
import type { BuildCause, BuildRequest, BuiltImage } from "./builder.ts";
import type { StepLayer } from "./cache.ts";
import { INLINE_CACHE, writeInline } from "./cache-config.ts";
import type { CachedResult } from "./cache-config.ts";
import { exportCache } from "./cache-export.ts";
import { ImportedCache } from "./cache-import.ts";
import { checkBuild, toWarning } from "./checks.ts";
import { contextLayer } from "./context-layer.ts";
import { epochOf } from "./epoch.ts";
import { explained } from "./full-disk.ts";
import { evaluate } from "./evaluate.ts";
import { neededStages, unusedArgs } from "./graph.ts";
import type { Graph, GraphStage, Source } from "./graph.ts";
import type { Evaluated, Operation } from "./operation.ts";
import type { Reasons } from "./reasons.ts";
import type { Reporter } from "./reporter.ts";
import type { Prepared, Rooms, StepScope } from "./rooms.ts";
import { prepareStep } from "./prepare.ts";
import { provenanceOf } from "./provenance.ts";
import type { Slots } from "./slots.ts";
import { advanced, chainOf, imageIdOf, imageResult, inheritedResult, scratchResult, toImageConfig } from "./stage-result.ts";
import type { StageResult } from "./stage-result.ts";
import { sceneOf } from "./scene.ts";
import { baseName, listSteps, stepId, stepsOf } from "./step-list.ts";
import type { Step } from "./step-list.ts";
import { Trail } from "./trail.ts";
import type { Trees } from "./trees.ts";
import { findTriggers, parseTrigger } from "./triggers.ts";

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
  /** Of the Dockerfile. */
  readonly name: string;
  readonly text: string;
}

export class Build {
  readonly #parts: BuildParts;
  readonly #failure = new AbortController();
  readonly #signal: AbortSignal;
  readonly #bases: Bases;
  readonly #stages = new Map<number, Promise<StageResult>>();
  readonly #imported: ImportedCache;
  readonly #results: CachedResult[] = [];
  readonly #trail = new Trail();
  /** Triggers that the plan knows. */
  readonly #triggers = new Map<number, readonly Instruction[]>();

  constructor(parts: BuildParts) {
    this.#parts = parts;
    this.#signal = AbortSignal.any([parts.signal, this.#failure.signal]);
    this.#bases = new Bases(parts.rooms.images, parts.request, this.#signal);
    this.#imported = new ImportedCache(parts.rooms, {
      signal: this.#signal,
      warn: (message) => parts.reporter.warn({ type: "warning", message }),
    });
  }

  /** Runs everything and makes the image. All work has ended when the promise settles. */
  async run(): Promise<BuiltImage> {
    const { graph, request, reporter } = this.#parts;
    for (const [stage, triggers] of await findTriggers(graph, this.#parts.rooms.images)) this.#triggers.set(stage, triggers);
    const stages = neededStages(graph, this.#triggers);
    await this.#warn(stages);
    reporter.plan(listSteps(graph, this.#triggers, request.labels));
    for (const index of graph.dockerfile.globalArgs.keys()) await this.#endAtOnce(`global.${index}`, { cached: false });
    try {
      await this.#imported.open(request);
      for (const stage of stages) this.#stage(stage.index).catch(() => undefined);
      const result = await this.#stage(graph.target.index);
      this.#signal.throwIfAborted();
      return await this.#create(result);
    } catch (error) {
      this.#failure.abort(error);
      await Promise.allSettled(this.#stages.values());
      throw error;
    } finally {
      await this.#imported.close();
    }
  }

  /** @throws {EngineError} invalid when the Dockerfile asks for findings of the checks to fail the build */
  async #warn(stages: readonly GraphStage[]): Promise<void> {
    const { graph, reporter, request, trees, rooms } = this.#parts;
    if (request.resources?.CgroupParent && !rooms.steps.hasCgroups)
      reporter.warn({ type: "warning", message: "--cgroup-parent has no effect: this engine has no control groups" });
    const { findings, asError } = await checkBuild(graph, trees, rooms.images);
    for (const finding of findings) reporter.warn(toWarning(finding));
    const unused = unusedArgs(graph, stages);
    if (unused.length > 0) reporter.warn({ type: "warning", message: `One or more build-args [${unused.join(" ")}] were not consumed` });
    if (!asError || findings.length === 0) return;
    const names = [...new Set(findings.map(({ rule }) => rule))].toSorted();
    throw new EngineError("invalid", `lint violation found for rules: ${names.join(", ")}`);
  }

  async #endAtOnce(step: string, result: { cached: boolean; imageId?: Digest; chainId?: Digest | null }): Promise<void> {
    const { reporter } = this.#parts;
    reporter.start(step, result.cached || !result.imageId ? undefined : { containerId: newContainerId() });
    await reporter.end(step, { ...result, addedBytes: 0 });
  }

  /** An instruction that only changes the configuration: nothing runs, but it may be new. */
  async #endSetting(stage: GraphStage, step: Step, { after, allCached }: { after: StageResult; allCached: boolean }): Promise<boolean> {
    const { reasons, reporter, request } = this.#parts;
    const chainId = chainOf(after);
    const inputs = { step: step.id, instruction: step.instruction.original.trim(), parent: chainId, values: {} };
    reasons.note(stage.label, inputs);
    const cached = allCached && !this.#ignoresCache(stage) && reasons.had(stage.label, inputs);
    reporter.describe(step.id, { scene: sceneOf(after.state, { request, parent: chainId }) });
    await this.#endAtOnce(step.id, { cached, imageId: imageIdOf(after), chainId });
    return cached;
  }

  async #create(result: StageResult): Promise<BuiltImage> {
    const { rooms, request, reporter } = this.#parts;
    const config = toImageConfig(result, { labels: request.labels, epoch: epochOf(request) });
    const isInline = isOn(request.buildArgs, "BUILDKIT_INLINE_CACHE") || request.cacheTo?.some(({ type }) => type === "inline");
    const image = await rooms.images.create(
      isInline ? Object.assign(config, { [INLINE_CACHE]: writeInline(this.#results, result.layers) }) : config,
      result.layers.map((layer) => layer.descriptor),
      { names: request.tags, annotations: request.annotations?.manifest },
    );
    if (Object.keys(request.labels).length > 0) await this.#endAtOnce("labels", { cached: false, imageId: image.id });
    const parts = { rooms, request, results: this.#results, layers: result.layers, signal: this.#signal };
    await exportCache(parts, (message) => reporter.warn({ type: "warning", message }));
    return { imageId: image.id, manifest: image.manifest, ...this.#provenance() };
  }

  #provenance(): Pick<BuiltImage, "provenance"> {
    const { id: buildId, request, name, text } = this.#parts;
    const { provenance: options } = request;
    return options ? { provenance: provenanceOf({ request, options, buildId, trail: this.#trail, dockerfile: { name, text } }) } : {};
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
    let allCached = true;
    for (const { step, state, operation } of await this.#evaluate(stage, triggers, result.state)) {
      const { after, cached } = await this.#runStep(stage, step, { before: result, state, operation, allCached });
      result = after;
      allCached &&= cached;
    }
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
      reporter.describe(step, { scene: sceneOf(result.state, { request: this.#parts.request, parent: chainOf(result) }) });
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

  async #image(reference: string, stage: GraphStage, step: string): ReturnType<Bases["image"]> {
    const explicit = this.#parts.request.platform !== undefined || stage.stage.from.platform !== undefined;
    const progress = (message: JsonMessage): void => this.#parts.reporter.pull(step, message);
    const image = await this.#bases.image(reference, stage.platform, { explicit, progress });
    this.#trail.image(reference, image, stage.platform);
    return image;
  }

  /** What each step will do: nothing of that depends on what the others do, so what is wrong is told before anything runs. */
  async #evaluate(
    stage: GraphStage,
    triggers: readonly Instruction[],
    state: StageResult["state"],
  ): Promise<(Evaluated & { step: Step })[]> {
    const evaluated: (Evaluated & { step: Step })[] = [];
    for (const step of stepsOf(stage, triggers)) {
      try {
        const done = evaluate(evaluated.at(-1)?.state ?? state, step.instruction, { graph: this.#parts.graph, stage });
        evaluated.push({ step, ...done });
      } catch (error) {
        throw await this.#failed(step.id, error);
      }
    }
    return evaluated;
  }

  async #runStep(
    stage: GraphStage,
    step: Step,
    {
      before,
      state,
      operation,
      allCached,
    }: { before: StageResult; allCached: boolean; state: StageResult["state"]; operation: Operation | undefined },
  ): Promise<{ after: StageResult; cached: boolean }> {
    this.#signal.throwIfAborted();
    try {
      if (operation) return await this.#perform(stage, step, { operation, before, state });
      const after = advanced(before, state, undefined);
      return { after, cached: await this.#endSetting(stage, step, { after, allCached }) };
    } catch (error) {
      throw await this.#failed(step.id, error);
    }
  }

  async #perform(
    stage: GraphStage,
    step: Step,
    { operation, before, state }: { operation: Operation; before: StageResult; state: StageResult["state"] },
  ): Promise<{ after: StageResult; cached: boolean }> {
    const { reporter, request } = this.#parts;
    const parent = chainOf(before);
    // A step that cannot even be prepared can be looked into all the same.
    reporter.describe(step.id, { scene: sceneOf(state, { request, parent, operation }) });
    const reads: (Digest | null)[] = [];
    const prepared = await prepareStep(operation, step, this.#scope(stage, step, { before, reads }));
    reporter.describe(step.id, { key: prepared.key, scene: sceneOf(state, { request, parent, operation, mounts: prepared.mounts }) });
    const useCache = !this.#ignoresCache(stage);
    const found = useCache ? await this.#known(prepared, step, parent) : undefined;
    if (!found) this.#parts.rooms.snapshots.warmUp();
    reporter.start(step.id, found ? undefined : { containerId: prepared.containerId });
    const causes = await this.#causes(stage, step, { prepared, isCached: found !== undefined });
    const layer = found ?? (await this.#make(prepared, step, useCache));
    const after = advanced(before, state, layer);
    this.#trail.steps.push({ step, operation, layers: after.layers, platform: stage.platform, reads: [parent, ...reads] });
    this.#results.push({ key: prepared.key, linkKey: prepared.linkKey, chain: after.layers, createdMs: layer.createdMs });
    await reporter.end(step.id, {
      cached: found !== undefined,
      addedBytes: layer.sizeBytes,
      imageId: imageIdOf(after),
      chainId: layer.chainId,
      causes,
    });
    return { after, cached: found !== undefined };
  }

  /** From this engine's cache, else from where the build was told to look. */
  async #known(prepared: Prepared, step: Step, parent: Digest | null): Promise<StepLayer | undefined> {
    const { key, linkKey } = prepared;
    const { cache, layers } = this.#parts.rooms;
    const description = step.instruction.original.trim();
    const own = await cache.get(key);
    if (own) return own;
    const linked = linkKey === undefined ? undefined : await cache.get(linkKey);
    const rebased = linked && (await layers.rebase(linked, parent, this.#signal));
    if (rebased) await cache.put(key, rebased, description);
    return rebased ?? this.#imported.get(prepared, { parent, description });
  }

  #ignoresCache(stage: GraphStage): boolean {
    const { noCache, noCacheStages } = this.#parts.request;
    return noCache || noCacheStages?.includes(stage.label) === true;
  }

  /** Notes what the step depends on, for the next build, and says what of it changed since the last. */
  async #causes(
    stage: GraphStage,
    step: Step,
    { prepared, isCached }: { prepared: Prepared; isCached: boolean },
  ): Promise<BuildCause[] | undefined> {
    const { reasons } = this.#parts;
    const inputs = { ...prepared.inputs, step: step.id };
    reasons.note(stage.label, inputs);
    if (prepared.manifest) await reasons.keep(inputs.files!, prepared.manifest);
    if (isCached) return undefined;
    if (this.#ignoresCache(stage)) return [{ kind: "no-cache" }];
    return reasons.explain(stage.label, inputs, { base: baseName(stage.base), manifest: prepared.manifest });
  }

  /** Makes the layer, unless another build is making the same one. */
  async #make(prepared: Prepared, step: Step, useCache: boolean): Promise<StepLayer> {
    const { rooms, slots } = this.#parts;
    for (;;) {
      const result = await rooms.cache.alone(prepared.key, () => slots.run(prepared.run, this.#signal));
      this.#signal.throwIfAborted();
      if (result !== "waited") {
        const description = step.instruction.original.trim();
        await rooms.cache.put(prepared.key, result.done, description);
        // The same bytes again: they count once.
        if (prepared.linkKey !== undefined) await rooms.cache.put(prepared.linkKey, { ...result.done, sizeBytes: 0 }, description);
        return result.done;
      }
      const made = useCache ? await rooms.cache.get(prepared.key) : undefined;
      if (made) return made;
    }
  }

  /** @param reads grows by the layers that the step reads */
  #scope(stage: GraphStage, step: Step, { before, reads }: { before: StageResult; reads: (Digest | null)[] }): StepScope {
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
      trail: this.#trail,
      resolve: async (source) => {
        const found = await this.#resolve(source, stage, step.id);
        if ("chainId" in found) reads.push(found.chainId);
        return found;
      },
      onOutput: (stream, data) => reporter.print(step.id, stream, data),
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
    // Whatever a step says that was ended for another's sake, it did not fail by itself.
    if (this.#signal.aborted) return error;
    const failure = explained(error instanceof EngineError ? error : toStepError(step, error)) as EngineError;
    reporter.start(step);
    const { exitCode, chainId } = failure instanceof StepError ? failure : {};
    await reporter.fail(step, { message: failure.message, exitCode, chainId });
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
