/**
 * References to other services become references to their containers: the engine knows only those.
 */
import type { ContainerSummary } from "../api/types/container.ts";
import { nameOf } from "./observe.ts";
import { sharedService } from "./order.ts";
import type { ServiceConfig } from "./service.ts";

type Owner = Pick<ContainerSummary, "Id" | "Names">;

/**
 * The service with `service:x` and `volumes_from: [x]` replaced. A service without containers stays named as it is, which is
 * no container's configuration.
 */
export function resolveReferences(service: ServiceConfig, find: (name: string) => readonly Owner[] | undefined): ServiceConfig {
  const first = (name: string): string | undefined => find(name)?.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))[0]?.Id;
  const shared = (mode: string): string => {
    const id = first(sharedService(mode) ?? "");
    return id ? `container:${id}` : mode;
  };
  const volumes = (text: string): string => (text.startsWith("container:") ? text.split(":")[1]! : (first(text.split(":")[0]!) ?? text));
  return {
    ...service,
    ...(service.network_mode ? { network_mode: shared(service.network_mode) } : {}),
    ...(service.ipc ? { ipc: shared(service.ipc) } : {}),
    ...(service.pid ? { pid: shared(service.pid) } : {}),
    ...(service.volumes_from ? { volumes_from: service.volumes_from.map(volumes) } : {}),
  };
}
