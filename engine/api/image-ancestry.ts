/** Which image was made of which: an image's history and layers begin with its ancestor's. */
import type { HistoryEntry, Image } from "../images/images.ts";

/** Whether `image` is `ancestor` or was made of it. */
export function descendsFrom(image: Image, ancestor: Image): boolean {
  if (image.id === ancestor.id) return true;
  const history = ancestor.config.history ?? [];
  if (history.length === 0 && ancestor.layers.length === 0) return false;
  return (
    ancestor.layers.every((layer, index) => image.layers[index]?.diffId === layer.diffId) &&
    history.every((entry, index) => sameEntry(entry, image.config.history?.[index])) &&
    (image.config.history ?? []).length + image.layers.length > history.length + ancestor.layers.length
  );
}

function sameEntry(left: HistoryEntry, right: HistoryEntry | undefined): boolean {
  return right !== undefined && left.created === right.created && left.created_by === right.created_by;
}
