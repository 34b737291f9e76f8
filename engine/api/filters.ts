/**
 * The `filters` parameter: `{"label":{"a=b":true}}`, or in its older form `{"label":["a=b"]}`. A filter matches when one of
 * its values does; all filters have to match.
 */
import { EngineError } from "../errors.ts";

export class Filters {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  get(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** Whether one of the values is this, or there are none. */
  exact(name: string, ...candidates: string[]): boolean {
    return !this.has(name) || this.get(name).some((value) => candidates.includes(value));
  }

  /** Like exact, but a value may be the beginning only. */
  prefixes(name: string, ...candidates: string[]): boolean {
    return !this.has(name) || this.get(name).some((value) => candidates.some((candidate) => candidate.startsWith(value)));
  }

  /** Like exact, but the values may be regular expressions that match a part. */
  matches(name: string, ...candidates: string[]): boolean {
    return !this.has(name) || this.get(name).some((value) => candidates.some((candidate) => contains(value, candidate)));
  }

  /** Whether the labels have all that is asked for (`key` or `key=value`), and none of what `<name>!` asks for. */
  labels(labels: Readonly<Record<string, string>> | null | undefined, name = "label"): boolean {
    const has = (wanted: string): boolean => hasLabel(labels ?? {}, wanted);
    return this.get(name).every(has) && !this.get(`${name}!`).some(has);
  }

  /** All filters but this one. */
  without(name: string): Filters {
    return new Filters(new Map([...this.#values].filter(([key]) => key !== name)));
  }

  /** A filter that is true or false. @throws {EngineError} invalid when it is neither or both */
  flag(name: string): boolean | undefined {
    const values = this.get(name);
    if (values.length === 0) return this.has(name) ? false : undefined;
    const truths = values.map((value) => ["1", "true"].includes(value));
    const known = values.every((value) => ["0", "1", "true", "false"].includes(value));
    if (!known || new Set(truths).size > 1) throw invalidValue(name, values);
    return truths[0];
  }

  /** The only value of a filter that takes one. */
  single(name: string): string | undefined {
    const values = this.get(name);
    if (values.length > 1) throw new EngineError("invalid", `more than one ${name} filter specified`);
    return values[0];
  }
}

/**
 * @param known names that the endpoint has
 * @throws {EngineError} invalid `invalid filter`, or `invalid filter 'x'` for a name that is not known
 */
export function parseFilters(text: string, known: readonly string[]): Filters {
  const filters = parse(text);
  for (const name of filters.keys()) if (!known.includes(name)) throw unknownFilter(name);
  return new Filters(filters);
}

/** Like parseFilters for the endpoints that pass over names they do not know. */
export function parseAnyFilters(text: string): Filters {
  return new Filters(parse(text));
}

export function unknownFilter(name: string): EngineError {
  return new EngineError("invalid", `invalid filter '${name}'`);
}

export function invalidValue(name: string, values: readonly string[]): EngineError {
  return new EngineError("invalid", `invalid filter '${name}=${JSON.stringify(values)}'`);
}

function parse(text: string): Map<string, string[]> {
  if (text === "") return new Map();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new EngineError("invalid", "invalid filter");
  }
  if (value === null) return new Map();
  if (typeof value !== "object" || Array.isArray(value)) throw new EngineError("invalid", "invalid filter");
  return new Map(Object.entries(value).map(([name, values]) => [name, valuesOf(values)]));
}

function valuesOf(values: unknown): string[] {
  if (Array.isArray(values) && values.every((value) => typeof value === "string")) return values;
  if (typeof values !== "object" || values === null || Array.isArray(values)) throw new EngineError("invalid", "invalid filter");
  return Object.entries(values)
    .filter(([, on]) => on === true)
    .map(([value]) => value);
}

function contains(pattern: string, candidate: string): boolean {
  if (pattern === candidate) return true;
  try {
    return new RegExp(pattern).test(candidate);
  } catch {
    return candidate.includes(pattern);
  }
}

function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const equals = wanted.indexOf("=");
  if (equals < 0) return wanted in labels;
  return labels[wanted.slice(0, equals)] === wanted.slice(equals + 1);
}
