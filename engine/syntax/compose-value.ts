/**
 * Tree → plain values, with the scalars that Docker's tools see: their reader is Go's yaml.v3, which knows
 * `yes` as text, `0755` and `0o755` as octal, `1_000` as a number, dates as timestamps.
 */
import type { YamlEntry, YamlMap, YamlNode, YamlScalar } from "./compose-tree.ts";

/** A number that was written as a fraction or with an exponent; kept apart because Go prints it differently. */
export class YamlFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }

  /** As Go prints it: `1.5`, `1e+06`. */
  toString(): string {
    return formatFloat(this.value);
  }
}

/** `2001-02-03`, with or without a time. Compose takes it nowhere, so only its text is kept. */
export class YamlTimestamp {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

export type ScalarValue = string | number | bigint | boolean | null | YamlFloat | YamlTimestamp;
export type Value = ScalarValue | Value[] | ValueMap;
export interface ValueMap {
  [key: string]: Value;
}

/** Whether a value is a mapping: neither null, list nor scalar. */
export function isValueMap(value: unknown): value is ValueMap {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof YamlFloat) &&
    !(value instanceof YamlTimestamp)
  );
}

const CONSTANTS = new Map<string, boolean | null | YamlFloat>([
  ...["", "~", "null", "Null", "NULL"].map((text) => [text, null] as const),
  ...["true", "True", "TRUE"].map((text) => [text, true] as const),
  ...["false", "False", "FALSE"].map((text) => [text, false] as const),
  ...[".nan", ".NaN", ".NAN"].map((text) => [text, new YamlFloat(NaN)] as const),
  ...[".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"].map((text) => [text, new YamlFloat(Infinity)] as const),
  ...["-.inf", "-.Inf", "-.INF"].map((text) => [text, new YamlFloat(-Infinity)] as const),
]);
const FLOAT = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;
const TIMESTAMP = /^\d{4}-\d{1,2}-\d{1,2}([Tt ]\d{1,2}:\d{1,2}:\d{1,2}(\.\d+)?(Z|[-+]\d{2}:\d{2})?)?$/;
const INTEGER: readonly [RegExp, (digits: string) => bigint][] = [
  [/^0x[0-9a-f]+$/i, BigInt],
  [/^0b[01]+$/i, BigInt],
  [/^0o[0-7]+$/i, BigInt],
  [/^0[0-7]+$/, (digits) => BigInt(`0o${digits}`)],
  [/^(0|[1-9]\d*)$/, BigInt],
];

/** What a plain scalar means. @see https://pkg.go.dev/gopkg.in/yaml.v3 (resolve) */
export function resolvePlain(text: string): ScalarValue {
  const constant = CONSTANTS.get(text);
  if (constant !== undefined) return constant;
  if (!/^[-+.\d]/.test(text)) return text;
  if (isTimestamp(text)) return new YamlTimestamp(text);
  const bare = text.replaceAll("_", "");
  return resolveInteger(bare) ?? (FLOAT.test(bare) ? new YamlFloat(Number(bare)) : text);
}

function isTimestamp(text: string): boolean {
  if (!TIMESTAMP.test(text)) return false;
  const [year = 0, month = 0, day = 0] = text.split(/[-Tt ]/).map(Number);
  const date = new Date(Date.UTC(year, month - 1, day));
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
}

function resolveInteger(text: string): number | bigint | undefined {
  const digits = text.replace(/^[-+]/, "");
  const rule = INTEGER.find(([pattern]) => pattern.test(digits));
  if (!rule) return undefined;
  const size = rule[1](digits);
  const value = text.startsWith("-") ? -size : size;
  if (value > 0xffffffffffffffffn || value < -0x8000000000000000n) return undefined;
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/** A float as Go's `%v` and yaml.v3 print it: shortest digits, an exponent from 1e+06 on and below 1e-04. */
export function formatFloat(value: number): string {
  if (Number.isNaN(value)) return ".nan";
  if (!Number.isFinite(value)) return value > 0 ? ".inf" : "-.inf";
  const [mantissa = "0", exponent = "0"] = value.toExponential().split("e");
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(value);
  return `${mantissa}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

/** A reason not to make values of a tree, at an offset of its text. */
export class YamlValueError extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.name = "YamlValueError";
    this.offset = offset;
  }
}

export interface ValueOptions {
  /** Called for every node with `!reset` or `!override`, and whether its value is to be left out. */
  onTag?: (tag: "!reset" | "!override", path: readonly string[]) => void;
  lineAt?: (offset: number) => number;
}

/**
 * Values of a tree: aliases and merge keys followed, keys as text.
 *
 * @throws {YamlValueError} for a key that stands twice, that is no text, for an unknown alias, for an alias
 *   inside of itself, and for aliases that multiply beyond measure (a "billion laughs" text)
 */
export function toValue(node: YamlNode | undefined, options: ValueOptions = {}): Value {
  const reader = new ValueReader(options);
  const value = reader.read(node, []);
  return value === ABSENT ? null : value;
}

const ABSENT = Symbol("absent");

class ValueReader {
  readonly #options: ValueOptions;
  readonly #open = new Set<YamlNode>();
  #reads = 0;
  #aliasReads = 0;
  #aliasDepth = 0;

  constructor(options: ValueOptions) {
    this.#options = options;
  }

  read(node: YamlNode | undefined, path: readonly string[]): Value | typeof ABSENT {
    if (!node) return null;
    this.#count(node);
    if (node.kind === "alias") return this.#readAlias(node, path);
    if (node.tag === "!reset" || node.tag === "!override") {
      this.#options.onTag?.(node.tag, path);
      if (node.tag === "!reset") return ABSENT;
    }
    if (node.kind === "scalar") return readScalar(node);
    if (this.#open.has(node)) throw new YamlValueError(`anchor '${node.anchor ?? ""}' value contains itself`, node.start);
    this.#open.add(node);
    const value = node.kind === "map" ? this.#readMap(node, path) : this.#readItems(node.items, path);
    this.#open.delete(node);
    return value;
  }

  /** The rule of Go's yaml: few aliases may repeat much, many aliases only little. */
  #count(node: YamlNode): void {
    this.#reads++;
    if (this.#aliasDepth > 0) this.#aliasReads++;
    if (this.#reads > 100 && this.#aliasReads > 1000 && this.#aliasReads / this.#reads > allowedAliasRatio(this.#reads)) {
      throw new YamlValueError("document contains excessive aliasing", node.start);
    }
  }

  #readAlias(node: YamlNode & { kind: "alias" }, path: readonly string[]): Value | typeof ABSENT {
    if (!node.target) throw new YamlValueError(`unknown anchor '${node.name}' referenced`, node.start);
    this.#aliasDepth++;
    const value = this.read(node.target, path);
    this.#aliasDepth--;
    return value;
  }

  #readItems(items: readonly YamlNode[], path: readonly string[]): Value[] {
    const values: Value[] = [];
    for (const [index, item] of items.entries()) {
      const value = this.read(item, [...path, String(index)]);
      if (value !== ABSENT) values.push(value);
    }
    return values;
  }

  #readMap(node: YamlMap, path: readonly string[]): ValueMap {
    const map: ValueMap = {};
    const seen = new Map<string, number>();
    const merges: YamlEntry[] = [];
    for (const entry of node.entries) {
      const key = keyText(entry.key, path);
      this.#checkTwice(entry, key, seen);
      if (key === "<<" && entry.key.kind === "scalar" && entry.key.plain) merges.push(entry);
      else {
        const value = this.read(entry.value, [...path, key]);
        if (value !== ABSENT) define(map, key, value);
      }
    }
    for (const entry of merges) this.#merge(map, entry, path);
    return map;
  }

  #checkTwice(entry: YamlEntry, key: string, seen: Map<string, number>): void {
    const first = seen.get(key);
    const line = this.#options.lineAt ?? ((offset) => offset);
    if (first !== undefined) {
      const words = `line ${line(entry.key.start)}: mapping key ${JSON.stringify(key)} already defined at line ${line(first)}`;
      throw new YamlValueError(words, entry.key.start);
    }
    seen.set(key, entry.key.start);
  }

  /** What the mapping says itself wins over what it merges; of several merged mappings the first wins. */
  #merge(map: ValueMap, entry: YamlEntry, path: readonly string[]): void {
    const value = this.read(entry.value, path);
    const sources = Array.isArray(value) ? value : [value];
    for (const source of sources) {
      if (!isValueMap(source)) throw new YamlValueError("map merge requires map or sequence of maps as the value", entry.key.start);
      for (const [key, inherited] of Object.entries(source)) if (!Object.hasOwn(map, key)) define(map, key, inherited);
    }
  }
}

/** `__proto__` is a key like any other. */
function define(map: ValueMap, key: string, value: Value): void {
  Object.defineProperty(map, key, { value, enumerable: true, writable: true, configurable: true });
}

function allowedAliasRatio(reads: number): number {
  if (reads <= 400_000) return 0.99;
  if (reads >= 4_000_000) return 0.1;
  return 0.99 - 0.89 * ((reads - 400_000) / 3_600_000);
}

/** A type said in front of a text in quotes. */
const TYPED = /^(!!|tag:yaml\.org,2002:)(int|float|bool|null)$/;

function readScalar(node: YamlScalar): ScalarValue {
  if (node.tag === "!!str" || node.tag === "tag:yaml.org,2002:str" || (!node.plain && !TYPED.test(node.tag ?? ""))) return node.text;
  return withTag(resolvePlain(node.text), node.tag);
}

/** `!!float 1` is a fraction also without a point. */
function withTag(value: ScalarValue, tag: string | undefined): ScalarValue {
  return tag?.endsWith("float") && typeof value === "number" ? new YamlFloat(value) : value;
}

function keyText(node: YamlNode, path: readonly string[]): string {
  const target = node.kind === "alias" ? node.target : node;
  const where = path.length === 0 ? "at top level" : `in ${path.join(".")}`;
  if (target?.kind !== "scalar") throw new YamlValueError(`non-string key ${where}: ${target?.kind ?? "nothing"}`, node.start);
  const value = readScalar(target);
  if (typeof value !== "string") throw new YamlValueError(`non-string key ${where}: ${goSyntax(value)}`, node.start);
  return value;
}

function goSyntax(value: ScalarValue): string {
  return value === null ? "interface {}(nil)" : String(value);
}
