/** The way back: from what dockerd showed to the records that the engine would have to hold to show the same. */
import type { ContainerRecord } from "../../engine/containers/containers.ts";
import type { Image, ImageConfig } from "../../engine/images/images.ts";
import type { Digest } from "../../engine/layers/snapshots.ts";
import type { Network } from "../../engine/networks/networks.ts";
import type { Volume } from "../../engine/volumes/volumes.ts";
import type { ContainerInspect, ContainerSummary } from "../../engine/api/types/container.ts";
import type { ImageInspect, ImageSummary } from "../../engine/api/types/image.ts";
import type { EndpointSettings, Network as WireNetwork, PortMap } from "../../engine/api/types/network.ts";
import type { Volume as WireVolume } from "../../engine/api/types/volume.ts";
import { containerRecord } from "../support/fake-services.ts";

const NEVER = "0001-01-01T00:00:00Z";
const time = (text: string): string => (text === NEVER ? "" : text);

export function containerFromInspect(wire: ContainerInspect): ContainerRecord {
  const { State: state, NetworkSettings: net } = wire;
  const { Health: health } = state;
  const running = state.Running;
  return containerRecord({
    id: wire.Id,
    name: wire.Name.slice(1),
    createdAt: wire.Created,
    imageId: wire.Image as Digest,
    imageName: wire.Config.Image ?? "",
    path: wire.Path,
    args: wire.Args,
    config: wire.Config,
    hostConfig: wire.HostConfig,
    networking: { EndpointsConfig: wantedEndpoints(net.Networks) },
    mounts: wire.Mounts,
    platform: wire.Platform,
    restartCount: wire.RestartCount,
    sandbox: running ? sandbox({ id: wire.Id, key: net.SandboxKey, ports: net.Ports, networks: net.Networks }) : null,
    state: {
      status: state.Status,
      pid: state.Pid,
      pidStartTime: "",
      bootId: "",
      exitCode: state.ExitCode,
      error: state.Error,
      oomKilled: state.OOMKilled,
      startedAt: time(state.StartedAt),
      finishedAt: time(state.FinishedAt),
      stoppedByUser: false,
      ...(health &&
        health.Status !== "none" && {
          health: {
            status: health.Status,
            failingStreak: health.FailingStreak,
            log: (health.Log ?? []).map(({ Start, End, ExitCode, Output }) => ({
              start: Start,
              end: End,
              exitCode: ExitCode,
              output: Output,
            })),
          },
        }),
    },
  });
}

/** A container as `docker ps` showed it, `secondsAgo` after it started or ended. */
export function containerFromSummary(wire: ContainerSummary, at: { startedAt: string; finishedAt: string }): ContainerRecord {
  const running = ["running", "paused"].includes(wire.State);
  const [path = "", ...args] = splitCommand(wire.Command);
  const health = /\((?:health: )?(starting|healthy|unhealthy)\)/.exec(wire.Status)?.[1] as "starting" | undefined;
  return containerRecord({
    id: wire.Id,
    name: wire.Names[0]!.slice(1),
    createdAt: new Date(wire.Created * 1000).toISOString(),
    imageId: wire.ImageID as Digest,
    imageName: wire.Image,
    path,
    args,
    config: {
      Labels: wire.Labels,
      ExposedPorts: Object.fromEntries(wire.Ports.map(({ PrivatePort, Type }) => [`${PrivatePort}/${Type}`, {}])),
    },
    hostConfig: wire.HostConfig,
    networking: { EndpointsConfig: wantedEndpoints(wire.NetworkSettings.Networks) },
    mounts: wire.Mounts,
    sandbox: running ? sandbox({ id: wire.Id, key: "", ports: portMap(wire.Ports), networks: wire.NetworkSettings.Networks }) : null,
    state: {
      ...containerRecord().state,
      status: wire.State,
      exitCode: Number(/\((\d+)\)/.exec(wire.Status)?.[1] ?? 0),
      startedAt: wire.State === "created" ? "" : at.startedAt,
      finishedAt: wire.State === "exited" ? at.finishedAt : "",
      ...(health && { health: { status: health, failingStreak: 0, log: [] } }),
    },
  });
}

/** Words with blanks are between single quotes, and may hold such quotes themselves; a word may be empty. */
function splitCommand(command: string): string[] {
  return [...command.matchAll(/(?:^| )(?:'([^']* [\s\S]*?)'(?= |$)|([^ ]*))/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
}

function portMap(ports: ContainerSummary["Ports"]): PortMap {
  const map: PortMap = {};
  for (const { IP, PrivatePort, PublicPort, Type } of ports) {
    const key = `${PrivatePort}/${Type}`;
    map[key] ??= null;
    if (PublicPort !== undefined) (map[key] ??= []).push({ HostIp: IP ?? "", HostPort: String(PublicPort) });
  }
  return map;
}

function wantedEndpoints(networks: Record<string, EndpointSettings>): Record<string, EndpointSettings> {
  return Object.fromEntries(
    Object.entries(networks).map(([name, { IPAMConfig, Links, Aliases, DriverOpts, GwPriority }]) => [
      name,
      {
        IPAMConfig: IPAMConfig ?? null,
        Links: Links ?? null,
        Aliases: Aliases ?? null,
        DriverOpts: DriverOpts ?? null,
        GwPriority: GwPriority ?? 0,
      },
    ]),
  );
}

function sandbox(from: {
  id: string;
  key: string;
  ports: PortMap;
  networks: Record<string, EndpointSettings>;
}): NonNullable<ContainerRecord["sandbox"]> {
  const plugged = Object.entries(from.networks).filter(([, { EndpointID }]) => EndpointID);
  return {
    containerId: from.id,
    netnsPath: from.key || null,
    endpoints: plugged.map(([networkName, wire]) => ({
      id: wire.EndpointID!,
      networkId: wire.NetworkID!,
      networkName,
      containerId: from.id,
      containerName: "",
      macAddress: wire.MacAddress!,
      ipv4: wire.IPAddress!,
      prefix: wire.IPPrefixLen!,
      gateway: wire.Gateway!,
      ipv6: wire.GlobalIPv6Address!,
      ipv6Prefix: wire.GlobalIPv6PrefixLen!,
      ipv6Gateway: wire.IPv6Gateway!,
      dnsNames: wire.DNSNames ?? [],
      aliases: wire.Aliases ?? [],
      links: {},
      gatewayPriority: wire.GwPriority ?? 0,
    })),
    ports: from.ports,
    resolvConf: "",
    hosts: [],
    hostGateway: "",
    dns: { servers: [], search: [], options: [] },
  };
}

function layersOf(diffIds: readonly string[]): Image["layers"] {
  return diffIds.map((id) => ({
    descriptor: { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest: id as Digest, size: 1 },
    diffId: id as Digest,
    chainId: id as Digest,
  }));
}

function image(
  parts: Pick<Image, "repoTags" | "repoDigests" | "sizeBytes"> & { id: string; config: Partial<ImageConfig>; lastTaggedMs: number },
): Image {
  const { id, config, ...rest } = parts;
  const diffIds = config.rootfs?.diff_ids ?? [];
  return {
    ...rest,
    id: id as Digest,
    manifest: { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: id as Digest, size: 1 },
    config: { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: diffIds }, ...config },
    layers: layersOf(diffIds),
  };
}

export function imageFromInspect(wire: ImageInspect): Image {
  return image({
    id: wire.Id,
    repoTags: wire.RepoTags,
    repoDigests: wire.RepoDigests,
    sizeBytes: wire.Size,
    lastTaggedMs: wire.Metadata.LastTagTime === NEVER ? 0 : Date.parse(wire.Metadata.LastTagTime),
    config: {
      ...(wire.Created !== undefined && { created: wire.Created }),
      author: wire.Author,
      comment: wire.Comment,
      architecture: wire.Architecture,
      os: wire.Os,
      ...(wire.Config && { config: wire.Config }),
      rootfs: { type: "layers", diff_ids: wire.RootFS.Layers as Digest[] },
    },
  });
}

export function imageFromSummary(wire: ImageSummary): Image {
  return image({
    id: wire.Id,
    repoTags: wire.RepoTags ?? [],
    repoDigests: wire.RepoDigests ?? [],
    sizeBytes: wire.Size,
    lastTaggedMs: 0,
    config: { created: new Date(wire.Created * 1000).toISOString(), config: { Labels: wire.Labels } },
  });
}

export function networkFromWire(wire: WireNetwork): Network {
  return {
    id: wire.Id,
    name: wire.Name,
    driver: wire.Driver as "bridge",
    createdAt: wire.Created,
    internal: wire.Internal,
    attachable: wire.Attachable,
    ipv6: wire.EnableIPv6,
    ipam: wire.IPAM,
    options: wire.Options,
    labels: wire.Labels,
    endpoints: Object.fromEntries(
      Object.entries(wire.Containers).map(([containerId, { Name, EndpointID, MacAddress, IPv4Address, IPv6Address }]) => {
        const [ipv4 = "", prefix = "0"] = IPv4Address.split("/");
        const [ipv6 = "", ipv6Prefix = "0"] = IPv6Address.split("/");
        const address = {
          macAddress: MacAddress,
          ipv4,
          prefix: Number(prefix),
          gateway: "",
          ipv6,
          ipv6Prefix: Number(ipv6Prefix),
          ipv6Gateway: "",
        };
        const names = { networkId: wire.Id, networkName: wire.Name, containerId, containerName: Name, dnsNames: [], aliases: [] };
        return [containerId, { id: EndpointID, ...names, ...address, links: {}, gatewayPriority: 0 }];
      }),
    ),
  };
}

export function volumeFromWire(wire: WireVolume): Volume {
  const labels = wire.Labels ?? {};
  return {
    name: wire.Name,
    driver: "local",
    mountpoint: wire.Mountpoint,
    createdAt: wire.CreatedAt,
    labels,
    options: wire.Options ?? {},
    anonymous: "com.docker.volume.anonymous" in labels,
  };
}
