/** The mounts of a step once more, for who opens it afterwards. */
import type { Digest } from "../layers/snapshots.ts";
import type { Cache } from "./cache.ts";
import { contextLayerKey } from "./context-layer.ts";
import type { StepMountSpec } from "./operation.ts";
import type { SceneMount } from "./scene.ts";

/** Where the files of a context lie in the layer that a bind mount made of them. */
export const CONTEXT_TARGET = "content";

/** Why a shell does not get a mount; those that it gets are not in the answer. */
export async function missingMounts(mounts: readonly SceneMount[], cache: Cache): Promise<Map<SceneMount, string>> {
  const missing = new Map<SceneMount, string>();
  for (const each of mounts) {
    const why = await missing1(each, cache);
    if (why !== undefined) missing.set(each, why);
  }
  return missing;
}

async function missing1({ mount, from }: SceneMount, cache: Cache): Promise<string | undefined> {
  if (mount.type === "secret") return "secrets are never kept: give it again";
  if (mount.type === "ssh") return "the agent went with the build";
  if (mount.type !== "bind" || !from || "chainId" in from) return undefined;
  return (await cache.get(contextLayerKey(from.contextFiles, CONTEXT_TARGET)))
    ? undefined
    : "the files of the build context are not in the cache";
}

/**
 * Mounts as a RUN's operation has them, with sources that `resolve` knows. What is missing is left out, except secrets,
 * which may be given.
 */
export async function reopenMounts(
  mounts: readonly SceneMount[],
  cache: Cache,
): Promise<{ specs: StepMountSpec[]; resolve: (source: { kind: string; index?: number }) => { chainId: Digest | null } }> {
  const chains: (Digest | null)[] = [];
  const specs: StepMountSpec[] = [];
  for (const { mount, target, from } of mounts) {
    if (mount.type === "ssh") continue;
    // Another who waits for a locked cache would wait for the person at the shell.
    if (mount.type !== "bind" || !from) {
      specs.push({ mount: { ...mount, sharing: "shared", required: false }, target, from: undefined });
      continue;
    }
    const known = "chainId" in from ? from.chainId : (await cache.get(contextLayerKey(from.contextFiles, CONTEXT_TARGET)))?.chainId;
    if (known === undefined) continue;
    const source = "chainId" in from ? mount.source : `/${CONTEXT_TARGET}`;
    specs.push({ mount: { ...mount, source }, target, from: { kind: "stage", index: chains.push(known) - 1 } });
  }
  return { specs, resolve: ({ index = 0 }) => ({ chainId: chains[index]! }) };
}
