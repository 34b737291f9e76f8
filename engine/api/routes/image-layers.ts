/** What the layers of an image are made of: `GET /berth/images/{name}/layers`. */
import type { Image } from "../../images/images.ts";
import type { ChangeKind } from "../../layers/snapshots.ts";
import type { Exchange } from "../exchange.ts";
import type { Route } from "../router.ts";
import type { ImageLayerFiles } from "../types/file.ts";

const KINDS: Readonly<Record<ChangeKind, "added" | "changed" | "removed">> = { added: "added", modified: "changed", deleted: "removed" };

async function layers(exchange: Exchange): Promise<void> {
  const { services, signal } = exchange;
  const image = await services.images.get(exchange.param("name"));
  const lines = historyLines(image);
  const answer: ImageLayerFiles[] = [];
  // One after the other: each mounts what is below it, and big ones are held in memory.
  for (const [index, { chainId, diffId }] of image.layers.entries()) {
    const [layer, files] = [await services.layers.layer(chainId), await services.layers.layerFiles(chainId, signal)];
    const line = lines[index];
    answer.push({
      diffId,
      sizeBytes: layer?.sizeBytes ?? 0,
      ...(line === undefined ? {} : { historyIndex: line }),
      files: files.map((file) => ({ ...file, kind: KINDS[file.kind] })),
    });
  }
  exchange.json(answer);
}

/** Numbers of the history's lines that made a layer, in order. */
function historyLines({ config }: Image): number[] {
  return (config.history ?? []).flatMap(({ empty_layer: empty }, index) => (empty ? [] : [index]));
}

export const imageLayerRoutes: readonly Route[] = [{ method: "GET", path: "/berth/images/{name}/layers", handle: layers }];
