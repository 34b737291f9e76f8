/** What the engine asks of a layer worker. Plain data: it crosses a thread. */
import type { MessagePort } from "node:worker_threads";
import type { CopyOptions, ExtractOptions, PackOptions } from "./jail.ts";
import type { DiffOptions, Digest } from "./snapshots.ts";

type Plain<T> = Omit<T, "signal" | "mounts">;

/** Overlay's private attributes are `trusted.overlay.*`, or `user.overlay.*` where a user namespace may not set those. */
export type OverlayNamespace = "trusted" | "user";

/** A file or directory that is seen at a path of the job's root while the job works, by nobody else. */
export interface JobMount {
  readonly source: string;
  /** Seen from inside the root, links followed; made when missing. */
  readonly target: string;
  readonly readOnly: boolean;
}

/** Something done to one file or directory; see file-jobs.ts. */
export type FileJob =
  | { kind: "file-stat"; root: string; path: string }
  | { kind: "file-list"; root: string; path: string }
  | { kind: "file-read"; root: string; path: string }
  | { kind: "file-write"; root: string; path: string; options: { create: boolean; overwrite: boolean; mode?: number | undefined } }
  | { kind: "file-mkdir"; root: string; path: string }
  | { kind: "file-rename"; root: string; path: string; to: string; options: { overwrite: boolean } }
  | { kind: "file-remove"; root: string; path: string; options: { recursive: boolean } };

export type Job =
  | FileJob
  | { kind: "extract"; root: string; path: string; mounts?: readonly JobMount[] | undefined; options: Plain<ExtractOptions> }
  | { kind: "pack"; root: string; path: string; mounts?: readonly JobMount[] | undefined; options: Plain<PackOptions> }
  | { kind: "stat"; root: string; path: string; mounts?: readonly JobMount[] | undefined }
  | { kind: "read"; root: string; path: string }
  | { kind: "mkdir"; root: string; path: string; options: { owner?: { uid: number; gid: number }; mode?: number } }
  | { kind: "copy"; root: string; path: string; from: { root: string; path: string }; options: Plain<CopyOptions> }
  | { kind: "measure"; root: string; path: string; options: Plain<DiffOptions> }
  | {
      kind: "apply";
      root: string;
      blob?: string;
      arriving?: { state: Int32Array; later: string };
      diffId?: Digest;
      overlay: OverlayNamespace;
      maxBytes?: number;
      /** Files of another layer's tree, which are linked here before the blob is unpacked. */
      reuse?: { from: string; paths: readonly string[]; sizeBytes: number };
    }
  | { kind: "diff"; root: string; overlay: OverlayNamespace; strip: boolean; options: Plain<DiffOptions> }
  | { kind: "changes"; root: string; overlay: OverlayNamespace; parent: string | null; options: Plain<DiffOptions> }
  | { kind: "layer-files"; root: string; parent: string | null; overlay: OverlayNamespace }
  | { kind: "delete"; path: string };

/** Result of `apply`. */
export interface Applied {
  diffId: Digest;
  sizeBytes: number;
  /** Directories that no entry described, as byte strings from the layer's root, which itself is ""; parents first. */
  implied: string[];
  /** What the layer hides, as byte strings from the layer's root. */
  whiteouts: string[];
}

/** Result of `diff`. */
export interface Diffed {
  diffId: Digest;
  /** Bytes of regular files. */
  sizeBytes: number;
}

/** Engine to worker. */
export interface Request {
  id: number;
  job: Job;
  input?: MessagePort;
  output?: MessagePort;
}

/** Worker to engine. `code` is an errno name, if the failure had one. */
export type Response =
  | { id: number; value: unknown }
  | { id: number; progress: number }
  | { id: number; failure: { kind: string; message: string; code?: string } };
