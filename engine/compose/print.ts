/**
 * A project as docker compose prints it: fields in the order of `shapes.ts`, other keys sorted.
 * Ordered plain objects come out; `yaml-text.ts` and `json-text.ts` turn them into text.
 */
import { isValueMap } from "../syntax/compose-value.ts";
import type { FileObject, Project } from "./project.ts";
import type { ServiceConfig } from "./service.ts";
import { FILE_OBJECT, MODEL, NETWORK, SERVICE, VOLUME } from "./shapes.ts";
import type { Field, Kind, Shape } from "./shapes.ts";

/** Key and value in the order to be printed. */
export type Ordered = readonly (readonly [string, unknown])[];

/** A mapping whose keys stay in this order; every other object is printed with its keys sorted. */
export class OrderedMap {
  readonly entries: Ordered;

  constructor(entries: Ordered) {
    this.entries = entries;
  }
}

/** JSON prints some structures that YAML leaves out, and no `x-…` keys. */
export type Format = "json" | "yaml";

/** The whole project, without what `config` does not print. */
export function printedProject(project: Project, format: Format): OrderedMap {
  const parts: [string, unknown][] = [];
  const group = (name: string, resources: Record<string, unknown>, shape: Shape) => {
    if (Object.keys(resources).length > 0) parts.push([name, printedGroup(resources, shape, format)]);
  };
  if (project.name !== "" || format === "json") parts.push(["name", project.name]);
  parts.push(["services", printedGroup(project.services as Record<string, unknown>, SERVICE, format)]);
  group("networks", project.networks as Record<string, unknown>, NETWORK);
  group("volumes", project.volumes as Record<string, unknown>, VOLUME);
  group("secrets", withoutContent(project.secrets, true), FILE_OBJECT);
  group("configs", withoutContent(project.configs, false), FILE_OBJECT);
  if (format === "yaml") group("models", project.models as Record<string, unknown>, MODEL);
  const extensions = Object.entries(project.extensions);
  if (format === "json") return new OrderedMap([...parts, ...withNullLists(extensions)].sort(byKey));
  return new OrderedMap([...parts, ...extensions.sort(byNaturalKey)]);
}

/** Values as they came from a file: an empty list is null in JSON. */
export function nullLists(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? null : value.map(nullLists);
  return isValueMap(value) ? Object.fromEntries(withNullLists(Object.entries(value))) : value;
}

function withNullLists(entries: [string, unknown][]): [string, unknown][] {
  return entries.map(([key, item]) => [key, nullLists(item)]);
}

/** One service, as it is hashed and printed. */
export function printedService(service: ServiceConfig, format: Format): OrderedMap {
  return printed(service as Record<string, unknown>, SERVICE, format);
}

/** One network or volume, as it is hashed. */
export function printedResource(resource: object, kind: "network" | "volume"): OrderedMap {
  return printed(resource as Record<string, unknown>, kind === "network" ? NETWORK : VOLUME, "json");
}

/** A secret's content is never printed, a config's only when it stands in the file. */
function withoutContent(objects: Record<string, FileObject>, secret: boolean): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(objects).map(([key, { content, ...rest }]) => {
      const shown = content !== undefined && !secret && rest.environment === undefined;
      return [key, shown ? { ...rest, content } : rest];
    }),
  );
}

function printedGroup(resources: Record<string, unknown>, shape: Shape, format: Format): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(resources).map(([key, value]) => [
      key,
      value === null ? null : printed(value as Record<string, unknown>, shape, format),
    ]),
  );
}

function printed(value: Readonly<Record<string, unknown>>, shape: Shape, format: Format): OrderedMap {
  const entries: [string, unknown][] = [];
  for (const field of shape) {
    const item = printedField(value[field.name], field, format);
    if (item !== undefined) entries.push([format === "json" ? (field.json ?? field.name) : field.name, item]);
  }
  if (format === "yaml") {
    const extensions = Object.entries(value).filter(([key]) => key.startsWith("x-"));
    entries.push(...extensions.sort(byNaturalKey));
  }
  return new OrderedMap(entries);
}

/** @returns undefined for what is not printed */
function printedField(value: unknown, field: Field, format: Format): unknown {
  const { kind } = field;
  if (kind === "command") return value ?? (format === "json" ? null : undefined);
  if (typeof kind === "object" && "one" in kind) return printedStructure(value, field, kind.one, format);
  if (value === undefined) return field.always ? zeroOf(kind) : undefined;
  if (!field.pointer && !field.always && isZero(value, kind)) return undefined;
  return printedValue(value, kind, format);
}

function printedStructure(value: unknown, field: Field, shape: Shape, format: Format): unknown {
  if (value === undefined && (field.pointer || format === "yaml")) return undefined;
  const structure = printed((value ?? {}) as Record<string, unknown>, shape, format);
  return !field.pointer && format === "yaml" && structure.entries.length === 0 ? undefined : structure;
}

function printedValue(value: unknown, kind: Kind, format: Format): unknown {
  if (kind === "ssh") return printedKeys(value as Record<string, string | null>);
  if (kind === "ulimits") return printedLimits(value as Record<string, unknown>, format);
  if (kind === "envFiles") return (value as Record<string, unknown>[]).map((file) => printedEnvFile(file, format));
  if (typeof kind === "string") return value;
  if ("list" in kind) return (value as Record<string, unknown>[]).map((item) => printed(item, kind.list, format));
  return "map" in kind ? printedGroup(value as Record<string, unknown>, kind.map, format) : value;
}

function printedKeys(keys: Record<string, string | null>): string[] {
  return Object.entries(keys).map(([id, path]) => (path === null || path === "" ? id : `${id}: ${path}`));
}

function printedLimits(limits: Record<string, unknown>, format: Format): Record<string, unknown> {
  const limit = (value: unknown): unknown => {
    if (typeof value === "number" && value !== 0) return value;
    const { soft = 0, hard = 0 } = typeof value === "object" && value !== null ? (value as { soft?: number; hard?: number }) : {};
    const both: [string, number][] = [
      ["soft", soft],
      ["hard", hard],
    ];
    return new OrderedMap(format === "yaml" ? both : both.filter(([, size]) => size !== 0));
  };
  return Object.fromEntries(Object.entries(limits).map(([name, value]) => [name, limit(value)]));
}

/** The way in which an `env_file` was written when nothing special is said. */
function printedEnvFile(file: Record<string, unknown>, format: Format): unknown {
  if (file["required"] === true) return file["path"];
  const entries: [string, unknown][] = [
    ["path", file["path"]],
    ["required", false],
  ];
  if (format === "json" && file["format"]) entries.push(["format", file["format"]]);
  return new OrderedMap(entries);
}

function zeroOf(kind: Kind): unknown {
  if (kind === "boolean") return false;
  if (kind === "integer") return 0;
  return kind === "bytes" ? "0" : "";
}

function isZero(value: unknown, kind: Kind): boolean {
  if (value === "" || value === 0 || value === false) return true;
  if (kind === "bytes" || kind === "duration") return value === "0" || value === "0s";
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function byKey(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return Buffer.compare(Buffer.from(a[0]), Buffer.from(b[0]));
}

function byNaturalKey(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return compareNatural(a[0], b[0]);
}

/**
 * The order in which Go's yaml prints keys: letters by code point after everything else, runs of digits by value.
 */
export function compareNatural(a: string, b: string): number {
  const left = Array.from(a);
  const right = Array.from(b);
  let digits = false;
  for (let index = 0; index < left.length && index < right.length; index++) {
    const [x, y] = [left[index] ?? "", right[index] ?? ""];
    if (x === y) {
      digits = isDigit(x);
      continue;
    }
    return compareAt({ left, right, index, digits });
  }
  return left.length - right.length;
}

function compareAt({ left, right, index, digits }: { left: string[]; right: string[]; index: number; digits: boolean }): number {
  const [x, y] = [left[index] ?? "", right[index] ?? ""];
  const letters = [isLetter(x), isLetter(y)];
  if (letters[0] && letters[1]) return codePoint(x) - codePoint(y);
  if (letters[0] || letters[1]) {
    if (digits) return letters[0] ? -1 : 1;
    return letters[0] ? 1 : -1;
  }
  const [a, b] = [numberAt(left, index, right), numberAt(right, index, left)];
  return a.value - b.value || a.end - b.end || codePoint(x) - codePoint(y);
}

/** The number that runs through `index`; zeros before the first difference matter when one side is a zero. */
function numberAt(text: readonly string[], index: number, other: readonly string[]): { value: number; end: number } {
  let value = 0;
  if (text[index] === "0" || other[index] === "0") {
    for (let before = index - 1; before >= 0 && isDigit(text[before] ?? ""); before--) {
      if (text[before] !== "0") {
        value = 1;
        break;
      }
    }
  }
  let end = index;
  for (; end < text.length && isDigit(text[end] ?? ""); end++) value = value * 10 + Number(text[end]);
  return { value, end };
}

function isDigit(char: string): boolean {
  return /^\d$/.test(char);
}

function isLetter(char: string): boolean {
  return /^\p{L}$/u.test(char);
}

function codePoint(char: string): number {
  return char.codePointAt(0) ?? 0;
}
