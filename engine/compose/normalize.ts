/** What follows from what is said: the default network, names of resources, dependencies through links and namespaces. */
import { posix } from "node:path";
import { isValueMap } from "../syntax/compose-value.ts";
import type { Value, ValueMap } from "../syntax/compose-value.ts";
import { mapsIn } from "./defaults.ts";
import { cleanTarget } from "./volume-spec.ts";

/** Changes a canonical model whose `name` is set. */
export function normalizeModel(model: ValueMap, environment: Readonly<Record<string, string>>): void {
  addDefaultNetwork(model);
  for (const service of mapsIn(model["services"])) normalizeService(service, environment);
  for (const kind of ["networks", "volumes", "configs", "secrets"]) nameResources(model, kind);
}

function addDefaultNetwork(model: ValueMap): void {
  let used = false;
  for (const service of mapsIn(model["services"])) {
    if ("provider" in service || "network_mode" in service) continue;
    const networks = service["networks"];
    if (!isValueMap(networks) || Object.keys(networks).length === 0) service["networks"] = { default: null };
    used ||= "default" in (service["networks"] as ValueMap);
  }
  const networks = isValueMap(model["networks"]) ? model["networks"] : {};
  if (used && !("default" in networks)) networks["default"] = null;
  if (Object.keys(networks).length > 0) model["networks"] = networks;
}

function normalizeService(service: ValueMap, environment: Readonly<Record<string, string>>): void {
  if (service["pull_policy"] === "if_not_present") service["pull_policy"] = "missing";
  const build = service["build"];
  if (isValueMap(build)) {
    build["context"] ??= ".";
    if (build["dockerfile"] === undefined && build["dockerfile_inline"] === undefined) build["dockerfile"] = "Dockerfile";
    if (build["args"] !== undefined) build["args"] = withValues(build["args"], environment, "drop");
  }
  if (service["environment"] !== undefined) service["environment"] = withValues(service["environment"], environment, "keep");
  for (const volume of mapsIn(service["volumes"])) volume["target"] = cleanTarget(posix.normalize(String(volume["target"])));
  const dependsOn = isValueMap(service["depends_on"]) ? service["depends_on"] : {};
  for (const [name, restart] of impliedDependencies(service)) {
    dependsOn[name] ??= { condition: "service_started", restart, required: true };
  }
  if (Object.keys(dependsOn).length > 0) service["depends_on"] = dependsOn;
}

/** Services that must run first, and whether they take this one along when they restart. */
function impliedDependencies(service: ValueMap): [string, boolean][] {
  const implied: [string, boolean][] = texts(service["links"]).map((link) => {
    const parts = link.split(":");
    return [parts.length === 2 ? (parts[0] ?? link) : link, true];
  });
  for (const namespace of ["network_mode", "ipc", "pid", "uts", "cgroup"]) {
    const mode = service[namespace];
    if (typeof mode === "string" && mode.startsWith("service:")) implied.push([mode.slice("service:".length), true]);
  }
  for (const from of texts(service["volumes_from"])) {
    if (!from.startsWith("container:")) implied.push([from.split(":")[0] ?? from, false]);
  }
  return implied;
}

function texts(value: Value | undefined): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

/** Variables without a value take the environment's; `drop` or `keep` those that it has not. */
function withValues(value: Value, environment: Readonly<Record<string, string>>, missing: "drop" | "keep"): Value {
  if (Array.isArray(value)) {
    return value.flatMap((entry) => {
      if (typeof entry !== "string" || entry.includes("=")) return [entry];
      if (Object.hasOwn(environment, entry)) return [`${entry}=${environment[entry]}`];
      return missing === "keep" ? [entry] : [];
    });
  }
  if (!isValueMap(value)) return value;
  const result: ValueMap = {};
  for (const [key, item] of Object.entries(value)) {
    if (item !== null) result[key] = item;
    else if (Object.hasOwn(environment, key)) result[key] = environment[key] ?? "";
    else if (missing === "keep") result[key] = null;
  }
  return result;
}

function nameResources(model: ValueMap, kind: string): void {
  const resources = model[kind];
  if (!isValueMap(resources)) return;
  for (const [key, value] of Object.entries(resources)) {
    const resource = isValueMap(value) ? value : {};
    resource["name"] ??= isTrue(resource["external"]) ? key : `${String(model["name"])}_${key}`;
    resources[key] = resource;
  }
}

function isTrue(value: Value | undefined): boolean {
  return ["1", "t", "T", "TRUE", "true", "True"].includes(String(value));
}
