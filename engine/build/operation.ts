/** What a step does to the file system; instructions without one only change the configuration. */
import type { Mount } from "../syntax/dockerfile/mount.ts";
import type { Graph, GraphStage, Source } from "./graph.ts";
import type { StageState } from "./stage-state.ts";

export interface StepMountSpec {
  readonly mount: Mount;
  /** Absolute. */
  readonly target: string;
  /** undefined: the build context. */
  readonly from: Source | undefined;
}

export interface RunOperation {
  readonly kind: "run";
  readonly args: readonly string[];
  readonly env: readonly string[];
  /** Which of the variables are build arguments. */
  readonly argNames: readonly string[];
  /** Proxy settings: the command sees them, the key does not. */
  readonly proxyEnv: readonly string[];
  readonly workingDir: string;
  readonly user: string;
  readonly network: string | undefined;
  readonly security: string | undefined;
  readonly mounts: readonly StepMountSpec[];
  /** A heredoc with a shebang: mounted as an executable file at `path`. */
  readonly script: { readonly path: string; readonly content: string } | undefined;
}

export type CopySource =
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "inline"; readonly name: string; readonly content: string }
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "git"; readonly url: string };

export interface CopyOperation {
  readonly kind: "copy";
  readonly add: boolean;
  readonly sources: readonly CopySource[];
  /** Absolute; a trailing slash says that it is a directory. */
  readonly destination: string;
  /** undefined: the build context. */
  readonly from: Source | undefined;
  readonly chown: string | undefined;
  readonly chmod: string | undefined;
  readonly link: boolean;
  readonly parents: boolean;
  readonly exclude: readonly string[];
  readonly checksum: string | undefined;
  /** Of a Git repository that is added. */
  readonly keepGitDir: boolean;
  /** Whether archives among the sources are unpacked: local ones, and remote ones. */
  readonly unpack: { readonly local: boolean; readonly remote: boolean };
}

export interface WorkdirOperation {
  readonly kind: "workdir";
  readonly path: string;
  readonly user: string;
}

export type Operation = RunOperation | CopyOperation | WorkdirOperation;

export interface EvaluateScope {
  readonly graph: Graph;
  readonly stage: GraphStage;
}

export interface Evaluated {
  readonly state: StageState;
  readonly operation?: Operation;
}
