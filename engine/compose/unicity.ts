/** Lists in which a later entry replaces an earlier one that means the same: one mount a target, one label a key. */
import { isValueMap } from "../syntax/compose-value.ts";
import type { Value, ValueMap } from "../syntax/compose-value.ts";
import { ModelError, PathRules, pathText } from "./paths.ts";
import type { ModelPath } from "./paths.ts";
import { volumeTarget } from "./volume-spec.ts";

type KeyOf = (entry: Value, path: ModelPath) => string;

/** Removes what is said again later; the later entry stands where the first one stood. */
export function enforceUnicity(model: ValueMap): ValueMap {
  return unique(model, []) as ValueMap;
}

function unique(value: Value, path: ModelPath): Value {
  if (isValueMap(value)) {
    for (const [key, item] of Object.entries(value)) value[key] = unique(item, [...path, key]);
    return value;
  }
  const keyOf = Array.isArray(value) ? UNIQUE.match(path) : undefined;
  if (!keyOf || !Array.isArray(value)) return value;
  const entries = new Map<string, Value>();
  for (const [index, entry] of value.entries()) entries.set(keyOf(entry, [...path, String(index)]), entry);
  return [...entries.values()];
}

const beforeEquals: KeyOf = (entry, path) => {
  if (typeof entry !== "string") throw new ModelError(`${pathText(path)}: unexpected type`, path);
  return entry.split("=", 1)[0] ?? "";
};

const mountTarget: KeyOf = (entry, path) => {
  if (isValueMap(entry)) {
    if (typeof entry["target"] === "string") return entry["target"];
    throw new ModelError(`service volume ${indexText(path)} is missing a mount target`, path);
  }
  if (typeof entry !== "string") return "";
  try {
    return volumeTarget(entry);
  } catch (error) {
    throw new ModelError((error as Error).message, path);
  }
};

const deviceTarget: KeyOf = (entry, path) => {
  if (isValueMap(entry)) {
    if (typeof entry["target"] === "string") return entry["target"];
    throw new ModelError(`service device ${indexText(path)} is missing a mount target`, path);
  }
  const parts = String(entry).split(":");
  return parts[1] ?? parts[0] ?? "";
};

const asText: KeyOf = (entry) => String(entry);

function fileTarget(folder: string): KeyOf {
  return (entry) => {
    if (!isValueMap(entry)) return `${folder}/${String(entry)}`;
    return typeof entry["target"] === "string" ? entry["target"] : `${folder}/${String(entry["source"])}`;
  };
}

const port: KeyOf = (entry, path) => {
  if (!isValueMap(entry)) return String(entry);
  const { host_ip = "0.0.0.0", published, target, protocol = "tcp" } = entry;
  if (target === undefined) throw new ModelError(`service ports ${indexText(path)} is missing a target port`, path);
  return `${String(host_ip)}:${String(published)}:${String(target)}/${String(protocol)}`;
};

const envFilePath: KeyOf = (entry, path) => {
  if (!isValueMap(entry)) return String(entry);
  if (typeof entry["path"] === "string") return entry["path"];
  throw new ModelError(`environment path attribute ${indexText(path)} is missing`, path);
};

/** `services.web.ports.[0]` */
function indexText(path: ModelPath): string {
  return pathText([...path.slice(0, -1), `[${path.at(-1) ?? ""}]`]);
}

const UNIQUE = new PathRules<KeyOf>({
  "networks.*.labels": beforeEquals,
  "networks.*.ipam.options": beforeEquals,
  "services.*.annotations": beforeEquals,
  "services.*.build.args": beforeEquals,
  "services.*.build.additional_contexts": beforeEquals,
  "services.*.build.platform": beforeEquals,
  "services.*.build.tags": beforeEquals,
  "services.*.build.labels": beforeEquals,
  "services.*.cap_add": beforeEquals,
  "services.*.cap_drop": beforeEquals,
  "services.*.configs": fileTarget(""),
  "services.*.deploy.labels": beforeEquals,
  "services.*.dns": beforeEquals,
  "services.*.dns_opt": beforeEquals,
  "services.*.dns_search": beforeEquals,
  "services.*.environment": beforeEquals,
  "services.*.env_file": envFilePath,
  "services.*.expose": asText,
  "services.*.labels": beforeEquals,
  "services.*.links": beforeEquals,
  "services.*.networks.*.aliases": beforeEquals,
  "services.*.networks.*.link_local_ips": beforeEquals,
  "services.*.ports": port,
  "services.*.profiles": beforeEquals,
  "services.*.secrets": fileTarget("/run/secrets"),
  "services.*.sysctls": beforeEquals,
  "services.*.tmpfs": beforeEquals,
  "services.*.volumes": mountTarget,
  "services.*.devices": deviceTarget,
});
