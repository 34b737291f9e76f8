/** What tells builds of one thing from builds of another. */
import type { BuildRequest } from "./builder.ts";
import { isReceived } from "./tar-tree.ts";

/** A received context lies in a new directory each time; its tags tell best what it is. */
export function nameOf({ contextName, contextDir, tags }: BuildRequest): string {
  return contextName ?? (isReceived(contextDir) ? tags.join(" ") : contextDir);
}
