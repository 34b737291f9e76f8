/**
 * Builds under `/berth/builds`: what each step did and why, live and afterwards, and what a build would do.
 * All names are as they go over the wire. Times are milliseconds since the epoch, sizes are bytes, paths are absolute.
 *
 *     POST   /berth/build                                   BuildCall → lines of BuildProgress, the last one `finish`
 *     POST   /berth/build/describe/{method}                 BuildCall → BuildDescription: check, outline or targets
 *     POST   /berth/build/contexts                          a tar → { Id } for BuildCall's contextId
 *     GET    /berth/images/{name}/rootfs                    an image's root file system as one tar
 *     GET    /berth/builds                                  BuildRecord[], newest first, the running ones among them
 *     GET    /berth/builds/watch                            lines of BuildRecord: now once each running one, then on begin and end
 *     POST   /berth/builds/predict                          PredictRequest → Prediction; nothing is built
 *     GET    /berth/builds/{id}                             BuildRecord
 *     DELETE /berth/builds/{id}                             forgets it
 *     GET    /berth/builds/{id}/progress                    lines of BuildProgress from the beginning; live until the end
 *     GET    /berth/builds/{id}/dockerfile                  the Dockerfile's text as it was built
 *     GET    /berth/builds/{id}/steps/{step}/log            what it printed, the last megabyte; ?follow=1 stays
 *     GET    /berth/builds/{id}/steps/{step}/environment    StepEnvironment
 *     GET    /berth/builds/{id}/steps/{step}/files?path=/   StepFile[] of a directory after the step
 *     GET    /berth/builds/{id}/steps/{step}/file?path=/x   the file's bytes
 *     GET    /berth/builds/{id}/steps/{step}/changes        StepChange[] against the step before
 *     POST   /berth/builds/{id}/steps/{step}/shell          StepShellRequest; the connection becomes its terminal
 *     POST   /berth/builds/shells/{shell}/resize?h=&w=      its id is the header Berth-Shell of the answer
 *     GET    /berth/builds/shells/{shell}                   StepShell
 *
 * An id may be the beginning of one, or `latest`.
 */
import type { AuthConfig, JsonMessage } from "./image.ts";

/** Of an image or of a chain of layers. */
type Digest = `sha256:${string}`;

/** Lines of the Dockerfile, 1-based, the end included. */
export interface SourceRange {
  readonly startLine: number;
  readonly endLine: number;
}

/** One instruction of a stage that the target needs. */
export interface BuildStep {
  /** Unique in the build: `0.from`, `0.3`, `1.trigger-0`, `global.0`, `labels`. */
  readonly id: string;
  /** As BuildKit names it: `[build 2/5] RUN make`; "" for what BuildKit's output has no line for. */
  readonly name: string;
  /** As written, continuation lines joined: what the classic output prints after `Step 2/5 : `. */
  readonly instruction: string;
  /** `arg` is an ARG before the first FROM; `config` only changes settings and takes no time. */
  readonly kind: "arg" | "from" | "run" | "copy" | "workdir" | "config" | "export";
  /** Name of the stage, else its index; null before the first FROM and for the export. */
  readonly stage: string | null;
  /** Steps whose results this one needs. */
  readonly inputs: readonly string[];
  readonly range?: SourceRange;
}

/** One thing that is not what it was in the last build of the same Dockerfile. */
export interface BuildCause {
  /**
   * - `file`: `name` is its path in the context (or in the stage that `--from` names)
   * - `argument`, `variable`: an ARG or ENV named `name`
   * - `flag`, `setting`: a flag of the instruction, or the user, the working directory, the network…, named `name`
   * - `mount`: what a RUN sees at `name`; `secret`: the secret whose id is `name`
   * - `instruction`: its text is another, or it is new
   * - `base`: the image `name` of FROM is another
   * - `parent`: the step before it, whose id is `step`
   * - `evicted`: nothing changed, but the cache has no result: it was removed, or the step failed or was canceled
   * - `no-cache`: this build was told not to use the cache
   * - `first`: no earlier build of this Dockerfile is known
   * - `unknown`: it cannot be said, because of what `name` says in words
   */
  readonly kind:
    | "file"
    | "argument"
    | "variable"
    | "flag"
    | "setting"
    | "mount"
    | "secret"
    | "instruction"
    | "base"
    | "parent"
    | "evicted"
    | "no-cache"
    | "first"
    | "unknown";
  readonly name?: string;
  /** What of it: `content`, `mode`, `owner` and `type` are a file's. */
  readonly change?: "new" | "gone" | "content" | "mode" | "owner" | "type" | "value";
  readonly step?: string;
}

/**
 * Steps are announced before the first one starts, in the order of the Dockerfile. When a base image that had to be pulled
 * turns out to have ONBUILD triggers, another plan follows with all steps again, the triggers among them. Steps may run in
 * any order and at the same time. Each announced step gets one `start` and one `end`, except those that a failure or an
 * abort left undone.
 */
export type BuildProgress =
  /** First of all: where the build is found under `/berth/builds`. */
  | { readonly type: "build"; readonly id: string }
  | { readonly type: "plan"; readonly steps: readonly BuildStep[] }
  | {
      readonly type: "start";
      readonly step: string;
      /** 64 hex: the sandbox of a RUN, so that the classic output can say ` ---> Running in 0123456789ab`. */
      readonly containerId?: string;
    }
  | { readonly type: "log"; readonly step: string; readonly stream: "stdout" | "stderr"; readonly data: string }
  /** A base image is being pulled; the message is Docker's, as `docker pull` would get it. */
  | { readonly type: "pull"; readonly step: string; readonly message: JsonMessage }
  | {
      readonly type: "end";
      readonly step: string;
      readonly cached: boolean;
      /** Why a step ran although an earlier build had it: names the file, argument or parent that changed. */
      readonly reason?: string;
      /** The same, piece by piece. */
      readonly causes?: readonly BuildCause[];
      readonly durationMs: number;
      readonly addedBytes: number;
      /** What the classic output prints after ` ---> `: the image as it is after this step. */
      readonly imageId?: Digest;
      readonly error?: string;
    }
  | { readonly type: "warning"; readonly message: string; readonly range?: SourceRange; readonly check?: string; readonly url?: string }
  /** The whole build has succeeded; once more when an index was put over its one image. */
  | { readonly type: "image"; readonly id: Digest; readonly tags: readonly string[]; readonly index?: Digest }
  /** The last line of a recorded build's stream; a build's own client hears of failure as Docker says it. */
  | { readonly type: "finish"; readonly status: "succeeded" | "failed" | "canceled"; readonly error?: string };

/** A step of a recorded build. Without `startedMs` it was not reached. */
export interface StepRecord extends BuildStep {
  /** Digest of everything that its result depends on. */
  readonly key?: string;
  readonly cached: boolean;
  /** Why it ran, in words. */
  readonly reason?: string;
  readonly causes?: readonly BuildCause[];
  readonly startedMs?: number;
  readonly endedMs?: number;
  readonly addedBytes: number;
  readonly error?: string;
  /** Of a RUN that failed. */
  readonly exitCode?: number;
  /** The layers up to and with this step, also of a failed RUN: what its files are. null is an empty root. */
  readonly chainId?: Digest | null;
}

export interface BuildRecord {
  readonly id: string;
  /** What a client of BuildKit's protocol calls it, and what it asked of the frontend, in BuildKit's words. */
  readonly ref?: string;
  readonly frontendAttrs?: Readonly<Record<string, string>>;
  /** Directory or URL of the context as its user knows it, or what else tells builds of the same thing apart. */
  readonly contextName: string;
  /** What its user called it: the argument BUILDKIT_BUILD_NAME. */
  readonly name?: string;
  /** Path of the Dockerfile, below the context unless absolute. */
  readonly dockerfile: string;
  readonly target?: string;
  readonly platform?: string;
  readonly tags: readonly string[];
  readonly startedMs: number;
  readonly endedMs?: number;
  readonly status: "running" | "succeeded" | "failed" | "canceled";
  readonly error?: string;
  readonly imageId?: Digest;
  readonly warnings?: readonly (BuildProgress & { readonly type: "warning" })[];
  readonly steps: readonly StepRecord[];
}

/** What is the case inside a step, and what its shell gets. */
export interface StepEnvironment {
  /** `NAME=value`: ENV and ARG. Secrets are never kept. */
  readonly env: readonly string[];
  readonly user: string;
  readonly workingDir: string;
  /** Of SHELL, else `/bin/sh -c`. */
  readonly shell: readonly string[];
  /** Argument vector of a RUN. */
  readonly args?: readonly string[];
  readonly network?: string;
  readonly mounts: readonly {
    readonly type: "bind" | "cache" | "tmpfs" | "secret" | "ssh";
    readonly target: string;
    readonly readOnly: boolean;
    /** Why a shell does not get it, e.g. because a secret is never kept. */
    readonly missing?: string;
  }[];
}

export interface StepFile {
  readonly name: string;
  readonly type: "file" | "directory" | "symlink" | "character" | "block" | "fifo";
  readonly sizeBytes: number;
  /** Permission bits with set-id and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedMs: number;
  /** Of a symlink. */
  readonly target?: string;
}

export interface StepChange {
  readonly path: string;
  readonly kind: "added" | "modified" | "deleted";
  /** Absent for what is gone. */
  readonly type?: StepFile["type"];
  readonly sizeBytes?: number;
}

export interface StepShellRequest {
  /** Default: bash where the step has it, else sh. */
  readonly Cmd?: readonly string[];
  readonly Tty?: boolean;
  readonly ConsoleSize?: readonly [rows: number, columns: number];
  /** Files as they were before the step ran, with the step's own settings: to try its command by hand. */
  readonly Before?: boolean;
  /** Instead of the step's. */
  readonly User?: string;
  readonly WorkingDir?: string;
  /** `NAME=value`, in addition. */
  readonly Env?: readonly string[];
  /** Secrets of the step's mounts by id, in base64: none is ever kept. */
  readonly Secrets?: Readonly<Record<string, string>>;
}

/** What a shell writes goes when it ends. */
export interface StepShell {
  readonly Running: boolean;
  /** null as long as it runs. */
  readonly ExitCode: number | null;
}

/** What a build is asked for, apart from where its context is. */
export interface BuildDefinition {
  /** Path of the Dockerfile: absolute, or below the context. `Dockerfile` by default. */
  readonly dockerfile?: string;
  /** The Dockerfile's text instead of what is on the disk: an unsaved editor's. `dockerfile` then only names it. */
  readonly text?: string;
  readonly target?: string;
  /** A null value takes the ARG's default. */
  readonly buildArgs?: Readonly<Record<string, string | null>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** One, or for a build several with commas: an image for each, under one index. */
  readonly platform?: string;
  readonly networkMode?: string;
  readonly extraHosts?: readonly string[];
  readonly shmSizeBytes?: number;
  readonly noCache?: boolean;
  /** `--build-context`: an absolute directory, `docker-image://REFERENCE`, `oci-layout://DIRECTORY[:tag][@digest]`, or a URL. */
  readonly contexts?: Readonly<Record<string, string>>;
}

export interface PredictRequest extends BuildDefinition {
  /** Absolute directory of the context; the engine reads it. */
  readonly contextDir: string;
}

/** A build of Berth's own clients, which are on the engine's machine: it reads the context where it lies. */
export interface BuildCall extends BuildDefinition {
  /** One of these: an absolute directory, what was uploaded before, or a URL that the engine fetches. */
  readonly contextDir?: string;
  readonly contextId?: string;
  readonly remote?: string;
  /** Id of the announcement that was made of this build; see host/announcements.ts. */
  readonly announced?: string;
  readonly tags?: readonly string[];
  readonly pull?: boolean;
  /** Stages whose cache is not used. */
  readonly noCacheStages?: readonly string[];
  /** Logins by registry. */
  readonly auth?: Readonly<Record<string, AuthConfig>>;
  /** Contents by id, in base64. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Sockets of ssh agents by id. */
  readonly ssh?: Readonly<Record<string, string>>;
  /** `security.insecure`: what RUN may ask for beyond the usual. */
  readonly allow?: readonly string[];
  /** `name=soft[:hard]`. */
  readonly ulimits?: readonly string[];
  /** Fields by kind, as BuildKit's frontend takes them: `attest:provenance` with `mode=max`. */
  readonly attestations?: Readonly<Record<string, string>>;
  /** The cgroup below which those of RUN are. */
  readonly cgroupParent?: string;
  /** Of the image's manifest, and of the index of several platforms. */
  readonly annotations?: { readonly manifest?: Readonly<Record<string, string>>; readonly index?: Readonly<Record<string, string>> };
  /** Fields of `--cache-from`: `type` (registry, local), `ref`, `src`, `tag`, `digest`. Paths are absolute. */
  readonly cacheFrom?: readonly Readonly<Record<string, string>>[];
  /** Fields of `--cache-to`: `type` (inline, registry, local), `ref`, `dest`, `tag`, `mode` (min, max), `ignore-error`. */
  readonly cacheTo?: readonly Readonly<Record<string, string>>[];
  /** What tells builds of the same thing apart, for a context that was uploaded: the directory as its user knows it. */
  readonly contextName?: string;
}

/** What a Dockerfile says about itself, as BuildKit's frontend answers `--call`. */
export interface BuildDescription {
  /** As people read it. */
  readonly text: string;
  /** BuildKit's shape: lint results, outline or list of targets. */
  readonly json: unknown;
  /** 1 when a check found something. */
  readonly status: number;
}

export interface PredictedStep extends BuildStep {
  /**
   * - `cached`: its result is there
   * - `runs`: it will run; or, after another that runs, has nothing to stand on yet. When that one makes what it made
   *   before, it may turn out to be cached all the same
   * - `unknown`: that depends on something that only a build looks at: a base image that is not here, what a URL names,
   *   or files that a stage which runs will make
   */
  readonly outcome: "cached" | "runs" | "unknown";
  readonly reason?: string;
  readonly causes?: readonly BuildCause[];
  /** How long it took and what it added when it last ran, as far as records go back. */
  readonly lastMs?: number;
  readonly lastBytes?: number;
}

export interface Prediction {
  readonly contextName: string;
  readonly dockerfile: string;
  readonly steps: readonly PredictedStep[];
  /** How many steps that do something are cached, will run, or cannot be told. */
  readonly cached: number;
  readonly runs: number;
  readonly unknown: number;
  /** Sum of what is known of the steps that will run. */
  readonly lastMs: number;
  readonly warnings: readonly (BuildProgress & { readonly type: "warning" })[];
}
