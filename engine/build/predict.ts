/**
 * What a build would run: the same keys as a build's are looked up, and nothing is made. After a step that will run, the
 * layers are not known; a made-up one stands for them, which no key has.
 */
import type { PredictedStep } from "../api/types/builds.ts";
import { topLayer } from "../images/images.ts";
import type { Image } from "../images/images.ts";
import { matchesPlatform } from "../images/platform.ts";
import { chainIdOf } from "../layers/layer-store.ts";
import type { Digest } from "../layers/snapshots.ts";
import type { BuildRecord, BuildRequest, BuildStep } from "./builder.ts";
import { sentenceOf } from "./causes.ts";
import { keyOf } from "./cache.ts";
import type { StepLayer } from "./cache.ts";
import { contextLayerKey, contextManifest } from "./context-layer.ts";
import { evaluate } from "./evaluate.ts";
import { neededStages } from "./graph.ts";
import type { Graph, GraphStage, Source } from "./graph.ts";
import type { Operation } from "./operation.ts";
import { prepareStep } from "./prepare.ts";
import type { Reasons } from "./reasons.ts";
import type { Prepared, Rooms, StepScope } from "./rooms.ts";
import { manifestDigest } from "./selection.ts";
import { advanced, chainOf, imageResult, inheritedResult, scratchResult } from "./stage-result.ts";
import type { StageResult } from "./stage-result.ts";
import { baseName, listSteps, stepsOf } from "./step-list.ts";
import type { Step } from "./step-list.ts";
import { Trail } from "./trail.ts";
import type { Trees } from "./trees.ts";
import { findTriggers } from "./triggers.ts";

export interface PredictParts {
  readonly rooms: Rooms;
  readonly request: BuildRequest;
  readonly graph: Graph;
  readonly trees: Trees;
  readonly reasons: Reasons;
  readonly signal: AbortSignal;
}

/** What is known of a stage after some of its steps: its layers, that a step runs, or nothing, and why. */
type Known = { readonly kind: "layers" } | { readonly kind: "runs" } | { readonly kind: "unknown"; readonly why: string };

interface Predicted {
  readonly result: StageResult;
  readonly known: Known;
}

type Outcome = Pick<PredictedStep, "outcome" | "causes">;

/** What only a build looks at. */
class NotYetKnown extends Error {}

export class Predictor {
  readonly #parts: PredictParts;
  readonly #stages = new Map<number, Predicted>();
  readonly #outcomes = new Map<string, Outcome>();

  constructor(parts: PredictParts) {
    this.#parts = parts;
  }

  /** @throws {EngineError} invalid like a build */
  async run(): Promise<(BuildStep & Outcome & { reason?: string })[]> {
    const { graph, rooms, request, signal } = this.#parts;
    const triggers = await findTriggers(graph, rooms.images);
    for (const stage of neededStages(graph, triggers)) {
      let at = await this.#begin(stage);
      for (const step of stepsOf(stage, triggers.get(stage.index) ?? [])) {
        signal.throwIfAborted();
        at = await this.#step(stage, step, at);
      }
      this.#stages.set(stage.index, at);
    }
    return listSteps(graph, triggers, request.labels).map((step) => {
      const { outcome, causes } = this.#outcomes.get(step.id) ?? { outcome: "cached" };
      return { ...step, outcome, ...(causes && causes.length > 0 && { causes, reason: sentenceOf(causes) }) };
    });
  }

  async #begin(stage: GraphStage): Promise<Predicted> {
    const { base, platform } = stage;
    const id = `${stage.index}.from`;
    if (base.kind === "stage") {
      const { result, known } = this.#stages.get(base.index)!;
      return { result: inheritedResult(result), known };
    }
    const empty = scratchResult(platform);
    try {
      if (base.kind === "scratch") return { result: empty, known: { kind: "layers" } };
      const named = base.kind === "context" ? this.#parts.request.contexts![base.name]! : undefined;
      if (named && "dir" in named) return await this.#contextBase(base.kind === "context" ? base.name : "", empty);
      const image = await this.#image(named ? named.image : (base as { reference: string }).reference, stage);
      return { result: imageResult(image, platform), known: { kind: "layers" } };
    } catch (error) {
      if (!(error instanceof NotYetKnown)) throw error;
      this.#outcomes.set(id, { outcome: "unknown", causes: [{ kind: "unknown", name: error.message }] });
      return { result: withLayer(empty, id), known: { kind: "unknown", why: error.message } };
    }
  }

  async #contextBase(name: string, empty: StageResult): Promise<Predicted> {
    const { trees, rooms, signal } = this.#parts;
    const files = manifestDigest(await contextManifest(await trees.named(name), { signal }));
    const layer = await rooms.cache.get(contextLayerKey(files, ""));
    if (!layer) return { result: withLayer(empty, files), known: { kind: "runs" } };
    return { result: advanced(empty, empty.state, layer), known: { kind: "layers" } };
  }

  /** @throws {NotYetKnown} for an image that would have to be pulled */
  async #image(reference: string, stage: GraphStage): Promise<Image> {
    const { rooms, request } = this.#parts;
    const image = await rooms.images.find(reference);
    const explicit = request.platform !== undefined || stage.stage.from.platform !== undefined;
    if (image && (!explicit || matchesPlatform(image.config, stage.platform))) return image;
    throw new NotYetKnown(`the image ${JSON.stringify(reference)} is not here yet`);
  }

  async #step(stage: GraphStage, step: Step, at: Predicted): Promise<Predicted> {
    const { graph, reasons } = this.#parts;
    const { state, operation } = evaluate(at.result.state, step.instruction, { graph, stage });
    if (!operation) {
      const result = advanced(at.result, state, undefined);
      const inputs = { step: step.id, instruction: step.instruction.original.trim(), parent: chainOf(result), values: {} };
      reasons.note(stage.label, inputs);
      this.#outcomes.set(step.id, { outcome: at.known.kind === "layers" && reasons.had(stage.label, inputs) ? "cached" : "runs" });
      return { ...at, result };
    }
    const { layer, ...outcome } = await this.#outcome(stage, step, { operation, at });
    this.#outcomes.set(step.id, outcome);
    if (layer) return { result: advanced(at.result, state, layer), known: at.known };
    const known: Known = at.known.kind === "unknown" || outcome.outcome !== "unknown" ? at.known : { kind: "unknown", why: whyOf(outcome) };
    const after = known.kind === "layers" ? { kind: "runs" as const } : known;
    return { result: withLayer({ ...at.result, state }, step.id), known: after };
  }

  async #outcome(
    stage: GraphStage,
    step: Step,
    { operation, at }: { operation: Operation; at: Predicted },
  ): Promise<Outcome & { layer?: StepLayer }> {
    const { rooms, reasons, request } = this.#parts;
    let prepared: Prepared;
    try {
      refuseRemote(operation);
      prepared = await prepareStep(operation, step, this.#scope(stage, step, at.result));
    } catch (error) {
      if (!(error instanceof NotYetKnown)) throw error;
      reasons.note(stage.label, { step: step.id, instruction: step.instruction.original.trim(), parent: chainOf(at.result), values: {} });
      return { outcome: "unknown", causes: [{ kind: "unknown", name: error.message }] };
    }
    const inputs = { ...prepared.inputs, step: step.id };
    reasons.note(stage.label, inputs);
    if (request.noCache) return { outcome: "runs", causes: [{ kind: "no-cache" }] };
    const linked = prepared.linkKey === undefined ? undefined : await rooms.cache.get(prepared.linkKey);
    if (linked)
      return { outcome: "cached", layer: { ...linked, parent: chainOf(at.result), chainId: chainIdOf(chainOf(at.result), linked.diffId) } };
    if (at.known.kind === "unknown") return { outcome: "unknown", causes: [{ kind: "unknown", name: at.known.why }] };
    const layer = at.known.kind === "layers" ? await rooms.cache.get(prepared.key) : undefined;
    if (layer) return { outcome: "cached", layer };
    return {
      outcome: "runs",
      causes: await reasons.explain(stage.label, inputs, { base: baseName(stage.base), manifest: prepared.manifest }),
    };
  }

  #scope(stage: GraphStage, step: Step, before: StageResult): StepScope {
    const { rooms, request, trees, signal } = this.#parts;
    const resolve = (source: Source): ReturnType<StepScope["resolve"]> => this.#resolve(source, stage);
    return {
      rooms,
      request,
      trees,
      trail: new Trail(),
      buildId: "predict",
      stepId: step.id,
      stage,
      parent: chainOf(before),
      signal,
      resolve,
      onOutput: () => undefined,
    };
  }

  async #resolve(source: Source, stage: GraphStage): ReturnType<StepScope["resolve"]> {
    if (source.kind === "scratch") return { chainId: null };
    if (source.kind === "image") return { chainId: topLayer(await this.#image(source.reference, stage)) };
    if (source.kind === "stage") {
      const { result, known } = this.#stages.get(source.index)!;
      if (known.kind === "layers") return { chainId: chainOf(result) };
      const name = this.#parts.graph.stages[source.index]!.label;
      throw new NotYetKnown(known.kind === "runs" ? `it reads stage ${JSON.stringify(name)}, which will run` : known.why);
    }
    const named = this.#parts.request.contexts![source.name]!;
    return "dir" in named ? { context: source.name } : { chainId: topLayer(await this.#image(named.image, stage)) };
  }
}

function whyOf({ causes }: Outcome): string {
  return sentenceOf(causes ?? []);
}

/** What a URL names today is looked at by a build only. */
function refuseRemote(operation: Operation): void {
  if (operation.kind !== "copy") return;
  const remote = operation.sources.find(({ kind }) => kind === "url" || kind === "git");
  if (remote && "url" in remote) throw new NotYetKnown(`only a build looks at ${remote.url}`);
}

/** The stage with a layer that nothing else has. */
function withLayer(result: StageResult, name: string): StageResult {
  const chainId: Digest = `sha256:${keyOf({ predicted: name, on: chainOf(result) })}`;
  const blob = { mediaType: "", digest: chainId, size: 0 };
  return { ...result, layers: [...result.layers, { descriptor: blob, diffId: chainId, chainId }] };
}

/** How long steps took when they last ran, and what they added, from the records of builds of the same Dockerfile. */
export function lastRuns(
  records: readonly BuildRecord[],
  { contextName, dockerfile }: Pick<BuildRecord, "contextName" | "dockerfile">,
): (step: BuildStep) => { lastMs?: number; lastBytes?: number } {
  const known = new Map<string, { lastMs: number; lastBytes: number }>();
  for (const record of records) {
    if (record.contextName !== contextName || record.dockerfile !== dockerfile) continue;
    for (const { stage, instruction, cached, error, startedMs, endedMs, addedBytes } of record.steps) {
      const key = `${stage} ${instruction}`;
      if (cached || error !== undefined || startedMs === undefined || endedMs === undefined || known.has(key)) continue;
      known.set(key, { lastMs: endedMs - startedMs, lastBytes: addedBytes });
    }
  }
  return ({ stage, instruction }) => known.get(`${stage} ${instruction}`) ?? {};
}
