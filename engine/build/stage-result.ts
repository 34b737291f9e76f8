/** What a stage has become: its state, its layers, and the image that they make. */
import { createHash } from "node:crypto";
import type { ContainerConfig } from "../api/types/container.ts";
import type { Descriptor, HistoryEntry, Image, ImageConfig, Platform } from "../images/images.ts";
import type { Digest } from "../layers/snapshots.ts";
import type { StepLayer } from "./cache.ts";
import { emptyState, stateOfImage, stateOfStage } from "./stage-state.ts";
import type { StageState } from "./stage-state.ts";

export interface StageLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
  readonly chainId: Digest;
}

export interface StageResult {
  readonly state: StageState;
  readonly layers: readonly StageLayer[];
  /** Base image's and this build's. */
  readonly history: readonly HistoryEntry[];
  readonly platform: Platform;
}

export function chainOf(result: StageResult): Digest | null {
  return result.layers.at(-1)?.chainId ?? null;
}

export function scratchResult(platform: Platform): StageResult {
  return { state: emptyState(), layers: [], history: [], platform };
}

export function imageResult(image: Image, platform: Platform): StageResult {
  const { architecture, os, variant } = image.config;
  const own = architecture ? { os, architecture, ...(variant ? { variant } : {}) } : platform;
  return { state: stateOfImage(image.config), layers: image.layers, history: image.config.history ?? [], platform: own };
}

/** A stage that begins where another ended. */
export function inheritedResult(base: StageResult): StageResult {
  return { ...base, state: stateOfStage(base.state) };
}

/** The result with an instruction's new state, and the layer it made. */
export function advanced(result: StageResult, state: StageState, layer: StepLayer | undefined): StageResult {
  const added = state.history.slice(result.state.history.length).map((step): HistoryEntry => ({
    ...(layer && step.layer ? { created: new Date(layer.createdMs).toISOString() } : {}),
    created_by: step.createdBy,
    comment: "buildkit.dockerfile.v0",
    ...(step.layer ? {} : { empty_layer: true }),
  }));
  const layers = layer ? [...result.layers, { descriptor: layer.blob, diffId: layer.diffId, chainId: layer.chainId }] : result.layers;
  return { ...result, state, layers, history: [...result.history, ...added] };
}

/**
 * The image's config blob. The same layers and instructions make the same bytes.
 * @param options.epoch SOURCE_DATE_EPOCH in seconds: nothing in it is younger
 */
export function toImageConfig(
  result: StageResult,
  { labels = {}, epoch }: { labels?: Readonly<Record<string, string>>; epoch?: number | undefined } = {},
): ImageConfig {
  const history = dated(result.history).map((entry) => notAfter(entry, epoch));
  const created = history.findLast((entry) => entry.created !== undefined)?.created;
  const { os, architecture, variant } = result.platform;
  return {
    ...(created === undefined ? {} : { created }),
    ...(result.state.author === undefined ? {} : { author: result.state.author }),
    architecture,
    os,
    ...(variant ? { variant } : {}),
    config: withoutEmpty(
      Object.keys(labels).length > 0
        ? { ...result.state.config, Labels: { ...result.state.config.Labels, ...labels } }
        : result.state.config,
    ),
    rootfs: { type: "layers", diff_ids: result.layers.map((layer) => layer.diffId) },
    history,
  };
}

/** What only changes the configuration is as old as the layer before it; before the first layer, as that one. */
function dated(history: readonly HistoryEntry[]): HistoryEntry[] {
  let last = history.find((entry) => entry.created !== undefined)?.created;
  return history.map((entry) => {
    last = entry.created ?? last;
    return last === undefined ? entry : { ...entry, created: last };
  });
}

function notAfter(entry: HistoryEntry, epoch: number | undefined): HistoryEntry {
  if (epoch === undefined || entry.created === undefined || Date.parse(entry.created) <= epoch * 1000) return entry;
  return { ...entry, created: new Date(epoch * 1000).toISOString() };
}

function withoutEmpty(config: ContainerConfig): ContainerConfig {
  return Object.fromEntries(
    Object.entries(config).filter(([, value]) => value !== null && value !== undefined && value !== ""),
  ) as ContainerConfig;
}

/** What the image would be called if the build ended here. */
export function imageIdOf(result: StageResult): Digest {
  return `sha256:${createHash("sha256")
    .update(JSON.stringify(toImageConfig(result)))
    .digest("hex")}`;
}
