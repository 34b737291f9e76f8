/** What of a container stays when it is made anew with other options. Pure. */
import type { ContainerCreateRequest, ContainerInspect, Mount } from "../../engine/api/types/container.ts";
import type { RunSpec } from "../../webviews/protocol.ts";
import { isShown, mountWords } from "./spec.ts";
import type { ImageConfig } from "./words.ts";

type Endpoints = NonNullable<NonNullable<ContainerCreateRequest["NetworkingConfig"]>["EndpointsConfig"]>;

/**
 * What the form does not show stays; what the image says is left to the image, which may be another one from now on. Volumes without
 * a name are named, so that what is in them goes over.
 */
export function baseOf(inspect: ContainerInspect, image: Partial<ImageConfig>, spec: RunSpec): ContainerCreateRequest {
  const { Config, HostConfig, Id } = inspect;
  const { Hostname, Cmd: _cmd, Env: _env, ...config } = Config;
  const same = (key: keyof typeof config & keyof ImageConfig): boolean => JSON.stringify(config[key]) === JSON.stringify(image[key]);
  const kept = Object.entries(config).filter(([key]) => !(key in image) || !same(key as Parameters<typeof same>[0]));
  const without = <T>(all: Readonly<Record<string, T>> | null | undefined, own: object | null | undefined): Record<string, T> =>
    Object.fromEntries(
      Object.entries(all ?? {}).filter(([key, value]) => JSON.stringify((own as Record<string, T>)?.[key]) !== JSON.stringify(value)),
    );
  return {
    ...(Object.fromEntries(kept) as typeof config),
    Labels: without(Config.Labels, image.Labels),
    ExposedPorts: without(Config.ExposedPorts, image.ExposedPorts),
    // A host name that the engine made up is the old container's id.
    ...(Hostname && Hostname !== Id.slice(0, 12) ? { Hostname } : {}),
    HostConfig: { ...HostConfig, Mounts: [...(HostConfig.Mounts ?? []).filter((mount) => stays(mount, spec)), ...namedNow(inspect, spec)] },
    NetworkingConfig: { EndpointsConfig: endpointsOf(inspect, spec) },
  };
}

/** The form shows binds and volumes: what is not in it any more goes. */
function stays(mount: Mount, { mounts }: RunSpec): boolean {
  return !isShown(mount) || mounts.includes(mountWords(mount));
}

function namedNow({ HostConfig, Mounts }: ContainerInspect, spec: RunSpec): Mount[] {
  const bound = new Set([...(HostConfig.Binds ?? []), ...spec.mounts].map((bind) => bind.split(":")[1]));
  return Mounts.flatMap(({ Type, Destination, Name, RW }) =>
    Type === "volume" && Name && !bound.has(Destination) && !(HostConfig.Mounts ?? []).some(({ Target }) => Target === Destination)
      ? [{ Type: "volume" as const, Source: Name, Target: Destination, ReadOnly: !RW }]
      : [],
  );
}

/** A network whose place another one has taken in the form is left. */
function endpointsOf({ NetworkSettings, HostConfig, Id }: ContainerInspect, spec: RunSpec): Endpoints {
  const main = (mode: string | undefined): string => (!mode || mode === "default" ? "bridge" : mode);
  const left = main(HostConfig.NetworkMode) === main(spec.network) ? undefined : main(HostConfig.NetworkMode);
  const joined = Object.entries(NetworkSettings.Networks).filter(([network]) => network !== left);
  const endpoints = joined.map(([network, { Aliases, IPAMConfig, Links, DriverOpts }]) => [
    network,
    {
      Aliases: (Aliases ?? []).filter((alias) => alias !== Id.slice(0, 12)),
      IPAMConfig: IPAMConfig ?? null,
      Links: Links ?? null,
      DriverOpts: DriverOpts ?? null,
    },
  ]);
  return Object.fromEntries(endpoints) as Endpoints;
}
