/** What the steps of a build work with. */
import type { StepRunner } from "../containers/run-step.ts";
import type { Images } from "../images/images.ts";
import type { Digest, Snapshots } from "../layers/snapshots.ts";
import type { BuildRequest } from "./builder.ts";
import type { ContextDirectories } from "./buildkit/context-directory.ts";
import type { Cache, StepLayer } from "./cache.ts";
import type { CacheMounts } from "./cache-mounts.ts";
import type { Copied } from "./copied-files.ts";
import type { GraphStage, Source } from "./graph.ts";
import type { Later } from "./later.ts";
import type { LayerStore } from "./layer-store.ts";
import type { Recent } from "./recent.ts";
import type { SceneMount } from "./scene.ts";
import type { Trail } from "./trail.ts";
import type { Trees } from "./trees.ts";

export interface Rooms {
  readonly images: Images;
  readonly snapshots: Snapshots;
  readonly steps: StepRunner;
  readonly cache: Cache;
  readonly layers: LayerStore;
  readonly mounts: CacheMounts;
  readonly contexts: ContextDirectories;
  /** Archives and downloads on their way; emptied by the sweep. */
  readonly temporary: string;
  readonly stateDirectory: string;
  readonly later: Later;
  /** What COPYs made, by the name of their file. */
  readonly copied: Recent<Copied>;
  /** What steps read, by its digest. */
  readonly manifests: Recent<ReadonlyMap<string, string>>;
}

/** One step while it is prepared and run. */
export interface StepScope {
  readonly rooms: Rooms;
  readonly request: BuildRequest;
  readonly buildId: string;
  /** Unique in the build. */
  readonly stepId: string;
  readonly stage: GraphStage;
  /** The layers before this step. */
  readonly parent: Digest | null;
  readonly trees: Trees;
  readonly trail: Trail;
  /** The layers of what `--from` names; waits for a stage. */
  readonly resolve: (source: Source) => Promise<{ chainId: Digest | null } | { context: string }>;
  readonly onOutput: (stream: "stdout" | "stderr", data: Buffer) => unknown;
  readonly signal: AbortSignal;
}

/** What a step reads: `manifestOf` its selection, made when somebody asks. */
export type Manifest = () => Promise<ReadonlyMap<string, string>>;

/** What a step's result depends on, piece by piece, so that a later build can say which piece changed. */
export interface StepInputs {
  /** Of BuildStep. */
  readonly step: string;
  readonly instruction: string;
  readonly parent: Digest | null;
  /** `kind name` of a BuildCause → a digest, or the value itself. */
  readonly values: Readonly<Record<string, string>>;
  /** Digest of the files that it reads. */
  readonly files?: string;
  /** Where in its tree each of their sources begins. */
  readonly roots?: readonly string[];
  /** Digest of the .dockerignore that chose among the files. */
  readonly ignore?: string;
}

export interface Prepared {
  readonly key: string;
  /** Of a result that is the same on top of anything: `COPY --link`. */
  readonly linkKey?: string;
  readonly inputs: Omit<StepInputs, "step">;
  /** The files by path, for the explanation of the next build; only when they were looked at. */
  readonly manifest?: Manifest;
  /** Names the sandbox of a RUN. */
  readonly containerId?: string;
  /** What a RUN mounts, for who looks into the step afterwards. */
  readonly mounts?: readonly SceneMount[];
  readonly run: () => Promise<StepLayer>;
}
