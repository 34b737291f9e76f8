/**
 * Runs one command in a root file system and waits for it: what a build's RUN needs of the container room.
 * A step is a container without a record: it gets the same spec, network and supervision, and is gone when it ends.
 */
import type { HostConfig, Ulimit } from "../api/types/container.ts";
import type { Attachment } from "./containers.ts";

export interface StepMount {
  readonly type: "bind" | "tmpfs";
  readonly source?: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly options?: readonly string[];
}

/** Limits, as of a container; where there are no cgroups they mean nothing. */
export type StepResources = Pick<
  HostConfig,
  "Memory" | "MemorySwap" | "CpuShares" | "CpusetCpus" | "CpuPeriod" | "CpuQuota" | "CgroupParent"
>;

/** What a step's sandbox is made of. */
export interface StepSandbox {
  /** Unique; names the step's bundle and sandbox. */
  readonly id: string;
  /** Mounted, writable root. */
  readonly rootfs: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly workingDir: string;
  /** `uid`, `name`, `name:group`…; looked up in the rootfs; "" is root. */
  readonly user: string;
  readonly networkMode: "default" | "none" | "host" | (string & {});
  readonly extraHosts: readonly string[];
  readonly shmSizeBytes?: number;
  readonly mounts: readonly StepMount[];
  readonly hostname: string;
  /** All capabilities and devices, no system call filter: `RUN --security=insecure`. */
  readonly privileged?: boolean;
  readonly ulimits?: readonly Ulimit[];
  readonly resources?: StepResources;
  /** Aborting kills the step's processes before the promise rejects. */
  readonly signal?: AbortSignal;
}

export interface StepRun extends StepSandbox {
  /** What it returns is waited for before more is read. */
  readonly onOutput: (stream: "stdout" | "stderr", data: Buffer) => unknown;
}

/** A step that somebody works in. */
export interface StepOpen extends StepSandbox {
  readonly tty: boolean;
  readonly consoleSize?: { readonly rows: number; readonly columns: number };
}

export interface OpenedStep {
  readonly attachment: Attachment;
  /** Resolves when nothing of the step is left. */
  readonly exit: Promise<{ readonly exitCode: number }>;
  /** @throws {EngineError} when it has no terminal */
  resize(size: { rows: number; columns: number }): void;
}

export interface StepRunner {
  /** Whether steps have cgroups here, so that resources mean something. */
  readonly hasCgroups: boolean;
  /** Resolves when all output was given. Nothing of the step is left: no process, mount, namespace or file. */
  run(step: StepRun): Promise<{ exitCode: number; oomKilled: boolean }>;
  /** Starts a command with its input and output in the caller's hands; the output has to be read to its end. */
  open(step: StepOpen): Promise<OpenedStep>;
}
