/**
 * A build: text → graph of steps with cache keys (pure) → solver runs what is missing → image.
 * Every step reports whether it was cached or why not, its time and the bytes it added.
 *
 * Words: a *stage* begins with FROM; a *step* is one instruction of a stage that the target needs; a step's *key* is the
 * digest of everything that its result depends on; a *record* is what a finished build leaves behind.
 */
import type { Peer } from "../host/peer.ts";
import type { BuildDescription, BuildProgress, PredictRequest, Prediction } from "../api/types/builds.ts";
import type { AuthConfig } from "../api/types/image.ts";
import type { StepResources } from "../containers/run-step.ts";
import type { Descriptor } from "../images/images.ts";
import type { Digest } from "../layers/snapshots.ts";
import { EngineError } from "../errors.ts";
import type { CacheSource, CacheTarget } from "./cache-options.ts";
import type { Inspector } from "./inspector.ts";
import type { Announced } from "./look-ahead.ts";
import type { Predicate } from "./provenance.ts";
import type { ProvenanceOptions } from "./provenance-options.ts";
import type { Material } from "./trail.ts";

export type { BuildCause, BuildProgress, BuildRecord, BuildStep, SourceRange, StepRecord } from "../api/types/builds.ts";

export interface BuildRequest {
  /** The build context: a directory, or what receiveContext (tar-tree.ts) returned. The builder only reads it. */
  readonly contextDir: string;
  /** Path of the Dockerfile inside the context, or its text. */
  readonly dockerfile: { readonly path: string } | { readonly text: string; readonly name: string };
  readonly tags: readonly string[];
  /** Of the announcement that came before it. */
  readonly announced?: string;
  readonly target?: string;
  /** A null value means "not given on the command line": the ARG's default counts. */
  readonly buildArgs: Readonly<Record<string, string | null>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly noCache: boolean;
  /** Stages whose cache is not used, by name; with it `noCache` may be off. */
  readonly noCacheStages?: readonly string[];
  readonly pull: boolean;
  /** One, or several with commas: an image for each, under one index. */
  readonly platform?: string;
  readonly networkMode?: string;
  readonly extraHosts?: readonly string[];
  readonly shmSizeBytes?: number;
  readonly auth?: Readonly<Record<string, AuthConfig>>;
  /** Login for the registry of a domain, e.g. `docker.io`, asked for when an image is pulled and `auth` has none. */
  readonly login?: (domain: string) => Promise<AuthConfig | undefined>;
  /** Text of the .dockerignore that counts, instead of the context's own. */
  readonly dockerignore?: string;
  /** `--build-context`: a directory, or the reference of an image. */
  readonly contexts?: Readonly<Record<string, { readonly dir: string } | { readonly image: string }>>;
  /** `--build-context` that is fetched first: an URL, a Git repository, or `oci-layout://DIRECTORY[:tag][@digest]`. */
  readonly fetchedContexts?: Readonly<Record<string, string>>;
  /** Content of the secret with this id, undefined when the client has none. Never stored. */
  readonly secret?: (id: string) => Promise<Buffer | undefined>;
  /** Path of a unix socket that speaks the ssh-agent protocol, undefined when the client offers none. */
  readonly sshAgent?: (id: string) => Promise<string | undefined>;
  /** `security.insecure`: what RUN may ask for beyond the usual. */
  readonly entitlements?: readonly string[];
  /** `name=soft[:hard]`, for the commands of RUN. */
  readonly ulimits?: readonly string[];
  /** Limits of the commands of RUN. */
  readonly resources?: StepResources;
  /** Where results of other engines are looked for. */
  readonly cacheFrom?: readonly CacheSource[];
  /** Where the results of this build go. */
  readonly cacheTo?: readonly CacheTarget[];
  /** What tells builds of the same thing apart in the records, e.g. the directory as the user knows it; else contextDir. */
  readonly contextName?: string;
  /** The process that sent the context, when it runs on this machine: it tells where that lies. */
  readonly client?: Peer;
  /** Of the image's manifest, and of the index when there are several platforms. */
  readonly annotations?: { readonly manifest: Readonly<Record<string, string>>; readonly index: Readonly<Record<string, string>> };
  /** Puts a provenance beside the image, below one index. */
  readonly provenance?: ProvenanceOptions;
  /** What it calls the image, when that has other names elsewhere than its tags here. */
  readonly names?: readonly string[];
  /** Of a context that was fetched: where from, and what it was when that can be told. */
  readonly remote?: Pick<Material, "uri"> & Partial<Material>;
  /** For the record and the provenance: how a client of BuildKit's protocol asked. */
  readonly asked?: { readonly ref: string; readonly frontendAttrs: Readonly<Record<string, string>> };
}

/** A step that failed; its message is Docker's sentence of the classic builder. */
export class StepError extends EngineError {
  readonly step: string;
  /** Exit status of a RUN's command, otherwise undefined. */
  readonly exitCode: number | undefined;
  /** The layers that show the files as the command left them. */
  readonly chainId: Digest | undefined;

  constructor(message: string, details: { step: string; exitCode?: number; chainId?: Digest; cause?: unknown }) {
    super("invalid", message, { cause: details.cause });
    this.name = "StepError";
    this.step = details.step;
    this.exitCode = details.exitCode;
    this.chainId = details.chainId;
  }

  /** The same error of a step that is called otherwise. */
  of(step: string): StepError {
    const { message, exitCode, chainId, cause } = this;
    return new StepError(message, { step, ...(exitCode !== undefined && { exitCode }), ...(chainId && { chainId }), cause });
  }
}

/** A result that is kept for later builds. */
export interface CacheEntry {
  readonly id: string;
  readonly description: string;
  readonly sizeBytes: number;
  readonly createdMs: number;
  readonly lastUsedMs: number;
  readonly usageCount: number;
  /** An image or a running build needs its layer. */
  readonly inUse: boolean;
  /** BuildKit's words; `source.local` is a directory as a client last sent it. */
  readonly type: "regular" | "exec.cachemount" | "source.local";
}

export interface BuiltImage {
  /** What runs on this machine; of an index without such, the first one. */
  readonly imageId: Digest;
  readonly manifest: Descriptor;
  /** Of a build for several platforms, or of an image with attestations. */
  readonly index?: Digest;
  /** What was asked to be told of the build. */
  readonly provenance?: Predicate;
}

export interface Builder {
  /**
   * @param progress what it returns for a step's output is waited for before more of that is read
   * @throws {EngineError} invalid, before any progress, for what is wrong with the request or the Dockerfile (with its line);
   *   StepError for a failing step, e.g. `The command '/bin/sh -c false' returned a non-zero code: 1`.
   *   When `signal` is aborted: the signal's reason, once nothing of the build is left.
   */
  build(request: BuildRequest, progress: (event: BuildProgress) => unknown, signal?: AbortSignal): Promise<BuiltImage>;

  /** A build of this directory is about to be asked for, perhaps. */
  expect(announced: Announced): void;

  /** Removes cache that no image uses, of what `only` chooses; with `all` also what an image uses; returns freed bytes. */
  prune(options: {
    all: boolean;
    keepBytes?: number;
    olderThanMs?: number;
    only?: (entry: CacheEntry) => boolean;
  }): Promise<{ deleted: string[]; reclaimedBytes: number }>;

  /** What the cache holds. */
  cache(): Promise<CacheEntry[]>;

  /** What builds did, and looking into their steps. */
  readonly inspector: Inspector;

  /** What a build would run, without running anything. @throws {EngineError} like build */
  predict(request: PredictRequest, signal?: AbortSignal): Promise<Prediction>;

  /** What the Dockerfile says about itself. @param method `check`, `outline` or `targets` @throws {EngineError} invalid */
  describe(method: string, request: BuildRequest): Promise<BuildDescription>;

  /** Ends what a killed engine left of its builds: sandboxes, snapshots, directories. Once, before the first build. */
  sweep(): Promise<void>;
}
