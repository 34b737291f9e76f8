/** `extends`: a service that begins as a copy of another one, in this file or another. */
import { dirname, isAbsolute, join, relative } from "node:path";
import { isValueMap } from "../syntax/compose-value.ts";
import type { Value, ValueMap } from "../syntax/compose-value.ts";
import { mergeService } from "./merge.ts";
import { mapAll, ModelError } from "./paths.ts";
import { isRemote, remoteSentence } from "./remote.ts";
import { resolveRelativePaths } from "./relative-paths.ts";
import { placedAt } from "./scope.ts";
import type { ModelLoader, ModelScope, Reset } from "./scope.ts";

interface Extension {
  /** The file that is being loaded. */
  file: string;
  scope: ModelScope;
  loader: ModelLoader;
  /** What the extending file says `!reset` about. */
  resets: readonly Reset[];
}

interface Step {
  file: string;
  service: string;
}

/** Changes the services of a file that is not canonical yet. @throws {ModelError} */
export function extendServices(model: ValueMap, extension: Extension): void {
  const { services } = model;
  if (services === undefined) return;
  if (!isValueMap(services)) throw new ModelError("services must be a mapping", ["services"]);
  mapAll(Object.keys(services), (name) => (services[name] = extended(name, services, extension, [])));
}

function extended(name: string, services: ValueMap, extension: Extension, steps: readonly Step[]): Value {
  const service = services[name] ?? null;
  if (service === null) return null;
  const path = ["services", name];
  if (!isValueMap(service)) throw new ModelError(`services.${name} must be a mapping`, path);
  if (service["extends"] === undefined) return service;
  const { reference, file } = readExtends(service["extends"], name);
  const base = file === undefined ? { services, reset: undefined } : servicesOf(file, { name, reference }, extension);
  if (file === undefined && !(reference in services)) {
    const words = `cannot extend service "${name}" in ${extension.file}: service "${reference}" not found`;
    throw new ModelError(words, [...path, "extends"]);
  }
  const next = addStep(steps, { file: file ?? extension.file, service: name });
  const deeper = { ...extension, resets: base.reset ? [base.reset] : [] };
  const found = extended(reference, base.services, deeper, next);
  if (!isValueMap(found)) return service;
  const source = structuredCopy(found) as ValueMap;
  for (const reset of extension.resets) reset({ services: { [name]: source } });
  const merged = mergeService(source, service);
  delete merged["extends"];
  services[name] = merged;
  return merged;
}

function readExtends(value: Value, name: string): { reference: string; file: string | undefined } {
  if (typeof value === "string") return { reference: value, file: undefined };
  const path = ["services", name, "extends"];
  const reference = isValueMap(value) ? value["service"] : undefined;
  if (typeof reference !== "string") throw new ModelError(`extends.${name}.service is required`, path);
  const file = isValueMap(value) ? value["file"] : undefined;
  return { reference, file: typeof file === "string" ? file : undefined };
}

function servicesOf(
  file: string,
  { name, reference }: { name: string; reference: string },
  { file: main, scope, loader }: Extension,
): { services: ValueMap; reset: Reset } {
  if (isRemote(file)) throw new ModelError(remoteSentence(file), ["services", name, "extends", "file"]);
  const local = isAbsolute(file) ? file : join(scope.directory, file);
  const path = ["services", name, "extends", "file"];
  const { model, reset } = placedAt(path, () => loader.bare({ name: local }, scope));
  const services = model["services"];
  if (services === undefined) throw new ModelError(`cannot extend service "${name}" in ${local}: no services section`, path);
  if (!isValueMap(services)) throw new ModelError(`cannot extend service "${name}" in ${local}: services must be a mapping`, path);
  if (!(reference in services)) {
    const words = `cannot extend service "${name}" in ${main}: service "${reference}" not found in ${file}`;
    throw new ModelError(words, path);
  }
  resolveRelativePaths(model, relative(scope.directory, dirname(local)) || ".");
  return { services, reset };
}

function addStep(steps: readonly Step[], step: Step): readonly Step[] {
  const [first] = steps;
  if (!first || !steps.some((other) => other.file === step.file && other.service === step.service)) return [...steps, step];
  const lines = [...steps.slice(1), step].map(({ service, file }) => `  extends ${service} in ${file}`);
  const words = ["Circular reference:", `  ${first.service} in ${first.file}`, ...lines].join("\n");
  throw new ModelError(words, ["services", step.service, "extends"]);
}

/** Lists and mappings anew; numbers that carry their text are shared. */
export function structuredCopy(value: Value): Value {
  if (Array.isArray(value)) return value.map(structuredCopy);
  if (!isValueMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, structuredCopy(item)]));
}
