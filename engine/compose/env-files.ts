/** Files with variables or labels: `.env`, `env_file`, `label_file`. */
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { parseDotenv, parseRawEnv } from "./dotenv.ts";
import type { DotenvOptions } from "./dotenv.ts";
import { ComposeError } from "./project.ts";
import type { ComposeWarning } from "./project.ts";
import { placedAt } from "./scope.ts";
import type { EnvFile, ServiceConfig } from "./service.ts";

/**
 * Variables of `.env` files for use in compose files; a later file wins over an earlier one.
 *
 * @throws {ComposeError} when a file is missing, is a directory, or cannot be understood
 */
export function readEnvFiles(
  files: readonly string[],
  environment: Readonly<Record<string, string>>,
  { warnings }: { warnings: ComposeWarning[] },
): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const file of files.map((name) => resolve(name))) {
    const stats = statSync(file, { throwIfNoEntry: false });
    if (!stats) throw new ComposeError(`couldn't find env file: ${file}`);
    if (stats.isDirectory()) throw new ComposeError(`${file} is a directory`);
    const get = (name: string) => own(environment, name) ?? own(variables, name);
    readInto(file, variables, { get, onMissing: (name) => warnings.push({ message: unset(name) }) });
  }
  return variables;
}

function unset(name: string): string {
  return `The "${name}" variable is not set. Defaulting to a blank string.`;
}

function own(map: Readonly<Record<string, string | null>>, name: string): string | undefined {
  return Object.hasOwn(map, name) ? (map[name] ?? undefined) : undefined;
}

function readInto(file: string, into: Record<string, string>, options: DotenvOptions & { format?: string }): void {
  const { format = ".env" } = options;
  if (format !== ".env" && format !== "raw") throw new ComposeError(`unsupported env_file format ${JSON.stringify(format)}`);
  const text = readFileSync(file, "utf8");
  try {
    if (format === "raw") parseRawEnv(text, into, options);
    else parseDotenv(text, into, options);
  } catch (error) {
    const { message } = error as Error;
    const words = format === "raw" ? `failed to parse env_file ${file}: ${message}` : `failed to read ${file}: ${message}`;
    const line = /^line (\d+)/.exec(message)?.[1];
    throw new ComposeError(words, line ? { file, line: Number(line), column: 1 } : undefined, { cause: error });
  }
}

/** What a service's files are read with. */
interface Surroundings {
  /** The service's name. */
  name: string;
  /** Where relative names of files are looked for. */
  cwd: string;
  environment: Readonly<Record<string, string>>;
  warnings: ComposeWarning[];
}

/**
 * The service's environment with what its `env_file`s say; its own `environment` wins, and a variable without a
 * value takes the project's. `env_file` is gone afterwards.
 *
 * @throws {ComposeError} for a required file that is missing
 */
export function resolveEnvironment(service: ServiceConfig, { name: serviceName, cwd, environment, warnings }: Surroundings): ServiceConfig {
  const said: Record<string, string | null> = {};
  for (const [name, value] of Object.entries(service.environment ?? {})) said[name] = value ?? own(environment, name) ?? null;
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(said)) if (value !== null) variables[name] = value;
  for (const [index, file] of (service.env_file ?? []).entries()) {
    const get = (name: string) => own(environment, name) ?? own(said, name);
    const options = { get, onMissing: (name: string) => void warnings.push({ message: unset(name) }) };
    placedAt(["services", serviceName, "env_file", String(index)], () => readEnvFile(file, variables, { ...options, cwd }));
  }
  const { env_file: _read, environment: _said, ...rest } = service;
  const merged = { ...variables, ...said };
  return Object.keys(merged).length > 0 ? { ...rest, environment: merged } : rest;
}

function readEnvFile(file: EnvFile, into: Record<string, string>, { cwd, ...options }: DotenvOptions & { cwd: string }): void {
  const path = resolve(cwd, file.path);
  if (!statSync(path, { throwIfNoEntry: false })) {
    if (!file.required) return;
    throw new ComposeError(`env file ${file.path} not found: stat ${file.path}: no such file or directory`);
  }
  readInto(path, into, { ...options, ...(file.format ? { format: file.format } : {}) });
}

/** The service's labels with what its `label_file`s say; its own labels win. @throws {ComposeError} */
export function resolveLabels(service: ServiceConfig, { name, cwd }: Pick<Surroundings, "name" | "cwd">): ServiceConfig {
  if (!service.label_file) return service;
  const labels: Record<string, string> = {};
  for (const [index, file] of service.label_file.entries()) {
    placedAt(["services", name, "label_file", String(index)], () => Object.assign(labels, readLabels(file, { cwd, labels })));
  }
  return { ...service, labels: { ...labels, ...service.labels } };
}

function readLabels(file: string, { cwd, labels }: { cwd: string; labels: Readonly<Record<string, string>> }): Record<string, string> {
  const path = resolve(cwd, file);
  if (!statSync(path, { throwIfNoEntry: false })) {
    throw new ComposeError(`label file ${file} not found: stat ${file}: no such file or directory`);
  }
  const found: Record<string, string> = {};
  readInto(path, found, { get: (name) => own(labels, name) });
  return found;
}
