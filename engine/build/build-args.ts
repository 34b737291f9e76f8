/**
 * Build arguments that mean something to the builder itself, declared or not.
 * @see https://docs.docker.com/reference/dockerfile/#buildkit-built-in-build-args
 */
import type { BuildRequest } from "./builder.ts";

type Args = Pick<BuildRequest, "buildArgs">["buildArgs"];

export type Switch = "BUILDKIT_INLINE_CACHE" | "BUILDKIT_MULTI_PLATFORM" | "BUILDKIT_CONTEXT_KEEP_GIT_DIR";

/** Whether a switch is on, as Go reads booleans. */
export function isOn(buildArgs: Args, name: Switch): boolean {
  return /^(?:1|t|true)$/i.test(buildArgs[name] ?? "");
}

/** What the host of a RUN is called when the build says so. */
export function sandboxHostname(buildArgs: Args): string | undefined {
  return buildArgs["BUILDKIT_SANDBOX_HOSTNAME"] || undefined;
}

/** What the build is called in records when it says so. */
export function buildName(buildArgs: Args): string | undefined {
  return buildArgs["BUILDKIT_BUILD_NAME"] || undefined;
}

/** The id of a cache mount in the name space that the build was given. @param mount its own id, and where it is */
export function cacheMountId(buildArgs: Args, { id, target }: { id: string | undefined; target: string }): string | undefined {
  const space = buildArgs["BUILDKIT_CACHE_MOUNT_NS"];
  return space ? `${space}/${id ?? target}` : id;
}
