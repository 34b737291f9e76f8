/**
 * The compose project: what all compose files, merged and resolved, ask for.
 * Text → tree (`syntax/compose.ts`) → project (`load.ts`) → plan → client calls.
 */
import type { ServiceConfig, StringMap } from "./service.ts";

export interface NetworkConfig {
  /** The name the engine knows: `<project>_<key>` unless the file says otherwise. */
  name?: string;
  driver?: string;
  driver_opts?: StringMap;
  ipam?: {
    driver?: string;
    config?: { subnet?: string; gateway?: string; ip_range?: string; aux_addresses?: StringMap }[];
  };
  /** Must exist already; nothing is created or removed. */
  external?: boolean;
  internal?: boolean;
  attachable?: boolean;
  labels?: StringMap;
  enable_ipv4?: boolean;
  enable_ipv6?: boolean;
}

export interface VolumeConfig {
  /** The name the engine knows: `<project>_<key>` unless the file says otherwise. */
  name?: string;
  driver?: string;
  driver_opts?: StringMap;
  external?: boolean;
  labels?: StringMap;
}

/** A config or a secret: exactly one of `file`, `environment`, `content`, or `external`. */
export interface FileObject {
  name?: string;
  /** Absolute path. */
  file?: string;
  /** Name of a variable of `project.environment`. */
  environment?: string;
  /** Inline text; for `environment` the variable's value, which is never printed. */
  content?: string;
  external?: boolean;
  labels?: StringMap;
  driver?: string;
  driver_opts?: StringMap;
  template_driver?: string;
}

/** An AI model: read and shown, but nothing here runs one. */
export interface ModelConfig {
  name?: string;
  model?: string;
  context_size?: number;
  runtime_flags?: string[];
}

export interface Project {
  name: string;
  /** What runs, by name: services without a profile or with an active one, and not left out by a selection. */
  services: Record<string, ServiceConfig>;
  /** What the files declare, but profile or selection leave out. */
  disabledServices: Record<string, ServiceConfig>;
  networks: Record<string, NetworkConfig>;
  volumes: Record<string, VolumeConfig>;
  secrets: Record<string, FileObject>;
  configs: Record<string, FileObject>;
  models: Record<string, ModelConfig>;
  /** Top-level `x-…` keys. */
  extensions: Record<string, unknown>;
  /** Absolute: the project directory, base of relative paths. Label `com.docker.compose.project.working_dir`. */
  workingDir: string;
  /** Absolute paths, or `-` for standard input, in the order they were merged. Label `…project.config_files`. */
  files: string[];
  /** Every variable that could be used in the files: process, then `.env` files. */
  environment: Record<string, string>;
  /** `--env-file` as given. Label `com.docker.compose.project.environment_file`. */
  envFiles: string[];
  /** Active profiles. */
  profiles: string[];
}

/** A remark that stops nothing: an obsolete key, a variable that is not set. */
export interface ComposeWarning {
  message: string;
  position?: SourcePosition;
}

/** Where in which file; line and column count from 1. */
export interface SourcePosition {
  file: string;
  line: number;
  column: number;
}

interface ComposeErrorOptions extends ErrorOptions {
  others?: readonly ComposeError[];
  via?: SourcePosition | undefined;
}

/**
 * The files do not make a project. `message` is the sentence that docker compose says;
 * `position` is where to look, when one place can be named.
 */
export class ComposeError extends Error {
  readonly position: SourcePosition | undefined;
  /** What else is wrong, as far as the loader came. */
  readonly others: readonly ComposeError[];
  /** Where another file names the one that the fault is in, by `include` or `extends`. */
  readonly via: SourcePosition | undefined;

  constructor(message: string, position?: SourcePosition, options?: ComposeErrorOptions) {
    super(message, options);
    this.name = "ComposeError";
    this.position = position;
    this.others = options?.others ?? [];
    this.via = options?.via;
  }

  /** `file:line:column: message`, or the message alone when no place is known. */
  get located(): string {
    const { position } = this;
    return position ? `${position.file}:${position.line}:${position.column}: ${this.message}` : this.message;
  }
}
