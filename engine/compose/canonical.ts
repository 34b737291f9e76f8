/** Short forms become long forms, and defaults that every reader of a model may count on are filled in. */
import { isValueMap } from "../syntax/compose-value.ts";
import type { Value, ValueMap } from "../syntax/compose-value.ts";
import { ModelError, PathRules, mapAll, pathText } from "./paths.ts";
import type { ModelPath } from "./paths.ts";
import { parsePorts } from "./port-spec.ts";
import { parseVolume } from "./volume-spec.ts";

/** Remarks, and whether variables are still in the texts so that a text may not be parseable yet. */
export interface CanonicalOptions {
  lenient: boolean;
  warn(message: string, path: ModelPath): void;
}

type Transform = (value: Value, path: ModelPath, options: CanonicalOptions) => Value;

/** The model in long forms. @throws {ModelError} */
export function canonicalModel(model: ValueMap, options: CanonicalOptions): ValueMap {
  return transform(model, [], options) as ValueMap;
}

function transform(value: Value, path: ModelPath, options: CanonicalOptions): Value {
  const rule = TRANSFORMS.match(path);
  return rule ? rule(value, path, options) : transformChildren(value, path, options);
}

function transformChildren(value: Value, path: ModelPath, options: CanonicalOptions): Value {
  if (Array.isArray(value)) return mapAll(value, (item, index) => transform(item, [...path, String(index)], options));
  if (!isValueMap(value)) return value;
  mapAll(Object.entries(value), ([key, item]) => (value[key] = transform(item, [...path, key], options)));
  return value;
}

function fail(path: ModelPath, message: string): never {
  throw new ModelError(`${pathText(path)}: ${message}`, path);
}

function goType(value: Value): string {
  if (value === null) return "<nil>";
  if (Array.isArray(value)) return "[]interface {}";
  if (isValueMap(value)) return "map[string]interface {}";
  return typeof value === "boolean" ? "bool" : typeof value === "number" ? "int" : typeof value === "string" ? "string" : "float64";
}

const listOfOne: Transform = (value) => (typeof value === "string" ? [value] : value);
const asText: Transform = (value) => String(value);

/** A mapping stays and is walked; a text becomes the mapping with one key. */
function textUnder(key: string, what: string): Transform {
  return (value, path, options) => {
    if (isValueMap(value)) return transformChildren(value, path, options);
    if (typeof value === "string") return { [key]: value };
    return fail(path, `invalid type ${goType(value)} for ${what}`);
  };
}

const keysOnly: Transform = (value) => (Array.isArray(value) ? Object.fromEntries(value.map((name) => [String(name), null])) : value);

const keyValues: Transform = (value, path, options) => {
  if (isValueMap(value)) return value;
  if (!Array.isArray(value)) return fail(path, `invalid type ${goType(value)}`);
  const map: ValueMap = {};
  for (const entry of value) {
    const text = String(entry);
    const at = text.indexOf("=");
    if (at < 0 && options.lenient) return value;
    if (at < 0) return fail(path, `invalid value ${text}, expected key=value`);
    map[text.slice(0, at)] = text.slice(at + 1);
  }
  return map;
};

const dependsOn: Transform = (value, path) => {
  if (Array.isArray(value)) {
    return Object.fromEntries(value.map((name) => [String(name), { condition: "service_started", required: true }]));
  }
  if (!isValueMap(value)) return fail(path, `invalid type ${goType(value)} for depend_on`);
  for (const [name, entry] of Object.entries(value)) {
    if (!isValueMap(entry)) return fail([...path, name], `unsupported value ${JSON.stringify(value)}`);
    entry["condition"] ??= "service_started";
    entry["required"] ??= true;
  }
  return value;
};

const envFiles: Transform = (value, path) => {
  const list = typeof value === "string" ? [value] : value;
  if (!Array.isArray(list)) return fail(path, `invalid type ${goType(value)} for env_file`);
  return list.map((entry) => {
    if (typeof entry === "string") return { path: entry, required: true };
    if (isValueMap(entry)) entry["required"] ??= true;
    return entry;
  });
};

const gpus: Transform = (value, path, options) => {
  if (Array.isArray(value)) return transformChildren(value, path, options);
  if (typeof value === "string") return [{ count: "all" }];
  return fail(path, `invalid type ${goType(value)} for gpus`);
};

const ports: Transform = (value, path, options) => {
  if (!Array.isArray(value)) return fail(path, `invalid type ${goType(value)} for port`);
  const read = (entry: Value, index: number): Value[] => {
    if (isValueMap(entry)) return [entry];
    if (typeof entry !== "string" && typeof entry !== "number") return fail(path, `invalid type ${goType(entry)} for port`);
    try {
      return parsePorts(String(entry));
    } catch (error) {
      throw new ModelError((error as Error).message, [...path, String(index)]);
    }
  };
  try {
    return mapAll(value, read).flat();
  } catch (error) {
    if (options.lenient && error instanceof ModelError && error.path.length > path.length) return value;
    throw error;
  }
};

const volumeMount: Transform = (value, path, options) => {
  if (isValueMap(value)) return value;
  if (typeof value !== "string") return fail(path, `invalid type ${goType(value)} for service volume mount`);
  try {
    return parseVolume(value);
  } catch (error) {
    if (options.lenient) return value;
    throw new ModelError((error as Error).message, path);
  }
};

const device: Transform = (value, path, options) => {
  if (isValueMap(value)) return value;
  if (typeof value !== "string") return fail(path, `invalid type ${goType(value)} for service volume mount`);
  const [source = "", target = "", permissions = "rwm", ...more] = value.split(":");
  if (more.length > 0 && !options.lenient) {
    throw new ModelError(`confusing device mapping, please use long syntax: ${value}`, path);
  }
  return more.length > 0 ? { source: "", target: "", permissions: "rwm" } : { source, target: target || source, permissions };
};

const fileMount: Transform = (value, path) => {
  if (isValueMap(value)) return value;
  return typeof value === "string" ? { source: value } : fail(path, `unsupported type ${goType(value)}`);
};

const ssh: Transform = (value, path) => {
  if (isValueMap(value)) return value;
  if (!Array.isArray(value)) return fail(path, `invalid type ${goType(value)} for ssh`);
  const keys: ValueMap = {};
  for (const entry of value) {
    const [id = "", ...rest] = String(entry).split("=");
    if (rest.length === 0 && id !== "default") throw new ModelError(`invalid ssh key ${JSON.stringify(id)}`, path);
    keys[id] = rest.length === 0 ? null : rest.join("=");
  }
  return keys;
};

const ulimit: Transform = (value, path) =>
  isValueMap(value) || typeof value === "number" ? value : fail(path, `invalid type ${goType(value)} for external`);

/** `external: {name: x}` is the old way to say `external: true` and `name: x`. */
const external: Transform = (value, path, options) => {
  if (value === null) return null;
  const resource = transformChildren(value, path, options) as ValueMap;
  const old = resource["external"];
  if (!isValueMap(old)) return resource;
  resource["external"] = true;
  const name = old["name"];
  if (name === undefined) return resource;
  options.warn(`${pathText(path)}: external.name is deprecated. Please set name and external: true`, path);
  if (resource["name"] !== undefined && resource["name"] !== name) {
    return fail(path, "name and external.name conflict; only use name");
  }
  resource["name"] = name;
  return resource;
};

const TRANSFORMS = new PathRules<Transform>({
  "services.*": transformChildren,
  "services.*.build.secrets.*": fileMount,
  "services.*.build.provenance": asText,
  "services.*.build.sbom": asText,
  "services.*.build.additional_contexts": keyValues,
  "services.*.depends_on": dependsOn,
  "services.*.env_file": envFiles,
  "services.*.label_file": listOfOne,
  "services.*.extends": textUnder("service", "extends"),
  "services.*.gpus": gpus,
  "services.*.networks": keysOnly,
  "services.*.models": keysOnly,
  "services.*.volumes.*": volumeMount,
  "services.*.dns": listOfOne,
  "services.*.devices.*": device,
  "services.*.secrets.*": fileMount,
  "services.*.configs.*": fileMount,
  "services.*.ports": ports,
  "services.*.build": textUnder("context", "build"),
  "services.*.build.ssh": ssh,
  "services.*.ulimits.*": ulimit,
  "services.*.build.ulimits.*": ulimit,
  "services.*.develop.watch.*.ignore": listOfOne,
  "services.*.develop.watch.*.include": listOfOne,
  "volumes.*": external,
  "networks.*": external,
  "secrets.*": external,
  "configs.*": external,
});
