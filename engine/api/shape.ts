/**
 * Shapes of request bodies: what Go's decoder does for dockerd. Fields are found whatever their case, unknown ones are
 * dropped, a null counts as absent except where the wire shape has a list or a map, and a wrong type is an error.
 */
import { EngineError } from "../errors.ts";

/** `words` is a list that may also be given as one string, as dockerd allows for Cmd and Entrypoint. */
export type Kind =
  | "string"
  | "integer"
  | "boolean"
  | "words"
  | "anything"
  | { readonly list: Kind }
  | { readonly map: Kind }
  | Struct<never>
  | Struct<object>;

/** A struct of dockerd, by its Go name, and what its fields hold. `T` is the same in TypeScript. */
export interface Struct<out T> {
  readonly name: string;
  readonly fields: Readonly<Record<string, Kind>>;
  /** Never there: it only carries the type. */
  readonly value?: T;
}

/** Every field of `T` has to be named, so that none is forgotten when a type grows. */
export function struct<T>(name: string, fields: { readonly [K in keyof Required<T>]: Kind }): Struct<T> {
  return { name, fields };
}

export const strings: Kind = { list: "string" };
export const stringMap: Kind = { map: "string" };

/** @throws {EngineError} invalid with the sentence of Go's decoder */
export function decode<T>(shape: Struct<T>, value: unknown): T {
  return decodeStruct(shape, value ?? {}, { path: shape.name, go: shape.name }) as T;
}

interface Place {
  readonly path: string;
  readonly go: string;
}

function decodeKind(kind: Kind, value: unknown, path: string): unknown {
  if (kind === "anything") return value;
  if (kind === "string") return typeof value === "string" ? value : wrong(value, { path, go: "string" });
  if (kind === "boolean") return typeof value === "boolean" ? value : wrong(value, { path, go: "bool" });
  if (kind === "integer") return Number.isInteger(value) ? value : wrong(value, { path, go: "int64" });
  if (kind === "words") return typeof value === "string" ? [value] : decodeKind(strings, value, path);
  if ("list" in kind) return decodeList(kind.list, value, path);
  if ("map" in kind) return decodeMap(kind.map, value, path);
  return decodeStruct(kind, value, { path, go: kind.name });
}

function decodeList(item: Kind, value: unknown, path: string): unknown {
  if (!Array.isArray(value)) return wrong(value, { path, go: `[]${goName(item)}` });
  return value.map((each) => (each === null ? zeroItem(item) : decodeKind(item, each, path)));
}

function decodeMap(item: Kind, value: unknown, path: string): unknown {
  if (!isRecord(value)) return wrong(value, { path, go: `map[string]${goName(item)}` });
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, each === null ? zero(item) : decodeKind(item, each, path)]));
}

function decodeStruct(shape: Struct<unknown>, value: unknown, place: Place): Record<string, unknown> {
  if (!isRecord(value)) return wrong(value, place);
  const names = new Map(Object.keys(shape.fields).map((name) => [name.toLowerCase(), name]));
  const result: Record<string, unknown> = {};
  for (const [key, each] of Object.entries(value)) {
    const name = key in shape.fields ? key : names.get(key.toLowerCase());
    if (name === undefined) continue;
    const kind = shape.fields[name]!;
    if (each !== null) result[name] = decodeKind(kind, each, `${place.path}.${name}`);
    else if (holdsNull(kind)) result[name] = null;
  }
  return result;
}

function holdsNull(kind: Kind): boolean {
  return kind === "words" || (typeof kind === "object" && ("list" in kind || "map" in kind));
}

/** An empty struct, too: lists hold structs, maps point to them. */
function zeroItem(kind: Kind): unknown {
  return typeof kind === "object" && "fields" in kind ? {} : zero(kind);
}

/** What Go leaves in a list or map for a null. */
function zero(kind: Kind): unknown {
  if (kind === "string") return "";
  if (kind === "integer") return 0;
  if (kind === "boolean") return false;
  return null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function goName(kind: Kind): string {
  if (kind === "string") return "string";
  if (kind === "integer") return "int64";
  if (kind === "boolean") return "bool";
  if (kind === "words") return "strslice.StrSlice";
  if (kind === "anything") return "interface {}";
  if ("list" in kind) return `[]${goName(kind.list)}`;
  if ("map" in kind) return `map[string]${goName(kind.map)}`;
  return kind.name;
}

function wrong(value: unknown, { path, go }: Place): never {
  const found = typeof value === "number" && go === "int64" ? `number ${value}` : typeName(value);
  const field = path.includes(".") ? `Go struct field ${path}` : "Go value";
  throw new EngineError("invalid", `invalid JSON: json: cannot unmarshal ${found} into ${field} of type ${go}`);
}

function typeName(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  return typeof value;
}
