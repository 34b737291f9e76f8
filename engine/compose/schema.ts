/**
 * Checks a model against the Compose Specification's JSON schema, with the sentences of docker compose.
 * Only the keywords that the schema uses are known. Of several faults the one that lies deepest is told.
 */
import schema from "../syntax/compose-schema.json" with { type: "json" };
import { YamlFloat, YamlTimestamp, isValueMap } from "../syntax/compose-value.ts";
import type { Value } from "../syntax/compose-value.ts";
import { ModelError } from "./paths.ts";
import type { ModelPath } from "./paths.ts";
import { durationNanoseconds } from "./units.ts";

interface Schema {
  $ref?: string;
  type?: string | string[];
  properties?: Record<string, Schema>;
  patternProperties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  items?: Schema;
  oneOf?: Schema[];
  enum?: unknown[];
  required?: string[];
  uniqueItems?: boolean;
  pattern?: string;
  format?: string;
  minimum?: number;
  maximum?: number;
  minItems?: number;
}

interface Fault {
  path: ModelPath;
  message: string;
  /** How much this says: the depth, and one more for a key that nobody knows. */
  weight: number;
  /** The keys themselves are wrong, not their values. */
  keys?: readonly string[];
}

const ROOT = schema as unknown as Schema & { definitions: Record<string, Schema> };
const PATTERNS = new Map<string, RegExp>();

/** @throws {ModelError} with the sentence that docker compose says after `validating FILE: `, and those of all other faults */
export function validateSchema(model: Value): void {
  const faults: Fault[] = [];
  check(model, ROOT, [], faults);
  const worst = mostSpecific(faults);
  if (!worst) return;
  const others = faults.flatMap((fault) => errorsOf(fault)).filter(({ message, path }) => !isOf(worst, message, path));
  throw new ModelError(sentence(worst), placeOf(worst), others);
}

const sentence = ({ path, message }: Fault): string => `${path.join(".")} ${message}`;
const placeOf = ({ path, keys }: Fault): ModelPath => (keys === undefined ? path : [...path, keys[0]!]);
const isOf = (fault: Fault, message: string, path: ModelPath): boolean =>
  sentence(fault) === message && placeOf(fault).join("\0") === path.join("\0");

/** Keys that nobody knows share a sentence; each has its place. */
function errorsOf(fault: Fault): ModelError[] {
  if (!fault.keys) return [new ModelError(sentence(fault), fault.path)];
  return fault.keys.map((key) => new ModelError(sentence(fault), [...fault.path, key]));
}

function mostSpecific(faults: readonly Fault[]): Fault | undefined {
  let found: Fault | undefined;
  for (const fault of faults) if (!found || fault.weight > found.weight) found = fault;
  return found;
}

function check(value: Value, rule: Schema, path: ModelPath, faults: Fault[]): void {
  const add = (message: string, more: Partial<Fault> = {}) => faults.push({ path, message, weight: path.length, ...more });
  if (rule.$ref) check(value, resolveReference(rule.$ref), path, faults);
  if (rule.type && value instanceof YamlTimestamp) return void add("invalid jsonType time.Time");
  if (rule.type && !hasType(value, rule.type)) return void add(`must be a ${typeWords(rule.type)}`);
  if (rule.enum && !rule.enum.includes(value)) add(`value must be one of ${rule.enum.map((item) => `'${String(item)}'`).join(", ")}`);
  if (isValueMap(value)) checkMap(value, rule, path, faults);
  else if (Array.isArray(value)) checkList(value, rule, path, faults);
  else if (typeof value === "string") checkText(value, rule, add);
  else if (typeof value === "number" || value instanceof YamlFloat)
    checkNumber(value instanceof YamlFloat ? value.value : value, rule, add);
  if (rule.oneOf) checkOneOf(value, rule.oneOf, path, faults);
}

function checkOneOf(value: Value, choices: readonly Schema[], path: ModelPath, faults: Fault[]): void {
  const all: Fault[] = [];
  const matches: number[] = [];
  for (const [index, choice] of choices.entries()) {
    const own: Fault[] = [];
    check(value, choice, path, own);
    if (own.length === 0) matches.push(index);
    const worst = mostSpecific(own);
    if (worst) all.push(worst);
  }
  if (matches.length > 1) {
    faults.push({ path, message: `oneOf failed, subschemas ${matches.slice(0, 2).join(", ")} matched`, weight: path.length });
  }
  const worst = mostSpecific(all);
  if (matches.length === 0 && worst) faults.push(worst);
}

function checkMap(value: Record<string, Value>, rule: Schema, path: ModelPath, faults: Fault[]): void {
  const missing = rule.required?.filter((key) => !Object.hasOwn(value, key)) ?? [];
  if (missing.length > 0) {
    const names = missing.map((key) => `'${key}'`).join(", ");
    faults.push({ path, message: `missing ${missing.length === 1 ? "property" : "properties"} ${names}`, weight: path.length });
  }
  const unknown: string[] = [];
  for (const [key, item] of Object.entries(value)) {
    const known = rulesFor(key, rule);
    for (const own of known) check(item, own, [...path, key], faults);
    if (known.length > 0 || rule.additionalProperties === undefined || rule.additionalProperties === true) continue;
    if (rule.additionalProperties === false) unknown.push(key);
    else check(item, rule.additionalProperties, [...path, key], faults);
  }
  if (unknown.length === 0) return;
  const names = unknown.map((key) => `'${key}'`).join(", ");
  faults.push({ path, message: `additional properties ${names} not allowed`, weight: path.length + 1, keys: unknown });
}

function rulesFor(key: string, rule: Schema): Schema[] {
  const rules: Schema[] = [];
  if (rule.properties && Object.hasOwn(rule.properties, key)) rules.push(rule.properties[key] ?? {});
  for (const [pattern, own] of Object.entries(rule.patternProperties ?? {})) if (regexp(pattern).test(key)) rules.push(own);
  return rules;
}

function checkList(value: readonly Value[], rule: Schema, path: ModelPath, faults: Fault[]): void {
  for (const [index, item] of value.entries()) if (rule.items) check(item, rule.items, [...path, String(index)], faults);
  if (!rule.uniqueItems) return;
  const seen = new Map<string, number>();
  for (const [index, item] of value.entries()) {
    const text = JSON.stringify(item, (_key, part: unknown) => (typeof part === "bigint" ? String(part) : part));
    const first = seen.get(text);
    if (first !== undefined) {
      faults.push({ path, message: `items at ${first} and ${index} are equal`, weight: path.length });
      return;
    }
    seen.set(text, index);
  }
}

function checkText(value: string, rule: Schema, add: (message: string) => void): void {
  if (rule.pattern && !regexp(rule.pattern).test(value)) add(`'${value}' does not match pattern '${rule.pattern}'`);
  if (rule.format !== "duration") return;
  const invalid = durationFault(value);
  if (invalid) add(`'${value}' is not valid duration: ${invalid}`);
}

/** Unlike the loader, the schema knows no days and weeks. */
function durationFault(value: string): string | undefined {
  const unit = /\d([dw])/.exec(value)?.[1];
  if (unit) return `time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(value)}`;
  try {
    durationNanoseconds(value);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function checkNumber(value: number, rule: Schema, add: (message: string) => void): void {
  if (rule.minimum !== undefined && value < rule.minimum) add(`must be greater than or equal to ${rule.minimum}`);
  if (rule.maximum !== undefined && value > rule.maximum) add(`must be less than or equal to ${rule.maximum}`);
}

function resolveReference(reference: string): Schema {
  return ROOT.definitions[reference.replace("#/definitions/", "")] ?? {};
}

function regexp(pattern: string): RegExp {
  const known = PATTERNS.get(pattern) ?? new RegExp(pattern);
  PATTERNS.set(pattern, known);
  return known;
}

function hasType(value: Value, types: string | readonly string[]): boolean {
  const own = typesOf(value);
  return (typeof types === "string" ? [types] : types).some((type) => own.includes(type));
}

function typesOf(value: Value): string[] {
  if (value === null) return ["null"];
  if (Array.isArray(value)) return ["array"];
  if (value instanceof YamlTimestamp) return [];
  if (value instanceof YamlFloat) return Number.isInteger(value.value) ? ["number", "integer"] : ["number"];
  if (typeof value === "number" || typeof value === "bigint") return ["number", "integer"];
  return typeof value === "object" ? ["object"] : [typeof value];
}

/** `mapping or string`: a JSON object is a mapping here. */
function typeWords(types: string | readonly string[]): string {
  const words = (typeof types === "string" ? [types] : types).map((type) => (type === "object" ? "mapping" : type));
  if (words.length === 1) return words[0] ?? "";
  const sorted = words.toSorted();
  return `${sorted.slice(0, -1).join(", ")} or ${sorted.at(-1)}`;
}
