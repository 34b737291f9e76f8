/**
 * Laying one compose file over another. Mappings merge key by key, lists are appended, texts and numbers are
 * replaced; some places have rules of their own.
 * @see https://github.com/compose-spec/compose-spec/blob/main/13-merge.md
 */
import { isValueMap } from "../syntax/compose-value.ts";
import type { Value, ValueMap } from "../syntax/compose-value.ts";
import { ModelError, PathRules, pathText } from "./paths.ts";
import type { ModelPath } from "./paths.ts";

type Merger = (base: Value, over: Value, path: ModelPath) => Value;

/** `base` with `over` laid upon it. Both may be changed. @throws {ModelError} `cannot override …` */
export function mergeModels(base: ValueMap, over: ValueMap): ValueMap {
  return merge(base, over, []) as ValueMap;
}

/** A service that extends another one: `base` is the other. */
export function mergeService(base: ValueMap, over: ValueMap): ValueMap {
  return merge(base, over, ["services", "x"]) as ValueMap;
}

function merge(base: Value, over: Value, path: ModelPath): Value {
  const special = SPECIAL.match(path);
  if (special) return special(base, over, path);
  if (over === null) return base;
  if (isValueMap(base)) {
    if (!isValueMap(over)) throw new ModelError(`cannot override ${pathText(path)}`, path);
    return mergeMaps(base, over, path);
  }
  if (!Array.isArray(base)) return over;
  if (!Array.isArray(over)) throw new ModelError(`cannot override ${pathText(path)}`, path);
  return [...base, ...over];
}

function mergeMaps(base: ValueMap, over: ValueMap, path: ModelPath): ValueMap {
  for (const [key, value] of Object.entries(over)) {
    const before = Object.hasOwn(base, key) ? base[key] : undefined;
    base[key] = before === undefined ? value : merge(before, value, [...path, key]);
  }
  return base;
}

const replace: Merger = (_base, over) => over;

/** Both become `key=value` lists; which of two entries with one key counts is decided later (`unicity.ts`). */
const asLists: Merger = (base, over) => [...toList(base), ...toList(over)];

const hosts: Merger = (base, over) => {
  const list = toList(base);
  return [...list, ...toList(over).filter((entry) => !list.includes(entry))];
};

const build: Merger = (base, over, path) => mergeMaps(toBuild(base), toBuild(over), path);

const named: Merger = (base, over, path) =>
  mergeMaps(
    toMap(base, () => null),
    toMap(over, () => null),
    path,
  );

const dependsOn: Merger = (base, over, path) => {
  const started = () => ({ condition: "service_started", required: true });
  return mergeMaps(toMap(base, started), toMap(over, started), path);
};

/** Options of one log driver mean nothing to another. */
const logging: Merger = (base, over, path) => {
  if (!isValueMap(base) || !isValueMap(over)) return over;
  const same = base["driver"] === over["driver"] || base["driver"] === undefined || over["driver"] === undefined;
  return same ? mergeMaps(base, over, path) : over;
};

/** Address pools are the same when their subnet is. */
const pools: Merger = (base, over, path) => {
  if (!Array.isArray(base) || !Array.isArray(over)) throw new ModelError(`${pathText(path)}: unexpected type`, path);
  const merged: ValueMap[] = [];
  const place = (pool: ValueMap) => {
    const at = merged.findIndex((other) => other["subnet"] === pool["subnet"]);
    if (at >= 0) merged[at] = pool;
    else merged.push(pool);
  };
  for (const left of base.filter(isValueMap)) {
    for (const right of over.filter(isValueMap)) {
      if (right["subnet"] === left["subnet"]) place(mergeMaps(left, right, path));
      else if (!merged.some((pool) => pool["subnet"] === right["subnet"])) merged.push(right);
      else place(mergeMaps(left, right, path));
    }
  }
  return merged;
};

function toBuild(value: Value): ValueMap {
  if (typeof value === "string") return { context: value };
  return isValueMap(value) ? value : {};
}

function toMap(value: Value, entry: () => Value): ValueMap {
  if (isValueMap(value)) return value;
  return Array.isArray(value) ? Object.fromEntries(value.map((name) => [String(name), entry()])) : {};
}

/** A mapping as sorted `key=value` entries; a key without value stays alone. */
function toList(value: Value): Value[] {
  if (Array.isArray(value)) return value;
  if (typeof value === "string") return [value];
  if (!isValueMap(value)) return [];
  const list = Object.entries(value).flatMap(([key, item]) => {
    if (item === null) return [key];
    return Array.isArray(item) ? item.map((one) => `${key}=${String(one)}`) : [`${key}=${String(item)}`];
  });
  return list.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

const SPECIAL = new PathRules<Merger>({
  "networks.*.ipam.config": pools,
  "networks.*.labels": asLists,
  "volumes.*.labels": asLists,
  "services.*.annotations": asLists,
  "services.*.build": build,
  "services.*.build.args": asLists,
  "services.*.build.additional_contexts": asLists,
  "services.*.build.extra_hosts": hosts,
  "services.*.build.labels": asLists,
  "services.*.command": replace,
  "services.*.depends_on": dependsOn,
  "services.*.deploy.labels": asLists,
  "services.*.dns": asLists,
  "services.*.dns_opt": asLists,
  "services.*.dns_search": asLists,
  "services.*.entrypoint": replace,
  "services.*.env_file": asLists,
  "services.*.label_file": asLists,
  "services.*.environment": asLists,
  "services.*.extra_hosts": hosts,
  "services.*.healthcheck.test": replace,
  "services.*.labels": asLists,
  "services.*.volumes.*.volume.labels": asLists,
  "services.*.logging": logging,
  "services.*.models": named,
  "services.*.networks": named,
  "services.*.sysctls": asLists,
  "services.*.tmpfs": asLists,
  "services.*.ulimits.*": replace,
});
