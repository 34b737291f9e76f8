/**
 * Drives the OCI runtime (crun first, runc else) under a supervisor: `sh` + `<runtime> run` in the foreground on FIFOs.
 * Everything that must survive the engine is a file: FIFOs, pid file, exit status.
 */
import type { RuntimeSpec } from "./spec.ts";

export interface RuntimeInfo {
  readonly name: "crun" | "runc";
  readonly path: string;
  readonly version: string;
}

/** A started process and what identifies it after an engine restart. */
export interface Started {
  readonly pid: number;
  readonly pidStartTime: string;
}

export interface Runtime {
  readonly info: RuntimeInfo;
  /** Writes the bundle and starts the supervisor; resolves when the container's process runs. @throws {EngineError} with the runtime's sentence */
  run(id: string, spec: RuntimeSpec, options: { rootfs: string; tty: boolean; signal?: AbortSignal }): Promise<Started>;
  /** Sends a signal to the container's init, or to all its processes. */
  kill(id: string, signal: number, options: { all: boolean }): Promise<void>;
  pause(id: string): Promise<void>;
  resume(id: string): Promise<void>;
  /** Resolves with the exit status once the container has ended; works for a container that an earlier engine started. */
  waitExit(id: string, signal?: AbortSignal): Promise<{ exitCode: number; finishedAt: string }>;
  /** Removes runtime state, bundle and FIFOs; kills what still runs. Idempotent. */
  remove(id: string): Promise<void>;
}
