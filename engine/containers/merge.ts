/**
 * What an image says and what the user asked for, made one. The user's word counts; lists and maps are joined.
 * @see https://github.com/moby/moby/blob/v28.5.2/daemon/commit.go (merge)
 */
import type { ContainerConfig } from "../api/types/container.ts";

/** The container's configuration; neither argument is changed. */
export function mergeConfig(user: ContainerConfig, image: ContainerConfig | undefined): ContainerConfig {
  if (!image) return { ...user };
  const command = mergeCommand(user, image);
  return {
    ...user,
    ...command,
    User: user.User || image.User || "",
    WorkingDir: user.WorkingDir || image.WorkingDir || "",
    Env: mergeEnv(user.Env ?? [], image.Env ?? []),
    Labels: { ...image.Labels, ...user.Labels },
    ...optional("ExposedPorts", { ...image.ExposedPorts, ...user.ExposedPorts }),
    ...optional("Volumes", { ...image.Volumes, ...user.Volumes }),
    ...(user.StopSignal || image.StopSignal ? { StopSignal: user.StopSignal || image.StopSignal! } : {}),
    ...mergeHealth(user, image),
    ...((user.Shell ?? image.Shell) ? { Shell: user.Shell ?? image.Shell! } : {}),
    ...(image.OnBuild ? { OnBuild: image.OnBuild } : {}),
  };
}

/** A user's entrypoint drops the image's command; an entrypoint of one empty string drops the image's entrypoint. */
function mergeCommand(user: ContainerConfig, image: ContainerConfig): Pick<ContainerConfig, "Cmd" | "Entrypoint"> {
  if (user.Entrypoint && user.Entrypoint.length > 0) {
    const entrypoint = user.Entrypoint.length === 1 && user.Entrypoint[0] === "" ? null : user.Entrypoint;
    return { Entrypoint: entrypoint, Cmd: user.Cmd ?? null };
  }
  const given = user.Cmd && user.Cmd.length > 0;
  return { Entrypoint: image.Entrypoint ?? null, Cmd: given ? user.Cmd! : (image.Cmd ?? null) };
}

/** `NAME=value` lists; a name that the user sets replaces the image's, a bare `NAME` removes it. */
export function mergeEnv(user: readonly string[], image: readonly string[]): string[] {
  const name = (entry: string): string => entry.split("=", 1)[0]!;
  const named = new Set(user.map(name));
  return [...user.filter((entry) => entry.includes("=")), ...image.filter((entry) => !named.has(name(entry)))];
}

function mergeHealth(user: ContainerConfig, image: ContainerConfig): Pick<ContainerConfig, "Healthcheck"> {
  if (!image.Healthcheck) return user.Healthcheck ? { Healthcheck: user.Healthcheck } : {};
  if (!user.Healthcheck) return { Healthcheck: image.Healthcheck };
  const merged = { ...image.Healthcheck };
  for (const [key, value] of Object.entries(user.Healthcheck))
    if (value !== 0 && !(Array.isArray(value) && value.length === 0)) Object.assign(merged, { [key]: value });
  return { Healthcheck: merged };
}

function optional<K extends "ExposedPorts" | "Volumes">(key: K, value: Record<string, object>): Partial<Pick<ContainerConfig, K>> {
  return Object.keys(value).length > 0 ? ({ [key]: value } as Partial<Pick<ContainerConfig, K>>) : {};
}

/** What the process is started with: entrypoint and command. */
export function commandLine({ Entrypoint, Cmd }: ContainerConfig): string[] {
  return [...(Entrypoint ?? []), ...(Cmd ?? [])];
}
