/**
 * The hashes by which compose tells whether a container, network or volume is still what the files ask for:
 * SHA-256 of the JSON of its configuration. They equal docker compose's, so both leave each other's containers alone.
 */
import { createHash } from "node:crypto";
import { jsonText } from "./json-text.ts";
import { printedResource, printedService } from "./print.ts";
import type { NetworkConfig, VolumeConfig } from "./project.ts";
import type { ServiceConfig } from "./service.ts";

/** Hash of a service, label `com.docker.compose.config-hash`. How it is built, pulled and scaled does not count. */
export function serviceHash(service: ServiceConfig): string {
  const { build: _build, pull_policy: _pull, scale: _scale, depends_on: _after, profiles: _profiles, deploy, ...rest } = service;
  const { replicas: _replicas, ...kept } = deploy ?? {};
  return sha256(jsonText(printedService(deploy ? { ...rest, deploy: kept } : rest, "json")));
}

/** Hash of a network, label `com.docker.compose.config-hash` on networks. */
export function networkHash(network: NetworkConfig): string {
  return sha256(jsonText(printedResource(network, "network")));
}

/** Hash of a volume, label `com.docker.compose.config-hash` on volumes. */
export function volumeHash(volume: VolumeConfig): string {
  return sha256(jsonText(printedResource({ ...volume, driver: volume.driver || "local" }, "volume")));
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
