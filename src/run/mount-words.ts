/** What a container has mounted as flags of `run`. Pure. */
import type { HostConfig, Mount } from "../../engine/api/types/container.ts";

/** `--mount`, `--tmpfs`, `--volumes-from`; binds are `--volume` already. */
export function mountFlags({ Mounts, Tmpfs, VolumesFrom, VolumeDriver }: HostConfig): string[] {
  return [
    ...(Mounts ?? []).flatMap((mount) => ["--mount", mountWord(mount)]),
    ...Object.entries(Tmpfs ?? {}).flatMap(([path, options]) => ["--tmpfs", options ? `${path}:${options}` : path]),
    ...(VolumesFrom ?? []).flatMap((container) => ["--volumes-from", container]),
    ...(VolumeDriver && VolumeDriver !== "local" ? ["--volume-driver", VolumeDriver] : []),
  ];
}

/**
 * Fields with commas between them, quoted as in a table of comma-separated values.
 * @see https://docs.docker.com/reference/cli/docker/container/run/#mount
 */
function mountWord(mount: Mount): string {
  const { Type = "volume", Source, Target = "", ReadOnly, Consistency, BindOptions, VolumeOptions, TmpfsOptions, ImageOptions } = mount;
  const { DriverConfig, Labels, NoCopy, Subpath } = VolumeOptions ?? {};
  const fields: readonly (string | false | 0 | undefined)[] = [
    `type=${Type}`,
    Source && `source=${Source}`,
    `target=${Target}`,
    ReadOnly && "readonly",
    Consistency && Consistency !== "default" && `consistency=${Consistency}`,
    BindOptions?.Propagation && `bind-propagation=${BindOptions.Propagation}`,
    BindOptions?.NonRecursive && "bind-recursive=disabled",
    BindOptions?.ReadOnlyNonRecursive && "bind-recursive=writable",
    BindOptions?.ReadOnlyForceRecursive && "bind-recursive=readonly",
    NoCopy && "volume-nocopy",
    Subpath && `volume-subpath=${Subpath}`,
    ...Object.entries(Labels ?? {}).map(([name, value]) => `volume-label=${name}=${value}`),
    DriverConfig?.Name && `volume-driver=${DriverConfig.Name}`,
    ...Object.entries(DriverConfig?.Options ?? {}).map(([name, value]) => `volume-opt=${name}=${value}`),
    TmpfsOptions?.SizeBytes && `tmpfs-size=${TmpfsOptions.SizeBytes}`,
    TmpfsOptions?.Mode && `tmpfs-mode=${TmpfsOptions.Mode.toString(8)}`,
    ImageOptions?.Subpath && `image-subpath=${ImageOptions.Subpath}`,
  ];
  return fields
    .filter((field) => typeof field === "string" && field !== "")
    .map((field) => quoteField(field as string))
    .join(",");
}

/** As a field of comma-separated values. */
export function quoteField(field: string): string {
  return /[",\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}
