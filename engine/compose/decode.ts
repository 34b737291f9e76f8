/** A canonical model → the typed parts of a project, by the tables of `shapes.ts`. */
import { YamlFloat, isValueMap } from "../syntax/compose-value.ts";
import type { Value } from "../syntax/compose-value.ts";
import { formatDuration } from "../syntax/duration.ts";
import { toBoolean, toFloat, toInteger } from "./cast.ts";
import { ModelError } from "./paths.ts";
import type { ModelPath } from "./paths.ts";
import type { Kind, Shape } from "./shapes.ts";
import { splitWords } from "./shellwords.ts";
import { parseBytes } from "../syntax/size.ts";
import { durationNanoseconds, shortestFloat32 } from "./units.ts";

/**
 * A mapping read by a shape. Keys that the shape does not know are dropped, `x-…` keys are kept as they are,
 * null means "not said".
 *
 * @throws {ModelError} for a text that is no number, duration, size, …
 */
export function decodeShape(value: Value, shape: Shape, path: ModelPath): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  if (!isValueMap(value)) return result;
  for (const { name, kind } of shape) {
    const item = value[name];
    if (item === undefined || item === null) continue;
    const place = [...path, name];
    result[name] = locate(place, () => decode(item, kind, place));
  }
  for (const [key, item] of Object.entries(value)) if (key.startsWith("x-")) result[key] = item;
  return result;
}

function locate<T>(path: ModelPath, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ModelError) throw error;
    const [kind = "", name = "", ...rest] = path;
    const place = `${kind}[${name}]${rest.map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`)).join("")}`;
    throw new ModelError(`decoding failed due to the following error(s):\n\n'${place}' ${(error as Error).message}`, path);
  }
}

function decode(value: Value, kind: Kind, path: ModelPath): unknown {
  if (typeof kind === "object") return decodeNested(value, kind, path);
  return READERS[kind](value);
}

function decodeNested(value: Value, kind: Exclude<Kind, string>, path: ModelPath): unknown {
  if ("one" in kind) return decodeShape(value, kind.one, path);
  if ("list" in kind) {
    return asList(value).map((item, index) => decodeShape(item, kind.list, [...path, String(index)]));
  }
  const map = isValueMap(value) ? value : {};
  return Object.fromEntries(
    Object.entries(map).map(([key, item]) => [key, item === null ? null : decodeShape(item, kind.map, [...path, key])]),
  );
}

function asList(value: Value): Value[] {
  return Array.isArray(value) ? value : [value];
}

function number(value: Value): number {
  if (value instanceof YamlFloat) return value.value;
  return typeof value === "string" ? toFloat(value).value : Number(value);
}

function size(value: Value): string {
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  return String(parseBytes(String(value)));
}

/** `[key=value]` or a mapping; a key alone has `alone` as its value. */
function mapping<T>(value: Value, alone: T): Record<string, string | T> {
  const map: Record<string, string | T> = {};
  for (const [key, item] of pairs(value)) map[key] = item === null ? alone : String(item);
  return map;
}

function pairs(value: Value): [string, Value][] {
  if (isValueMap(value)) return Object.entries(value);
  return asList(value).map((entry) => {
    const text = String(entry);
    const at = text.indexOf("=");
    return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
  });
}

function environment(value: Value): Record<string, string | null> {
  for (const [key] of Array.isArray(value) ? pairs(value) : []) {
    if (/\s$/.test(key)) throw new Error(`environment variable ${key} is declared with a trailing space`);
  }
  return mapping(value, null);
}

function options(value: Value): Record<string, string[]> {
  const map: Record<string, string[]> = {};
  for (const [key, item] of pairs(value)) map[key] = asList(item).map(String);
  return map;
}

function hosts(value: Value): string[] {
  const list: [string, string][] = [];
  if (isValueMap(value)) {
    for (const [host, item] of Object.entries(value)) for (const ip of asList(item)) list.push([host, ip === null ? "" : String(ip)]);
  } else {
    for (const entry of asList(value).map(String)) {
      const at = entry.includes("=") ? entry.indexOf("=") : entry.indexOf(":");
      if (at < 0) throw new Error(`invalid additional host, missing IP: ${entry}`);
      for (const ip of entry.slice(at + 1).split(",")) list.push([entry.slice(0, at), ip]);
    }
  }
  const wrong = list.find(([host]) => host === "" || /[:=]/.test(host));
  if (wrong) throw new Error(`bad host name '${wrong[0]}'`);
  return list.map(([host, ip]) => `${host}=${/^\[.+\]$/.test(ip) ? ip.slice(1, -1) : ip}`).sort(compareText);
}

/** Order of Go's strings: by bytes of UTF-8. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function count(value: Value): number {
  if (typeof value === "number") return value;
  const text = String(value);
  if (text.toLowerCase() === "all") return -1;
  if (!/^[-+]?\d+$/.test(text)) throw new Error(`invalid value ${JSON.stringify(text)}, the only value allowed is 'all' or a number`);
  return Number(text);
}

function mode(value: Value): string {
  const bits = typeof value === "number" ? value : Number.parseInt(String(value), 8);
  if (Number.isNaN(bits)) throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
  return `0${bits.toString(8)}`;
}

function ulimits(value: Value): Record<string, unknown> {
  const limits: Record<string, unknown> = {};
  for (const [name, limit] of isValueMap(value) ? Object.entries(value) : []) {
    if (!isValueMap(limit)) limits[name] = number(limit);
    else
      limits[name] = {
        ...(limit["soft"] !== undefined ? { soft: number(limit["soft"]) } : {}),
        ...(limit["hard"] !== undefined ? { hard: number(limit["hard"]) } : {}),
      };
  }
  return limits;
}

function envFiles(value: Value): unknown[] {
  return asList(value)
    .filter(isValueMap)
    .map((file) => ({
      path: String(file["path"] ?? ""),
      required: file["required"] === true || String(file["required"]) === "true",
      ...(file["format"] ? { format: String(file["format"]) } : {}),
    }));
}

const READERS: Readonly<Record<Extract<Kind, string>, (value: Value) => unknown>> = {
  string: (value) => String(value),
  boolean: (value) => (typeof value === "boolean" ? value : toBoolean(String(value))),
  integer: (value) => (typeof value === "string" ? toInteger(value) : Math.trunc(number(value))),
  float32: (value) => shortestFloat32(number(value)),
  texts: (value) => asList(value).map(String),
  map: (value) => mapping(value, ""),
  nullableMap: environment,
  options,
  duration: (value) => formatDuration(durationNanoseconds(String(value))),
  bytes: size,
  mode,
  command: (value) => (typeof value === "string" ? splitWords(value) : asList(value).map(String)),
  healthTest: (value) => (typeof value === "string" ? ["CMD-SHELL", value] : asList(value).map(String)),
  hosts,
  ssh: (value) => mapping(value, null),
  envFiles,
  ulimits,
  count,
};
