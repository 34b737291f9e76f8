/**
 * A build's result as BuildKit's clients hand it on to another build (`contexts: { base: "target:base" }` of bake,
 * `additional_contexts: { base: "service:base" }` of compose): a graph of one source, which names the result.
 */
import { createHash } from "node:crypto";
import { Definition, Op } from "./messages.ts";

const SCHEME = "berth-build://";

/** @param ref the id of the result */
export function definitionOf(ref: string): { def: Buffer[]; metadata: Record<string, Buffer> } {
  const source = Op.encode({ source: { identifier: `${SCHEME}${ref}`, attrs: {} } });
  const digest = digestOf(source);
  // The last one says which output of the graph is meant.
  const last = Op.encode({ inputs: [{ digest, index: 0 }] });
  return { def: [source, last], metadata: { [digest]: Buffer.alloc(0), [digestOf(last)]: Buffer.alloc(0) } };
}

/** The id of the result that a definition names, undefined for any other graph. */
export function resultOf(definition: Buffer): string | undefined {
  const sources = Definition.decode(definition).def.map((op) => Op.decode(op).source?.identifier ?? "");
  return sources.find((identifier) => identifier.startsWith(SCHEME))?.slice(SCHEME.length);
}

function digestOf(op: Buffer): string {
  return `sha256:${createHash("sha256").update(op).digest("hex")}`;
}
