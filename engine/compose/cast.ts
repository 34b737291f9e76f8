/**
 * Replaces variables in a model and turns the texts that come out into what their place wants.
 * Keys are never replaced. Casting happens only to texts: `privileged: "${P}"` becomes a boolean.
 */
import type { Value, ValueMap } from "../syntax/compose-value.ts";
import { YamlFloat, isValueMap } from "../syntax/compose-value.ts";
import { InvalidTemplateError, MissingVariableError, interpolate } from "../syntax/interpolate.ts";
import type { Lookup } from "../syntax/interpolate.ts";
import { ModelError, PathRules, mapAll, pathText } from "./paths.ts";
import type { ModelPath } from "./paths.ts";

type Cast = (text: string, warn: (message: string) => void) => Value;

/** @throws {Error} `invalid boolean: …` */
export function toBoolean(text: string, warn: (message: string) => void = () => undefined): boolean {
  const word = text.toLowerCase();
  if (word === "true" || word === "false") return word === "true";
  const on = ["y", "yes", "on"].includes(word);
  if (!on && !["n", "no", "off"].includes(word)) throw new Error(`invalid boolean: ${text}`);
  warn(`${JSON.stringify(text)} for boolean is not supported by YAML 1.2, please use \`${on}\``);
  return on;
}

/** @throws {Error} Go's words about a text that is no whole number */
export function toInteger(text: string, caller = "Atoi"): number {
  if (!/^[-+]?\d+$/.test(text)) throw new Error(`strconv.${caller}: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

/** @throws {Error} Go's words about a text that is no number */
export function toFloat(text: string): YamlFloat {
  if (!/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text)) {
    throw new Error(`strconv.ParseFloat: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return new YamlFloat(Number(text));
}

const integer: Cast = (text) => toInteger(text);
const integer64: Cast = (text) => toInteger(text, "ParseInt");

const CASTS = new PathRules<Cast>({
  "services.*.cpu_count": integer64,
  "services.*.cpu_percent": toFloat,
  "services.*.cpu_period": integer64,
  "services.*.cpu_quota": integer64,
  "services.*.cpu_rt_period": integer64,
  "services.*.cpu_rt_runtime": integer64,
  "services.*.cpus": toFloat,
  "services.*.cpu_shares": integer64,
  "services.*.init": toBoolean,
  "services.*.deploy.replicas": integer,
  "services.*.deploy.update_config.parallelism": integer,
  "services.*.deploy.update_config.max_failure_ratio": toFloat,
  "services.*.deploy.rollback_config.parallelism": integer,
  "services.*.deploy.rollback_config.max_failure_ratio": toFloat,
  "services.*.deploy.restart_policy.max_attempts": integer,
  "services.*.deploy.placement.max_replicas_per_node": integer,
  "services.*.healthcheck.retries": integer,
  "services.*.healthcheck.disable": toBoolean,
  "services.*.oom_kill_disable": toBoolean,
  "services.*.oom_score_adj": integer64,
  "services.*.pids_limit": integer64,
  "services.*.ports.*.target": integer,
  "services.*.privileged": toBoolean,
  "services.*.read_only": toBoolean,
  "services.*.scale": integer,
  "services.*.stdin_open": toBoolean,
  "services.*.tty": toBoolean,
  "services.*.ulimits.*": integer,
  "services.*.ulimits.*.hard": integer,
  "services.*.ulimits.*.soft": integer,
  "services.*.volumes.*.read_only": toBoolean,
  "services.*.volumes.*.volume.nocopy": toBoolean,
  "networks.*.external": toBoolean,
  "networks.*.internal": toBoolean,
  "networks.*.attachable": toBoolean,
  "networks.*.enable_ipv4": toBoolean,
  "networks.*.enable_ipv6": toBoolean,
  "volumes.*.external": toBoolean,
  "secrets.*.external": toBoolean,
  "configs.*.external": toBoolean,
});

export interface InterpolationOptions {
  get(name: string): string | undefined;
  /** A remark about one place. */
  warn(message: string, path: ModelPath): void;
}

/** @throws {ModelError} for a template that is none, a required variable that is missing, a text that is not what its place wants */
export function interpolateModel(model: ValueMap, options: InterpolationOptions): ValueMap {
  const walk = (value: Value, path: ModelPath): Value => {
    if (typeof value === "string") return castText(value, path, options);
    if (Array.isArray(value)) return mapAll(value, (item, index) => walk(item, [...path, String(index)]));
    if (!isValueMap(value)) return value;
    return Object.fromEntries(mapAll(Object.entries(value), ([key, item]) => [key, walk(item, [...path, key])]));
  };
  return walk(model, []) as ValueMap;
}

function castText(text: string, path: ModelPath, options: InterpolationOptions): Value {
  const lookup: Lookup = {
    get: options.get,
    onMissing: (name) => options.warn(`The "${name}" variable is not set. Defaulting to a blank string.`, path),
  };
  let replaced: string;
  try {
    replaced = interpolate(text, lookup);
  } catch (error) {
    throw new ModelError(interpolationSentence(error, path), path);
  }
  const cast = CASTS.match(path);
  if (!cast) return replaced;
  try {
    return cast(replaced, (message) => options.warn(message, path));
  } catch (error) {
    const words = `failed to cast to expected type: ${(error as Error).message}`;
    throw new ModelError(`error while interpolating ${listText(path)}: ${words}`, path);
  }
}

function interpolationSentence(error: unknown, path: ModelPath): string {
  if (error instanceof InvalidTemplateError) {
    return `invalid interpolation format for ${listText(path)}.\nYou may need to escape any $ with another $.\n${error.template}`;
  }
  if (error instanceof MissingVariableError) return `error while interpolating ${listText(path)}: ${error.message}`;
  throw error;
}

/** Messages name a list's entry `[]`. */
function listText(path: ModelPath): string {
  return pathText(path.map((part) => (/^\d+$/.test(part) ? "[]" : part)));
}
