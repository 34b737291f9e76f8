/**
 * How much of an image is there more than once. Pure.
 * As dive counts it: every path costs what its smallest copy costs, and all copies together are what the image is.
 * @see https://github.com/wagoodman/dive/blob/v0.13.1/dive/filetree/efficiency.go
 */
import type { LayerFile } from "../../webviews/protocol.ts";

const MOST_PATHS = 50;

export interface Efficiency {
  readonly efficiency: number;
  readonly wastedBytes: number;
  readonly wasted: readonly { readonly path: string; readonly sizeBytes: number; readonly times: number }[];
}

/** @param layers files of each layer, from the bottom */
export function efficiencyOf(layers: readonly (readonly LayerFile[])[]): Efficiency {
  const paths = new Map<string, { total: number; smallest: number; times: number }>();
  for (const files of layers)
    for (const { path, kind, sizeBytes } of files) {
      const before = paths.get(path);
      // What is removed costs what lies below it, and is never needed.
      if (kind === "removed") {
        for (const [other, sum] of paths)
          if (other === path || other.startsWith(`${path}/`)) Object.assign(sum, { smallest: 0, times: sum.times + 1 });
      } else if (before)
        paths.set(path, { total: before.total + sizeBytes, smallest: Math.min(before.smallest, sizeBytes), times: before.times + 1 });
      else paths.set(path, { total: sizeBytes, smallest: sizeBytes, times: 1 });
    }
  let [total, needed] = [0, 0];
  const wasted: { path: string; sizeBytes: number; times: number }[] = [];
  for (const [path, sum] of paths) {
    total += sum.total;
    needed += sum.smallest;
    if (sum.total > sum.smallest) wasted.push({ path, sizeBytes: sum.total - sum.smallest, times: sum.times });
  }
  return {
    efficiency: total === 0 ? 1 : needed / total,
    wastedBytes: total - needed,
    wasted: wasted.toSorted((a, b) => b.sizeBytes - a.sizeBytes || (a.path < b.path ? -1 : 1)).slice(0, MOST_PATHS),
  };
}
