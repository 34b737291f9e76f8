/** `--cache-from` and `--cache-to` as fields: what they may say. Pure. */
import { isAbsolute } from "node:path";
import { EngineError } from "../errors.ts";

/** `type`, and what else was written: `ref`, `src`, `dest`, `tag`, `digest`, `mode`, `ignore-error`. */
export type CacheFields = Readonly<Record<string, string>>;

export type CacheSource =
  | { readonly type: "registry"; readonly reference: string }
  | { readonly type: "local"; readonly directory: string; readonly tag: string };

export type CacheTarget = { readonly all: boolean; readonly ignoreError: boolean } & (CacheSource | { readonly type: "inline" });

/** @throws {EngineError} invalid, in BuildKit's words where it has them */
export function cacheSource(fields: CacheFields): CacheSource {
  const { type = "registry", ref = "", src = "", digest, tag = "latest" } = fields;
  if (type === "registry") return { type, reference: needed(ref, "ref", "registry cache importer requires a reference") };
  if (type === "local") return { type, directory: absolute(src, "src"), tag: digest || tag };
  throw unknown(type, "importer");
}

/** @throws {EngineError} invalid */
export function cacheTarget(fields: CacheFields): CacheTarget {
  const { type = "registry", ref = "", dest = "", tag = "latest", mode = "min" } = fields;
  if (mode !== "min" && mode !== "max") throw new EngineError("invalid", `unsupported cache mode ${JSON.stringify(mode)}: min or max`);
  const how = { all: mode === "max", ignoreError: fields["ignore-error"] === "true" };
  if (type === "inline") return { type, ...how };
  if (type === "registry") return { type, reference: needed(ref, "ref", "registry cache exporter requires a reference"), ...how };
  if (type === "local") return { type, directory: absolute(dest, "dest"), tag, ...how };
  throw unknown(type, "exporter");
}

function needed(value: string, name: string, message: string): string {
  if (value === "") throw new EngineError("invalid", `${message}: give ${name}=`);
  return value;
}

function absolute(path: string, name: string): string {
  if (!isAbsolute(path)) throw new EngineError("invalid", `The local cache needs ${name}= with an absolute path`);
  return path;
}

function unknown(type: string, what: string): EngineError {
  return new EngineError("invalid", `unknown cache ${what}: ${JSON.stringify(type)}: Berth knows inline, registry and local`);
}
