/**
 * What is the case inside a step: enough to run another command as the step ran its own. Kept with the build's record.
 * Pure.
 */
import type { StepEnvironment } from "../api/types/builds.ts";
import type { Digest } from "../layers/snapshots.ts";
import type { Mount } from "../syntax/dockerfile/mount.ts";
import type { BuildRequest } from "./builder.ts";
import type { Operation } from "./operation.ts";
import { sandboxOf } from "./run-sandbox.ts";
import type { RunSandbox } from "./run-sandbox.ts";
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
  /** Undefined in records of older engines. */
  readonly sandbox?: RunSandbox;
  readonly mounts: readonly SceneMount[];
}

interface SceneParts {
  readonly request: BuildRequest;
  readonly parent: Digest | null;
  readonly operation?: Operation;
  readonly mounts?: readonly SceneMount[] | undefined;
}

/** @param state after the step, for a step that runs nothing */
export function sceneOf(state: StageState, { request, parent, operation, mounts = [] }: SceneParts): Scene {
  const shell = state.config.Shell?.length ? state.config.Shell : ["/bin/sh", "-c"];
  const base = { parent, shell, mounts, sandbox: sandboxOf(request, operation) };
  if (operation?.kind !== "run") {
    const env = [...state.env].map(([key, value]) => `${key}=${value}`);
    return { ...base, env, user: state.config.User ?? "", workingDir: state.config.WorkingDir || "/" };
  }
  const { env, user, workingDir, args } = operation;
  return { ...base, env, user, workingDir, args };
}

/** As clients see it. `missing` says what a shell would not get. */
export function environmentOf(scene: Scene, missing: (mount: SceneMount) => string | undefined): StepEnvironment {
  const { env, user, workingDir, shell, args, sandbox, mounts } = scene;
  const network = sandbox?.networkMode ?? "default";
  return {
    env,
    user,
    workingDir,
    shell,
    ...(args && { args }),
    ...(network !== "default" && { network }),
    mounts: mounts.map((each) => {
      const why = missing(each);
      const { type, readOnly } = each.mount;
      return { type, target: each.target, readOnly, ...(why !== undefined && { missing: why }) };
    }),
  };
}
