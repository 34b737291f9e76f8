/** A container that exists as what one would type behind `run`. Pure. */
import type { ContainerInspect, HostConfig } from "../../engine/api/types/container.ts";
import type { ImageInspect } from "../../engine/api/types/image.ts";
import { runFlags, specOf } from "./spec.ts";

/** What an image says of its containers. */
export type ImageConfig = NonNullable<ImageInspect["Config"]>;

const each = (flag: string, values: readonly string[] | null | undefined): string[] => (values ?? []).flatMap((value) => [flag, value]);
const one = (flag: string, value: string | undefined): string[] => (value ? [flag, value] : []);
const on = (flag: string, value: boolean | null | undefined): string[] => (value ? [flag] : []);

/** What the image says by itself is not repeated. Compose's own labels are left out: such a container is nobody's. */
export function containerWords(inspect: ContainerInspect, image: Partial<ImageConfig>): string[] {
  const { Config, HostConfig: host, Id } = inspect;
  const labels = Object.entries(Config.Labels ?? {}).filter(
    ([name, value]) => image.Labels?.[name] !== value && !name.startsWith("com.docker.compose."),
  );
  const entrypoint = same(Config.Entrypoint, image.Entrypoint) ? [] : (Config.Entrypoint ?? []);
  const spec = specOf(inspect, image);
  return [
    ...runFlags(spec),
    ...one("--entrypoint", entrypoint[0]),
    ...each(
      "--label",
      labels.map(([name, value]) => `${name}=${value}`),
    ),
    ...one("--hostname", Config.Hostname && Config.Hostname !== Id.slice(0, 12) && host.NetworkMode !== "host" ? Config.Hostname : ""),
    ...on("--interactive", Config.OpenStdin),
    ...on("--tty", Config.Tty),
    ...one("--stop-signal", Config.StopSignal === image.StopSignal ? "" : Config.StopSignal),
    ...hostWords(host),
    spec.image,
    // Another entry point forgets the image's command, and only its first word is a flag's.
    ...entrypoint.slice(1),
    ...(entrypoint.length > 0 || spec.command !== "" ? (Config.Cmd ?? []) : []),
  ];
}

function hostWords(host: HostConfig): string[] {
  return [
    ...on("--privileged", host.Privileged),
    ...on("--read-only", host.ReadonlyRootfs),
    ...on("--init", host.Init),
    ...each("--cap-add", host.CapAdd),
    ...each("--cap-drop", host.CapDrop),
    ...each("--security-opt", host.SecurityOpt),
    ...each("--add-host", host.ExtraHosts),
    ...each("--dns", host.Dns),
    ...each(
      "--device",
      host.Devices?.map(({ PathOnHost, PathInContainer, CgroupPermissions }) => `${PathOnHost}:${PathInContainer}:${CgroupPermissions}`),
    ),
    ...each(
      "--tmpfs",
      Object.entries(host.Tmpfs ?? {}).map(([path, options]) => (options ? `${path}:${options}` : path)),
    ),
    ...each(
      "--sysctl",
      Object.entries(host.Sysctls ?? {}).map(([name, value]) => `${name}=${value}`),
    ),
    ...one("--pid", host.PidMode),
    ...one("--ipc", host.IpcMode === "private" || host.IpcMode === "shareable" ? "" : host.IpcMode),
  ];
}

const same = (a: readonly string[] | null | undefined, b: readonly string[] | null | undefined): boolean =>
  JSON.stringify(a ?? []) === JSON.stringify(b ?? []);
