/**
 * The functions of a template: Go's own, and those that docker adds.
 */
import { TemplateError } from "./lex.ts";

export type Value = unknown;
export type TemplateFunction = (...values: Value[]) => Value;

/** Go's `%v` of a JSON value. */
export function show(value: Value): string {
  if (value === undefined) return "<no value>";
  if (value === null) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(show).join(" ")}]`;
  if (typeof value === "object") {
    const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
    return `map[${entries.map(([key, one]) => `${key}:${isEmptyObject(one) ? "{}" : show(one)}`).join(" ")}]`;
  }
  return String(value);
}

/** As the values of Docker's sets are, such as ExposedPorts and Volumes: in Go they have no fields. */
function isEmptyObject(value: Value): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}

/** Go's truth: everything but false, 0, nil and what is empty. */
export function truth(value: Value): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (value !== null && typeof value === "object") return Object.keys(value).length > 0;
  return Boolean(value);
}

/** JSON as Go writes it: no spaces, `<`, `>` and `&` escaped. */
export function goJson(value: Value): string {
  const text = JSON.stringify(value, (_key, one: unknown) => (typeof one === "bigint" ? Number(one) : one)) ?? "null";
  return text.replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Go's Sprintf for the verbs that formats use. */
export function sprintf(format: string, values: readonly Value[]): string {
  let next = 0;
  const text = format.replace(/%([-+# 0]*)(\d+)?(?:\.(\d+))?([a-zA-Z%])/g, (_all, flags: string, width, precision, verb: string) => {
    if (verb === "%") return "%";
    if (next >= values.length) return `%!${verb}(MISSING)`;
    return pad(formatOne(verb, values[next++], { plus: flags.includes("+"), precision }), width, flags);
  });
  const extra = values.slice(next).map((value) => `${typeName(value)}=${show(value)}`);
  return extra.length > 0 ? `${text}%!(EXTRA ${extra.join(", ")})` : text;
}

function pad(text: string, width: string | undefined, flags: string): string {
  if (!width) return text;
  if (flags.includes("-")) return text.padEnd(Number(width));
  return flags.includes("0") ? text.padStart(Number(width), "0") : text.padStart(Number(width));
}

function formatOne(verb: string, value: Value, options: { plus: boolean; precision: string | undefined }): string {
  const digits = options.precision === undefined ? undefined : Number(options.precision);
  if (verb === "q") return JSON.stringify(show(value));
  if (verb === "T") return typeName(value);
  if (verb === "s") return digits === undefined ? show(value) : show(value).slice(0, digits);
  if (verb === "v") return show(value);
  if (verb === "t" && typeof value === "boolean") return String(value);
  if (typeof value !== "number" && typeof value !== "bigint") {
    if (verb === "x" && typeof value === "string") return Buffer.from(value).toString("hex");
    return `%!${verb}(${typeName(value)}=${show(value)})`;
  }
  const sign = options.plus && value >= 0 ? "+" : "";
  if (verb === "d") return sign + value.toString();
  if (verb === "f" || verb === "e")
    return sign + (verb === "f" ? Number(value).toFixed(digits ?? 6) : Number(value).toExponential(digits ?? 6));
  if (verb === "g") return sign + String(digits === undefined ? value : Number(Number(value).toPrecision(digits)));
  const radix = { x: 16, X: 16, o: 8, b: 2 }[verb];
  if (radix) return verb === "X" ? value.toString(radix).toUpperCase() : value.toString(radix);
  if (verb === "c") return String.fromCodePoint(Number(value));
  return `%!${verb}(${typeName(value)}=${show(value)})`;
}

function typeName(value: Value): string {
  if (value === null || value === undefined) return "<nil>";
  if (Array.isArray(value)) return "[]interface {}";
  if (typeof value === "object") return "map[string]interface {}";
  if (typeof value === "boolean") return "bool";
  return typeof value === "string" ? "string" : Number.isInteger(Number(value)) ? "int" : "float64";
}

function compare(a: Value, b: Value): number {
  if (typeof a !== typeof b || (typeof a !== "string" && typeof a !== "number"))
    throw new TemplateError("incompatible types for comparison");
  return (a as string | number) < (b as string | number) ? -1 : a === b ? 0 : 1;
}

function equal(a: Value, b: Value): boolean {
  if (a !== null && b !== null && a !== undefined && b !== undefined && typeof a !== typeof b)
    throw new TemplateError("incompatible types for comparison");
  return a === b;
}

function index(value: Value, ...keys: Value[]): Value {
  let at = value;
  for (const key of keys) {
    if (at === null || at === undefined) throw new TemplateError("error calling index: index of untyped nil");
    if (Array.isArray(at) || typeof at === "string") at = item(at, key);
    else if (typeof at === "object") at = (at as Record<string, Value>)[show(key)];
    else throw new TemplateError(`error calling index: can't index item of type ${typeName(at)}`);
  }
  return at;
}

function item(list: readonly Value[] | string, key: Value): Value {
  if (typeof key !== "number") throw new TemplateError(`error calling index: cannot index slice/array with type ${typeName(key)}`);
  if (key < 0 || key >= list.length) throw new TemplateError(`error calling index: index out of range: ${key}`);
  return typeof list === "string" ? Buffer.from(list)[key] : list[key];
}

function length(value: Value): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (value !== null && typeof value === "object") return Object.keys(value).length;
  // A null of the engine is Go's nil slice or map.
  if (value === null) return 0;
  throw new TemplateError(`error calling len: len of type ${typeName(value)}`);
}

function slice(value: Value, from: Value = 0, to?: Value): Value {
  if (typeof value !== "string" && !Array.isArray(value))
    throw new TemplateError(`error calling slice: can't slice item of type ${typeName(value)}`);
  if (Number(to ?? value.length) > value.length) throw new TemplateError(`error calling slice: index out of range: ${show(to)}`);
  return value.slice(Number(from), to === undefined ? undefined : Number(to));
}

/** Go's print: a space between neighbors that are both not strings. */
function print(...values: Value[]): string {
  return values.reduce<string>((text, value, at) => {
    const spaced = at > 0 && typeof value !== "string" && typeof values[at - 1] !== "string";
    return text + (spaced ? " " : "") + show(value);
  }, "");
}

/** Go's strings.Title: the first letter of each word. */
export function titleCase(text: string): string {
  return text.replace(/(^|[^\p{L}\p{N}_'])(\p{L})/gu, (_all, before: string, letter: string) => before + letter.toUpperCase());
}

export const FUNCTIONS: Readonly<Record<string, TemplateFunction>> = {
  // `and` and `or` are evaluated word by word; here they are only names.
  and: (...values) => values.every(truth),
  or: (...values) => values.some(truth),
  not: (value) => !truth(value),
  eq: (a, ...others) => others.some((b) => equal(a, b)),
  ne: (a, b) => !equal(a, b),
  lt: (a, b) => compare(a, b) < 0,
  le: (a, b) => compare(a, b) <= 0,
  gt: (a, b) => compare(a, b) > 0,
  ge: (a, b) => compare(a, b) >= 0,
  len: length,
  index,
  slice,
  print,
  println: (...values) => `${values.map(show).join(" ")}\n`,
  printf: (format, ...values) => sprintf(show(format), values),
  html: (value) => show(value).replace(/[<>&'"]/g, (c) => `&${{ "<": "lt", ">": "gt", "&": "amp", "'": "#39", '"': "#34" }[c]};`),
  js: (value) => JSON.stringify(show(value)).slice(1, -1),
  urlquery: (value) => encodeURIComponent(show(value)).replaceAll("%20", "+"),
  json: goJson,
  split: (value, separator) => show(value).split(show(separator)),
  join: (values, separator) => (Array.isArray(values) ? values.map(show).join(show(separator)) : show(values)),
  title: (value) => titleCase(show(value)),
  lower: (value) => show(value).toLowerCase(),
  upper: (value) => show(value).toUpperCase(),
  pad: (value, before, after) => (value === "" ? "" : " ".repeat(Number(before)) + show(value) + " ".repeat(Number(after))),
  truncate: (value, size) => show(value).slice(0, Number(size)),
};
