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

/** What .dockerignore excludes is not in the layer. The same files make the same layer once. */
export async function contextLayer(tree: FileTree, { rooms, signal, source = "/", target = "" }: ContextLayerOptions): Promise<StepLayer> {
  const selection = select(tree, source, { parents: false, exclude: [], keyword: "RUN" });
  const key = keyOf({ v: 1, op: "context", target, files: manifestDigest(await manifestOf(selection, signal)) });
  const known = await rooms.cache.get(key);
  if (known) return known;
  const plan = new LayerPlan(emptyTree, { owner: undefined, chmod: undefined });
  for (const selected of selection) plan.place(selected, target, { intoDirectory: false });
  const layer = await rooms.layers.add(plan, null, signal);
  await rooms.cache.put(key, layer, `build context ${source}`);
  return layer;
}
