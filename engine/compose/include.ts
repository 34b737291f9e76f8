/** `include`: whole other compose applications, with a directory and variables of their own. */
import { statSync } from "node:fs";
import { dirname, isAbsolute, join, relative } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { isValueMap } from "../syntax/compose-value.ts";
import type { Value, ValueMap } from "../syntax/compose-value.ts";
import { readEnvFiles } from "./env-files.ts";
import { mapAll, ModelError } from "./paths.ts";
import { isRemote, remoteSentence } from "./remote.ts";
import { fileSentence, placedAt } from "./scope.ts";
import type { ModelContext, ModelLoader, ModelScope } from "./scope.ts";

interface Inclusion {
  scope: ModelScope;
  context: ModelContext;
  loader: ModelLoader;
}

interface IncludeEntry {
  paths: string[];
  projectDirectory: string | undefined;
  envFiles: string[];
}

/** Adds to a model what it includes and removes the key. @throws {ModelError} for cycles and conflicts */
export function includeModels(model: ValueMap, inclusion: Inclusion): void {
  const { include } = model;
  if (include === undefined) return;
  delete model["include"];
  if (include === null) return;
  if (!Array.isArray(include)) throw new ModelError(`\`include\` must be a list, got ${String(include)}`, ["include"]);
  mapAll(include, (value, index) => {
    const imported = loadEntry(readEntry(value), inclusion, ["include", String(index)]);
    for (const kind of ["services", "volumes", "networks", "secrets", "configs", "models"]) importKind(kind, imported, model);
  });
}

function readEntry(value: Value): IncludeEntry {
  const entry: ValueMap = isValueMap(value) ? value : { path: value };
  const directory = entry["project_directory"];
  return {
    paths: texts(entry["path"]),
    projectDirectory: typeof directory === "string" && directory !== "" ? directory : undefined,
    envFiles: texts(entry["env_file"]),
  };
}

function texts(value: Value | undefined): string[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value.map(String) : [String(value)];
}

function loadEntry(entry: IncludeEntry, { scope, context, loader }: Inclusion, path: string[]): ValueMap {
  const remote = entry.paths.find(isRemote);
  if (remote !== undefined) throw new ModelError(remoteSentence(remote), [...path, "path"]);
  const files = entry.paths.map((file) => under(scope.directory, file));
  const [main] = files;
  if (main === undefined) return {};
  const first = scope.included[0];
  if (scope.included.includes(main)) {
    const way = [...scope.included.slice(1), main].join("\n include ");
    throw new ModelError(`include cycle detected:\n${first}\n include ${way}`, path);
  }
  const directory = entry.projectDirectory === undefined ? dirname(main) : under(scope.directory, entry.projectDirectory);
  const environment = { ...readEnvFiles(envFilesOf(entry, directory, scope, path), scope.environment, context), ...scope.environment };
  const base = isAbsolute(entry.projectDirectory ?? "") ? directory : relative(scope.directory, directory) || ".";
  const inner = { environment, directory, base, included: scope.included };
  return placedAt([...path, "path"], () =>
    loader.models(
      files.map((name) => ({ name })),
      inner,
    ),
  );
}

function under(directory: string, path: string): string {
  return isAbsolute(path) ? path : join(directory, path);
}

function envFilesOf(entry: IncludeEntry, directory: string, scope: ModelScope, path: string[]): string[] {
  if (entry.envFiles.length === 0) {
    const own = join(directory, ".env");
    return statSync(own, { throwIfNoEntry: false })?.isFile() ? [own] : [];
  }
  return entry.envFiles.map((file) => {
    if (isAbsolute(file)) return file;
    const local = join(scope.directory, file);
    try {
      if (!statSync(local).isDirectory()) return local;
    } catch (error) {
      throw new ModelError(fileSentence("stat", local, error), [...path, "env_file"]);
    }
    throw new ModelError(`${local} is not a file`, [...path, "env_file"]);
  });
}

function importKind(kind: string, source: ValueMap, target: ValueMap): void {
  const from = source[kind];
  if (!isValueMap(from)) return;
  const to = isValueMap(target[kind]) ? target[kind] : {};
  for (const [name, resource] of Object.entries(from)) {
    if (Object.hasOwn(to, name) && !isDeepStrictEqual(to[name], resource)) {
      throw new ModelError(`${kind}.${name} conflicts with imported resource`, [kind, name]);
    }
    to[name] = resource;
  }
  target[kind] = to;
}
