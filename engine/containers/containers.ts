/**
 * The container: its record on disk, its states, and everything that is done to it.
 *
 *     created ─start→ running ⇄ paused
 *        │              │ exit, stop, kill        restarting (policy, back-off) → running
 *        └─remove       └→ exited ─start→ running;  exited ─remove→ gone
 *
 * `config` and `hostConfig` are kept in Docker's wire shape: they are the user's document and are shown back as they came.
 */
import type { Readable, Writable } from "node:stream";
import type {
  ContainerConfig,
  ContainerCreateRequest,
  ContainerPathStat,
  ContainerTop,
  ExecCreateRequest,
  ExecInspect,
  HostConfig,
  MountPoint,
  NetworkingConfig,
  Resources,
} from "../api/types/container.ts";
import type { Change, Digest } from "../layers/snapshots.ts";
import type { Sandbox } from "../networks/networks.ts";

/** What is written to disk for one container, one JSON file. */
export interface ContainerRecord {
  readonly id: string;
  /** Without Docker's leading slash. */
  name: string;
  readonly createdAt: string;
  readonly imageId: Digest;
  /** As the user wrote it. */
  readonly imageName: string;
  readonly path: string;
  readonly args: readonly string[];
  readonly config: ContainerConfig;
  hostConfig: HostConfig;
  networking: NetworkingConfig;
  mounts: MountPoint[];
  readonly platform: string;
  state: ContainerStateRecord;
  restartCount: number;
  /** Network of the running container; null when it does not run. */
  sandbox: Sandbox | null;
}

export interface ContainerStateRecord {
  status: "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";
  pid: number;
  /** Field 22 of /proc/PID/stat: tells a process from another that got its pid. */
  pidStartTime: string;
  /** /proc/sys/kernel/random/boot_id at start. */
  bootId: string;
  exitCode: number;
  error: string;
  oomKilled: boolean;
  /** RFC 3339 with nanoseconds; "" is never. */
  startedAt: string;
  finishedAt: string;
  /** A user's stop or kill, which the restart policy `unless-stopped` respects. */
  stoppedByUser: boolean;
  health?: {
    status: "starting" | "healthy" | "unhealthy";
    failingStreak: number;
    log: { start: string; end: string; exitCode: number; output: string }[];
  };
}

export interface LogOptions {
  follow: boolean;
  stdout: boolean;
  stderr: boolean;
  /** Nanoseconds since the epoch. */
  sinceNs?: bigint;
  untilNs?: bigint;
  /** Lines from the end; undefined is all. */
  tail?: number;
  /** One LogLine may hold several whole lines of one time: much faster for who does not look at each. */
  together?: boolean;
  signal?: AbortSignal;
}

export type StreamName = "stdout" | "stderr";

/** One line (its newline included, unless the container did not write one yet) or 16 KiB of a longer one. */
export interface LogLine {
  readonly stream: StreamName;
  readonly timeNs: bigint;
  readonly data: Buffer;
}

/** Live output of an attached process, in arrival order. */
export interface OutputChunk {
  readonly stream: StreamName;
  readonly data: Buffer;
}

export interface AttachOptions {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  /** Replay what was logged before. */
  logs: boolean;
  /** Stay for what comes. */
  stream: boolean;
  signal?: AbortSignal;
}

export interface Attachment {
  /** Absent when stdin was not asked for or is not open. Ending it closes the container's stdin if StdinOnce. */
  readonly stdin?: Writable;
  /** The process's stdin does not end with this one: others may join it. */
  readonly staysOpen?: boolean;
  /** Ends when the process has ended and all its output was given. */
  readonly output: AsyncIterable<OutputChunk>;
}

/** Paths on the machine, as Docker's inspect names them. */
export interface ContainerFiles {
  readonly resolvConf: string;
  readonly hostname: string;
  readonly hosts: string;
  /** A directory: the output as it came in numbered segments, each with an index of times. */
  readonly log: string;
}

export type WaitCondition = "not-running" | "next-exit" | "removed";

export interface Containers {
  list(): Promise<ContainerRecord[]>;
  /** By full id, name (leading slash allowed) or unique id prefix. @throws {EngineError} not-found `No such container: x` */
  get(nameOrId: string): Promise<ContainerRecord>;

  /**
   * @param request Docker's body, checked for shape by the API
   * @throws {EngineError} conflict when the name is taken (Docker's sentence), not-found `No such image: x`, invalid …
   */
  create(request: ContainerCreateRequest, options: { name?: string; platform?: string }): Promise<{ id: string; warnings: string[] }>;

  /** @throws {EngineError} not-modified when it runs already */
  start(nameOrId: string, signal?: AbortSignal): Promise<void>;
  /** @param timeoutSeconds -1 waits for ever; undefined takes the container's own (10) */
  stop(nameOrId: string, options: { timeoutSeconds?: number; signalName?: string }): Promise<void>;
  /** Stops all containers because the engine ends; those that have to run start with the next engine. */
  stopAll(): Promise<void>;
  restart(nameOrId: string, options: { timeoutSeconds?: number; signalName?: string }): Promise<void>;
  kill(nameOrId: string, signalName: string): Promise<void>;
  pause(nameOrId: string): Promise<void>;
  unpause(nameOrId: string): Promise<void>;
  rename(nameOrId: string, name: string): Promise<void>;
  update(nameOrId: string, changes: Resources & { RestartPolicy?: HostConfig["RestartPolicy"] }): Promise<{ warnings: string[] }>;
  remove(nameOrId: string, options: { force: boolean; volumes: boolean }): Promise<void>;
  resize(nameOrId: string, size: { rows: number; columns: number }): Promise<void>;

  /** The promise of `registered` resolves once the wait cannot miss the exit any more; the API flushes headers then. */
  wait(
    nameOrId: string,
    condition: WaitCondition,
    signal?: AbortSignal,
  ): { registered: Promise<void>; exit: Promise<{ statusCode: number; error?: string }> };

  logs(nameOrId: string, options: LogOptions): Promise<AsyncIterable<LogLine>>;
  attach(nameOrId: string, options: AttachOptions): Promise<Attachment>;

  top(nameOrId: string, psArgs: string): Promise<ContainerTop>;
  changes(nameOrId: string): Promise<AsyncIterable<Change>>;
  /** The whole root file system as tar. */
  exportTar(nameOrId: string, signal?: AbortSignal): Promise<Readable>;
  statPath(nameOrId: string, path: string): Promise<ContainerPathStat>;
  getArchive(nameOrId: string, path: string, signal?: AbortSignal): Promise<{ stat: ContainerPathStat; tar: Readable }>;
  putArchive(nameOrId: string, path: string, tar: Readable, options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean }): Promise<void>;
  /**
   * Where its files are: of a running container with its mounts, of another one as its layers are. For the jail alone.
   * @param writing paths that are about to be changed
   * @throws {EngineError} forbidden when one of them is read-only to the container
   */
  root(nameOrId: string, writing: readonly string[]): Promise<string>;
  /** One reading now, in Docker's wire shape; the API turns it into a stream. */
  stats(nameOrId: string): Promise<Record<string, unknown>>;
  /** Where a container's own files are on this machine; "" for those that it does not have (yet). */
  files(id: string): ContainerFiles;
  /** Bytes: writable layer, and the whole root file system. */
  size(nameOrId: string): Promise<{ rwBytes: number; rootFsBytes: number }>;

  execCreate(nameOrId: string, request: ExecCreateRequest): Promise<string>;
  execStart(
    execId: string,
    options: { detach: boolean; tty: boolean; consoleSize?: { rows: number; columns: number }; signal?: AbortSignal },
  ): Promise<Attachment | undefined>;
  execResize(execId: string, size: { rows: number; columns: number }): Promise<void>;
  execInspect(execId: string): Promise<ExecInspect>;
  /** Ids of the execs of one container that still run. */
  execIds(containerId: string): string[];

  connectNetwork(nameOrId: string, network: string, settings: import("../api/types/network.ts").EndpointSettings): Promise<void>;
  disconnectNetwork(nameOrId: string, network: string, options: { force: boolean }): Promise<void>;

  /**
   * After an engine start, once: gives what runs its networks back, removes what was half made, starts what has to run.
   * start() waits for it.
   */
  restore(): Promise<void>;

  /** Resolves when everything that is known of containers is on disk. */
  settled(): Promise<void>;
}
