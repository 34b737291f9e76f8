/** Which files make the project, what it is called, which variables it sees. */
import { existsSync, realpathSync, statSync } from "node:fs";
import { basename, delimiter, dirname, join, resolve } from "node:path";
import { readEnvFiles } from "./env-files.ts";
import { isRemote, remoteSentence } from "./remote.ts";
import { ComposeError } from "./project.ts";
import type { ComposeWarning } from "./project.ts";

/** In order of preference. */
export const FILE_NAMES = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"] as const;
/** Laid over the file found by name, in order of preference. */
export const OVERRIDE_NAMES = [
  "compose.override.yml",
  "compose.override.yaml",
  "docker-compose.override.yml",
  "docker-compose.override.yaml",
] as const;

export interface DiscoverOptions {
  cwd: string;
  env: Readonly<Record<string, string | undefined>>;
  files?: readonly string[] | undefined;
  projectDirectory?: string | undefined;
  envFiles?: readonly string[] | undefined;
}

export interface Discovery {
  /** Absolute, or `-`. */
  files: string[];
  workingDir: string;
  environment: Record<string, string>;
  /** As given by flags or COMPOSE_ENV_FILES. */
  envFiles: string[];
}

/**
 * Looks at flags, environment, `.env` files and directories. `.env` may name the compose files, and the
 * directory of the compose files may have an `.env` of its own.
 *
 * @throws {ComposeError} `no configuration file provided: not found`, or about a file that is missing
 */
export function discover(options: DiscoverOptions, warnings: ComposeWarning[]): Discovery {
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.env)) if (value !== undefined) environment[name] = value;
  environment["PWD"] ??= options.cwd;
  const envFiles = options.envFiles?.length ? [...options.envFiles] : (environment["COMPOSE_ENV_FILES"] ?? "").split(",").filter(Boolean);
  const addDotEnv = (workingDir: string) => {
    const files = envFiles.length > 0 ? envFiles.map((file) => resolve(options.cwd, file)) : ownDotEnv(workingDir, options.env);
    for (const [name, value] of Object.entries(readEnvFiles(files, environment, { warnings }))) environment[name] ??= value;
  };
  const remote = options.files?.find(isRemote);
  if (remote !== undefined) throw new ComposeError(remoteSentence(remote));
  const given = (options.files ?? []).map((file) => (file === "-" ? file : resolve(options.cwd, file)));
  addDotEnv(workingDirOf(options, given));
  const files = given.length > 0 ? given : (filesFromEnvironment(environment, options.cwd) ?? search(workingDirOf(options, []), warnings));
  if (files.length === 0) throw new ComposeError("no configuration file provided: not found");
  const workingDir = workingDirOf(options, files);
  addDotEnv(workingDir);
  return { files, workingDir, environment, envFiles };
}

function workingDirOf({ cwd, projectDirectory }: DiscoverOptions, files: readonly string[]): string {
  if (projectDirectory) return resolve(cwd, projectDirectory);
  const first = files.find((file) => file !== "-");
  return first === undefined ? cwd : dirname(first);
}

function ownDotEnv(workingDir: string, env: DiscoverOptions["env"]): string[] {
  const disabled = env["COMPOSE_DISABLE_ENV_FILE"];
  if (disabled !== undefined && parseBool(disabled)) return [];
  const file = join(workingDir, ".env");
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats && !stats.isDirectory() ? [file] : [];
}

function parseBool(text: string): boolean {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(text)) return true;
  if (["0", "f", "F", "FALSE", "false", "False"].includes(text)) return false;
  throw new ComposeError(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}

function filesFromEnvironment(environment: Readonly<Record<string, string>>, cwd: string): string[] | undefined {
  const names = environment["COMPOSE_FILE"];
  if (names === undefined) return undefined;
  return names.split(environment["COMPOSE_PATH_SEPARATOR"] || delimiter).map((name) => {
    if (name === "-") return name;
    const file = resolve(cwd, name);
    if (!existsSync(file)) throw new ComposeError(`stat ${file}: no such file or directory`);
    return file;
  });
}

function search(start: string, warnings: ComposeWarning[]): string[] {
  for (let directory = start; ; directory = dirname(directory)) {
    const [file, ...others] = present(FILE_NAMES, directory);
    if (file !== undefined) {
      warnAboutMany("config files", [file, ...others], warnings);
      const overrides = present(OVERRIDE_NAMES, directory);
      warnAboutMany("override files", overrides, warnings);
      return [file, ...overrides.slice(0, 1)];
    }
    if (directory === dirname(directory)) return [];
  }
}

function present(names: readonly string[], directory: string): string[] {
  return names.map((name) => join(directory, name)).filter((file) => existsSync(file));
}

function warnAboutMany(what: string, files: readonly string[], warnings: ComposeWarning[]): void {
  if (files.length < 2) return;
  warnings.push({ message: `Found multiple ${what} with supported names: ${files.join(", ")}` }, { message: `Using ${files[0]}` });
}

/** What of a text can be a project's name: lower case letters, digits, `-` and `_`, the first one a letter or digit. */
export function normalizeProjectName(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, "")
    .replace(/^[_-]+/, "");
}

/** @throws {ComposeError} when a name that somebody gave is none */
export function checkProjectName(name: string): string {
  if (normalizeProjectName(name) === name) return name;
  throw new ComposeError(
    `invalid project name ${JSON.stringify(name)}: must consist only of lowercase alphanumeric characters, hyphens, and underscores as well as start with a letter or number`,
  );
}

/** The name that a directory gives. */
export function nameOfDirectory(directory: string, warnings: ComposeWarning[]): string {
  const name = basename(directory);
  const real = existsSync(directory) ? basename(realpathSync(directory)) : name;
  if (real !== name) {
    warnings.push({ message: `project has been loaded without an explicit name from a symlink. Using name ${JSON.stringify(name)}` });
  }
  return normalizeProjectName(name);
}
