/** Rules about one place of a model that the schema cannot say. */
import { isIP } from "node:net";
import { isValueMap } from "../syntax/compose-value.ts";
import type { Value, ValueMap } from "../syntax/compose-value.ts";
import { mapsIn, reservedDevices } from "./defaults.ts";
import { ModelError, mapAll } from "./paths.ts";
import type { ModelPath } from "./paths.ts";

/** @throws {ModelError} */
export function checkModel(model: ValueMap): void {
  const each = (kind: string, check: (value: Value, path: ModelPath) => void) =>
    entries(model[kind]).map(
      ([name, value]) =>
        () =>
          check(value, [kind, name]),
    );
  const all = [
    ...each("volumes", checkExternal),
    ...each("configs", (config, path) => checkSource(config, ["file", "environment", "content"], path)),
    ...each("secrets", (secret, path) => checkSource(secret, ["file", "environment"], path)),
    ...each("services", (service, path) => isValueMap(service) && checkService(service, path)),
  ];
  mapAll(all, (check) => check());
}

function entries(value: Value | undefined): [string, Value][] {
  return isValueMap(value) ? Object.entries(value) : [];
}

function fail(path: ModelPath, message: string, at: ModelPath = path): never {
  throw new ModelError(`${path.map((part) => (/^\d+$/.test(part) ? "[]" : part)).join(".")}: ${message}`, at);
}

function checkExternal(volume: Value, path: ModelPath): void {
  if (!isValueMap(volume) || volume["external"] !== true) return;
  const other = Object.keys(volume).find((key) => key !== "name" && key !== "external" && !key.startsWith("x-"));
  if (other) fail(path, `conflicting parameters "external" and "${other}" specified`, [...path, other]);
}

function checkSource(value: Value, keys: readonly string[], path: ModelPath): void {
  const object = isValueMap(value) ? value : {};
  const said = keys.filter((key) => key in object);
  if (said.length > 1) fail(path, `${keys.join("|")} attributes are mutually exclusive`);
  if (said.length === 0 && !("driver" in object) && !("external" in object)) fail(path, `one of ${keys.join("|")} must be set`);
}

function checkService(service: ValueMap, path: ModelPath): void {
  for (const [index, port] of mapsIn(service["ports"]).entries()) {
    const ip = port["host_ip"];
    if (typeof ip === "string" && isIP(ip) === 0) fail([...path, "ports", String(index)], `invalid ip address: ${ip}`);
  }
  const develop = isValueMap(service["develop"]) ? service["develop"] : {};
  for (const [index, trigger] of mapsIn(develop["watch"]).entries()) {
    if (trigger["path"] === "") fail([...path, "develop", "watch", String(index), "path"], "value can't be blank");
  }
  const devices = [...path, "deploy", "resources", "reservations", "devices"];
  for (const [index, request] of mapsIn(reservedDevices(service)).entries()) checkRequest(request, [...devices, String(index)]);
  for (const [index, request] of mapsIn(service["gpus"]).entries()) checkRequest(request, [...path, "gpus", String(index)]);
}

function checkRequest(request: ValueMap, path: ModelPath): void {
  if ("count" in request && "device_ids" in request) fail(path, '"count" and "device_ids" attributes are exclusive');
}
