/** Host ports that two containers of a project would both want; docker compose finds that out when half of them run. */
import { ModelError } from "./paths.ts";
import type { Project } from "./project.ts";
import type { ServicePort } from "./service.ts";

interface Claim {
  service: string;
  address: string;
  key: string;
}

/** @throws {ModelError} for the first port that is claimed twice by services that are to run */
export function checkPortClashes({ services }: Project): void {
  const claims: Claim[] = [];
  for (const [name, service] of Object.entries(services)) {
    const copies = service.scale ?? service.deploy?.replicas ?? 1;
    for (const [index, port] of (copies > 0 ? (service.ports ?? []) : []).entries()) {
      const claim = claimOf(name, port);
      if (!claim) continue;
      const other = copies > 1 ? claim : claims.find((earlier) => earlier.key === claim.key && overlap(earlier.address, claim.address));
      if (other) throw new ModelError(sentence(claim, other, index), ["services", name, "ports", String(index)]);
      claims.push(claim);
    }
  }
}

/** Nothing for a port that the engine chooses. */
function claimOf(service: string, { published, host_ip: address = "", protocol = "tcp" }: ServicePort): Claim | undefined {
  if (!published || published === "0" || published.includes("-")) return undefined;
  return { service, address, key: `${published}/${protocol}` };
}

/** Whether one socket on each of two addresses would want the same port; empty is every address. */
export function overlap(a: string, b: string): boolean {
  const every = (address: string) => address === "" || address === "0.0.0.0" || address === "::";
  const families = a.includes(":") !== b.includes(":") && a !== "" && b !== "";
  return a === b || (!families && (every(a) || every(b)));
}

function sentence({ service, key, address }: Claim, other: Claim, index: number): string {
  const where = `services.${service}.ports[${index}]: port ${address ? `${address}:` : ""}${key}`;
  return other.service === service
    ? `${where} is published more than once by service "${service}"`
    : `${where} is already published by service "${other.service}"`;
}
