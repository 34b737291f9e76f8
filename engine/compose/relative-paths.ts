/** Relative paths of a model become absolute. */
import { lstatSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, sep } from "node:path";
import { isValueMap } from "../syntax/compose-value.ts";
import type { Value, ValueMap } from "../syntax/compose-value.ts";
import { ModelError, PathRules } from "./paths.ts";
import type { ModelPath } from "./paths.ts";

type Resolve = (value: Value, base: string, path: ModelPath) => Value;

/** Changes the model. `base` may be relative itself: paths of an extended file stay relative to the project. */
export function resolveRelativePaths(model: ValueMap, base: string): void {
  resolve(model, base, []);
}

function resolve(value: Value, base: string, path: ModelPath): Value {
  const rule = RESOLVERS.match(path);
  if (rule) return rule(value, base, path);
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) value[index] = resolve(item, base, [...path, String(index)]);
  } else if (isValueMap(value)) {
    for (const [key, item] of Object.entries(value)) value[key] = resolve(item, base, [...path, key]);
  }
  return value;
}

/** `~` is the home directory. */
export function expandHome(path: string): string {
  return path.startsWith("~") ? join(homedir(), path.slice(1)) : path;
}

const absolute: Resolve = (value, base) => {
  if (typeof value !== "string" || value === "") return value;
  const path = expandHome(value);
  return isAbsolute(path) ? path : join(base, path);
};

const context: Resolve = (value, base, path) => {
  if (typeof value !== "string" || value.includes("://") || value.startsWith("service:")) return value;
  const remote = ["https://", "http://", "git://", "ssh://", "github.com/", "git@"].some((prefix) => value.startsWith(prefix));
  return remote ? value : absolute(value, base, path);
};

/** An absolute path of Windows stays, also here. */
const anySystem: Resolve = (value, base, path) =>
  typeof value === "string" && /^([A-Za-z]:[\\/]|\\\\)/.test(value)
    ? value
    : typeof value === "string" && value === ""
      ? join(base)
      : absolute(value, base, path);

const mount: Resolve = (value, base, path) => {
  if (!isValueMap(value) || value["type"] !== "bind") return value;
  if (value["source"] === undefined) {
    throw new ModelError('invalid mount config for type "bind": field Source must not be empty', path);
  }
  value["source"] = anySystem(value["source"], base, path);
  return value;
};

/** The local driver with `o: bind` is a bind mount. */
const volume: Resolve = (value, base, path) => {
  const options = isValueMap(value) && value["driver"] === "local" ? value["driver_opts"] : undefined;
  if (isValueMap(options) && options["o"] === "bind" && options["device"] !== undefined) {
    options["device"] = anySystem(options["device"], base, path);
  }
  return value;
};

/** A watched path is the one behind the first symbolic link on the way. */
const watched: Resolve = (value, base, path) => {
  const found = absolute(value, base, path);
  if (typeof found !== "string") return found;
  let way = isAbsolute(found) ? sep : "";
  for (const part of found.split(sep).filter(Boolean)) {
    way = join(way, part);
    if (isLink(way)) return found.replace(way, realpathSync(way));
  }
  return found;
};

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  }
}

const RESOLVERS = new PathRules<Resolve>({
  "services.*.build.context": context,
  "services.*.build.additional_contexts.*": context,
  "services.*.build.ssh.*": anySystem,
  "services.*.env_file.*.path": absolute,
  "services.*.label_file.*": absolute,
  "services.*.extends.file": absolute,
  "services.*.develop.watch.*.path": watched,
  "services.*.volumes.*": mount,
  "configs.*.file": anySystem,
  "secrets.*.file": anySystem,
  "volumes.*": volume,
});
