/** `RUN --mount=type=…`: its options, read after their variables are expanded. */
import { withSuggestion } from "./problems.ts";

export type MountType = "bind" | "cache" | "tmpfs" | "secret" | "ssh";
export type Sharing = "shared" | "private" | "locked";

export interface Mount {
  readonly type: MountType;
  readonly from: string | undefined;
  readonly source: string | undefined;
  readonly target: string | undefined;
  readonly readOnly: boolean;
  readonly required: boolean;
  readonly id: string | undefined;
  readonly sharing: Sharing;
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly sizeBytes: number | undefined;
  /** A secret's environment variable. */
  readonly env: string | undefined;
}

const types: readonly MountType[] = ["bind", "cache", "tmpfs", "secret", "ssh"];
const sharings: readonly Sharing[] = ["shared", "private", "locked"];
const keys = ["type", "from", "source", "target", "readonly", "id", "sharing", "required", "size", "mode", "uid", "gid", "env"];
const names: Record<string, string> = { src: "source", dst: "target", destination: "target", ro: "readonly", rw: "readwrite" };

type Fields = Partial<Record<string, string>>;

/** Reads the value of `--mount`; what is wrong comes back as BuildKit's sentence. */
export function parseMount(value: string): Mount | { message: string } {
  const fields: Fields = {};
  for (const field of csvFields(value)) {
    const equals = field.indexOf("=");
    const key = (equals < 0 ? field : field.slice(0, equals)).toLowerCase();
    const name = names[key] ?? key;
    if (!keys.includes(name) && name !== "readwrite") {
      return { message: withSuggestion(`unexpected key '${key}' in '${field}'`, key, [...keys, ...Object.keys(names), "readwrite"]) };
    }
    if (equals < 0 && !["readonly", "readwrite", "required"].includes(name)) {
      return { message: `invalid field '${field}' must be a key=value pair` };
    }
    fields[name] = equals < 0 ? "true" : field.slice(equals + 1);
  }
  return read(fields);
}

/** Comma-separated fields; a quoted field may hold commas, `""` is a quote. */
function csvFields(value: string): string[] {
  return [...value.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((match) => match[1]?.replaceAll('""', '"') ?? match[2]!);
}

function read(fields: Fields): Mount | { message: string } {
  const type = (fields["type"]?.toLowerCase() ?? "bind") as MountType;
  const sharing = (fields["sharing"]?.toLowerCase() ?? "shared") as Sharing;
  const message = typeProblem(fields, type, sharing) ?? numberProblem(fields) ?? switchProblem(fields);
  if (message !== undefined) return { message };
  return {
    type,
    from: fields["from"],
    source: fields["source"],
    target: fields["target"],
    readOnly: readOnly(fields, type),
    required: fields["required"] !== undefined && isTrue(fields["required"]) === true,
    id: fields["id"],
    sharing,
    mode: integer(fields["mode"], 8),
    uid: integer(fields["uid"], 10),
    gid: integer(fields["gid"], 10),
    sizeBytes: bytes(fields["size"]),
    env: fields["env"],
  };
}

function readOnly(fields: Fields, type: MountType): boolean {
  if (fields["readonly"] !== undefined) return isTrue(fields["readonly"]) === true;
  if (fields["readwrite"] !== undefined) return isTrue(fields["readwrite"]) === false;
  return type !== "cache" && type !== "tmpfs";
}

function typeProblem(fields: Fields, type: MountType, sharing: Sharing): string | undefined {
  if (!types.includes(type)) return withSuggestion(`unsupported mount type ${JSON.stringify(fields["type"])}`, fields["type"]!, types);
  if (!sharings.includes(sharing)) {
    return withSuggestion(`unsupported sharing value ${JSON.stringify(fields["sharing"])}`, fields["sharing"]!, sharings);
  }
  if (fields["sharing"] !== undefined && type !== "cache") return `invalid cache sharing set for ${type} mount`;
  if (fields["required"] !== undefined && type !== "secret" && type !== "ssh") return `unexpected key 'required' for mount type '${type}'`;
  if (fields["size"] !== undefined && type !== "tmpfs") return `unexpected key 'size' for mount type '${type}'`;
  if (type === "bind" || type === "tmpfs") {
    const owned = ["mode", "uid", "gid"].find((key) => fields[key] !== undefined);
    if (owned !== undefined) return `${owned} not allowed for "${type}" type mounts`;
  }
  return type === "secret" ? secretProblem(fields) : undefined;
}

function secretProblem(fields: Fields): string | undefined {
  if (fields["from"] !== undefined) return "secret mount should not have a from";
  if (!fields["source"] && !fields["target"] && !fields["id"]) return "invalid secret mount. one of source, target required";
  if (fields["source"] && fields["id"]) return "both source and id can't be set";
  return undefined;
}

function numberProblem(fields: Fields): string | undefined {
  if (fields["mode"] !== undefined && integer(fields["mode"], 8) === undefined) return `invalid value ${fields["mode"]} for mode`;
  for (const key of ["uid", "gid"]) {
    if (fields[key] !== undefined && integer(fields[key], 10) === undefined) return `invalid value ${fields[key]} for ${key}`;
  }
  return fields["size"] !== undefined && bytes(fields["size"]) === undefined ? `invalid value for size: ${fields["size"]}` : undefined;
}

function switchProblem(fields: Fields): string | undefined {
  const key = ["readonly", "readwrite", "required"].find((name) => fields[name] !== undefined && isTrue(fields[name]) === undefined);
  return key === undefined ? undefined : `invalid value for ${key}: ${fields[key]}`;
}

/** Go's `strconv.ParseBool`. */
function isTrue(text: string): boolean | undefined {
  if (/^(1|t|true)$/i.test(text)) return true;
  return /^(0|f|false)$/i.test(text) ? false : undefined;
}

function integer(text: string | undefined, radix: 8 | 10): number | undefined {
  if (text === undefined || !(radix === 8 ? /^[0-7]+$/ : /^\d+$/).test(text)) return undefined;
  return Number.parseInt(text, radix);
}

/** `64m`, `1.5GB`, `1024`: powers of 1024. */
function bytes(text: string | undefined): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)i?b?$/i.exec(text ?? "");
  if (!match) return undefined;
  return Math.floor(Number(match[1]) * 1024 ** " kmgtp".indexOf(match[2]!.toLowerCase() || " "));
}
