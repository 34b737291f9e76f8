/**
 * What is the case inside a step: enough to run another command as the step ran its own. Kept with the build's record.
 * Pure.
 */
import type { StepEnvironment } from "../api/types/builds.ts";
import type { Digest } from "../layers/snapshots.ts";
import type { Mount } from "../syntax/dockerfile/mount.ts";
import type { Operation } from "./operation.ts";
import type { StageState } from "./stage-state.ts";

export interface SceneMount {
  readonly mount: Mount;
  /** Absolute. */
  readonly target: string;
  /** What a bind mount shows: layers, or files of a context, which are a layer in the cache. */
  readonly from?: { readonly chainId: Digest | null } | { readonly contextFiles: string };
}

/** One step, as it was when it ran. */
export interface Scene {
  /** The layers before the step. */
  readonly parent: Digest | null;
  readonly env: readonly string[];
  readonly user: string;
  readonly workingDir: string;
  readonly shell: readonly string[];
  readonly args?: readonly string[];
  readonly network?: string;
  readonly mounts: readonly SceneMount[];
}

/** @param state after the step, for a step that runs nothing */
export function sceneOf(
  state: StageState,
  { parent, operation, mounts = [] }: { parent: Digest | null; operation?: Operation; mounts?: readonly SceneMount[] | undefined },
): Scene {
  const shell = state.config.Shell?.length ? state.config.Shell : ["/bin/sh", "-c"];
  const base = { parent, shell, mounts };
  if (operation?.kind !== "run") {
    const env = [...state.env].map(([key, value]) => `${key}=${value}`);
    return { ...base, env, user: state.config.User ?? "", workingDir: state.config.WorkingDir || "/" };
  }
  const { env, user, workingDir, args, network } = operation;
  return { ...base, env, user, workingDir, args, ...(network !== undefined && { network }) };
}

/** As clients see it. `missing` says what a shell would not get. */
export function environmentOf(scene: Scene, missing: (mount: SceneMount) => string | undefined): StepEnvironment {
  const { env, user, workingDir, shell, args, network, mounts } = scene;
  return {
    env,
    user,
    workingDir,
    shell,
    ...(args && { args }),
    ...(network !== undefined && { network }),
    mounts: mounts.map((each) => {
      const why = missing(each);
      const { type, readOnly } = each.mount;
      return { type, target: each.target, readOnly, ...(why !== undefined && { missing: why }) };
    }),
  };
}
