/** A context, or a part of it, as a layer of its own: for `RUN --mount=type=bind` and `FROM` a named context. */
import { keyOf } from "./cache.ts";
import type { StepLayer } from "./cache.ts";
import { emptyTree } from "./file-tree.ts";
import type { FileTree } from "./file-tree.ts";
import { LayerPlan } from "./layer-plan.ts";
import type { Rooms } from "./rooms.ts";
import { manifestDigest, manifestOf, select } from "./selection.ts";

export interface ContextLayerOptions {
  readonly rooms: Rooms;
  readonly signal: AbortSignal;
  /** What of the context; the whole by default. */
  readonly source?: string;
  /** Where in the layer it goes; the layer's root by default. */
  readonly target?: string;
}

/** The files of a part of a context, the whole by default, as selection.ts describes them. */
export async function contextManifest(
  tree: FileTree,
  { source = "/", signal }: { source?: string | undefined; signal: AbortSignal },
): Promise<Map<string, string>> {
  return manifestOf(select(tree, source, { parents: false, exclude: [], keyword: "RUN" }), signal);
}

/** Where the layer of such files is found in the cache. */
export function contextLayerKey(files: string, target: string): string {
  return keyOf({ v: 1, op: "context", target, files });
}

/** What .dockerignore excludes is not in the layer. The same files make the same layer once. */
export async function contextLayer(tree: FileTree, { rooms, signal, source = "/", target = "" }: ContextLayerOptions): Promise<StepLayer> {
  const selection = select(tree, source, { parents: false, exclude: [], keyword: "RUN" });
  const key = contextLayerKey(manifestDigest(await manifestOf(selection, signal)), target);
  const known = await rooms.cache.get(key);
  if (known) return known;
  const plan = new LayerPlan(emptyTree, { owner: undefined, chmod: undefined });
  for (const selected of selection) plan.place(selected, target, { intoDirectory: false });
  const layer = await rooms.layers.add(plan, null, { signal });
  await rooms.cache.put(key, layer, `build context ${source}`);
  return layer;
}
