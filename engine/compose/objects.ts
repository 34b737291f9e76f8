/**
 * Networks and volumes as the engine is asked for them.
 */
import type { DockerClient } from "../client/client.ts";
import { isStatus } from "../client/errors.ts";
import { networkHash, volumeHash } from "./hash.ts";
import { COMPOSE_VERSION, LABEL } from "./labels.ts";
import { networkName, volumeName } from "./plan-objects.ts";
import type { NetworkConfig, Project } from "./project.ts";

/** Makes a network of the file. One that somebody made in the meantime is taken as it is. */
export async function createNetwork(client: DockerClient, project: Project, key: string, signal: AbortSignal): Promise<void> {
  const wanted = project.networks[key]!;
  const Name = networkName(project, key);
  const request = {
    Name,
    Driver: wanted.driver ?? "",
    Internal: wanted.internal ?? false,
    Attachable: wanted.attachable ?? false,
    IPAM: ipam(wanted),
    ...(wanted.enable_ipv4 === undefined ? {} : { EnableIPv4: wanted.enable_ipv4 }),
    ...(wanted.enable_ipv6 === undefined ? {} : { EnableIPv6: wanted.enable_ipv6 }),
    Options: wanted.driver_opts ?? null,
    Labels: {
      ...wanted.labels,
      [LABEL.configHash]: networkHash({ ...wanted, name: Name }),
      [LABEL.network]: key,
      [LABEL.project]: project.name,
      [LABEL.version]: COMPOSE_VERSION,
    },
  };
  try {
    await client.networks.create(request, { signal });
  } catch (error) {
    if (!isStatus(error, 409)) throw new Error(`failed to create network ${Name}: ${describe(error)}`, { cause: error });
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? `Error response from daemon: ${error.message}` : String(error);
}

function ipam({ ipam: wanted }: NetworkConfig): { Driver?: string; Config?: Record<string, unknown>[] } | null {
  if (!wanted?.driver && !wanted?.config?.length) return null;
  const Config = (wanted.config ?? []).map(({ subnet, gateway, ip_range: range, aux_addresses: auxiliary }) => ({
    ...(subnet ? { Subnet: subnet } : {}),
    ...(gateway ? { Gateway: gateway } : {}),
    ...(range ? { IPRange: range } : {}),
    ...(auxiliary ? { AuxiliaryAddresses: auxiliary } : {}),
  }));
  return { ...(wanted.driver ? { Driver: wanted.driver } : {}), Config };
}

/** Makes a volume of the file. */
export async function createVolume(client: DockerClient, project: Project, key: string, signal: AbortSignal): Promise<void> {
  const wanted = project.volumes[key]!;
  const Name = volumeName(project, key);
  await client.volumes.create(
    {
      Name,
      ...(wanted.driver ? { Driver: wanted.driver } : {}),
      ...(wanted.driver_opts ? { DriverOpts: wanted.driver_opts } : {}),
      Labels: {
        ...wanted.labels,
        [LABEL.configHash]: volumeHash({ ...wanted, name: Name }),
        [LABEL.project]: project.name,
        [LABEL.version]: COMPOSE_VERSION,
        [LABEL.volume]: key,
      },
    },
    { signal },
  );
}
