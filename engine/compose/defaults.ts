/** What a file leaves out and every project has. */
import { isValueMap } from "../syntax/compose-value.ts";
import type { Value, ValueMap } from "../syntax/compose-value.ts";

/** Changes the model: build contexts, targets of secrets, protocols of ports, counts of devices. */
export function setDefaults(model: ValueMap): void {
  for (const service of mapsIn(model["services"])) {
    if (isValueMap(service["build"])) service["build"]["context"] ??= ".";
    for (const secret of mapsIn(service["secrets"])) secret["target"] ??= `/run/secrets/${String(secret["source"])}`;
    for (const port of mapsIn(service["ports"])) {
      port["protocol"] ??= "tcp";
      port["mode"] ??= "ingress";
    }
    for (const request of [...mapsIn(service["gpus"]), ...mapsIn(reservedDevices(service))]) {
      if (!("count" in request) && !("device_ids" in request)) request["count"] = "all";
    }
  }
}

/** `deploy.resources.reservations.devices` of a service. */
export function reservedDevices(service: ValueMap): Value | undefined {
  let value: Value | undefined = service;
  for (const key of ["deploy", "resources", "reservations", "devices"]) value = isValueMap(value) ? value[key] : undefined;
  return value;
}

/** The mappings among a mapping's or a list's values. */
export function mapsIn(value: Value | undefined): ValueMap[] {
  if (Array.isArray(value)) return value.filter(isValueMap);
  return isValueMap(value) ? Object.values(value).filter(isValueMap) : [];
}
