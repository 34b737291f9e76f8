/**
 * A build: text → graph of steps with cache keys (pure) → solver runs what is missing → image.
 * Every step reports whether it was cached or why not, its time and the bytes it added.
 */
import type { AuthConfig } from "../api/types/image.ts";
import type { Digest } from "../layers/snapshots.ts";

export interface BuildRequest {
  /** Directory that holds the build context, already unpacked; the builder only reads it. */
  readonly contextDir: string;
  /** Path of the Dockerfile inside the context, or its text. */
  readonly dockerfile: { readonly path: string } | { readonly text: string; readonly name: string };
  readonly tags: readonly string[];
  readonly target?: string;
  /** A null value means "not given on the command line": the ARG's default counts. */
  readonly buildArgs: Readonly<Record<string, string | null>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly noCache: boolean;
  readonly pull: boolean;
  readonly platform?: string;
  readonly networkMode?: string;
  readonly extraHosts?: readonly string[];
  readonly shmSizeBytes?: number;
  readonly auth?: Readonly<Record<string, AuthConfig>>;
}

/** 1-based, end included. */
export interface SourceRange {
  readonly startLine: number;
  readonly endLine: number;
}

/** Steps are announced before the first one starts; `id` is the step's cache key or a unique id. */
export type BuildProgress =
  | { readonly type: "plan"; readonly steps: readonly BuildStep[] }
  | { readonly type: "start"; readonly step: string }
  | { readonly type: "log"; readonly step: string; readonly stream: "stdout" | "stderr"; readonly data: string }
  | {
      readonly type: "end";
      readonly step: string;
      readonly cached: boolean;
      /** Why a step ran although an earlier build had it: names the file, argument or parent that changed. */
      readonly reason?: string;
      readonly durationMs: number;
      readonly addedBytes: number;
      readonly error?: string;
    }
  | { readonly type: "warning"; readonly message: string; readonly range?: SourceRange }
  | { readonly type: "image"; readonly id: Digest; readonly tags: readonly string[] };

export interface BuildStep {
  readonly id: string;
  /** As BuildKit numbers it: `[build 2/5] RUN make`. */
  readonly name: string;
  readonly instruction: string;
  readonly range?: SourceRange;
}

export interface Builder {
  /**
   * @throws {EngineError} invalid with the line for a syntax error; the failing command's sentence for a failing step:
   *   `The command '/bin/sh -c false' returned a non-zero code: 1`
   */
  build(request: BuildRequest, progress: (event: BuildProgress) => void, signal?: AbortSignal): Promise<{ imageId: Digest }>;
  /** Removes cache that no image uses; returns freed bytes. */
  prune(options: { all: boolean }): Promise<{ deleted: string[]; reclaimedBytes: number }>;
}
