/**
 * The configuration of a new container: what the user asked for over what the image says, checked and completed as Docker
 * shows it in `inspect`.
 * @see https://github.com/moby/moby/blob/v28.5.2/daemon/commit.go merge
 */
import type { ContainerConfig, ContainerCreateRequest, HealthConfig, HostConfig, RestartPolicy } from "../api/types/container.ts";
import { EngineError } from "../errors.ts";
import { invalidSignal } from "./messages.ts";
import { signalNumber } from "./signals.ts";
import { DEFAULT_SHM_BYTES, MASKED_PATHS, READONLY_PATHS } from "./spec.ts";

export interface ConfigDefaults {
  readonly id: string;
  readonly cgroupVersion: 1 | 2;
  readonly runtimeName: string;
}

/** @throws {EngineError} invalid `no command specified` and the like */
export function mergeConfig(asked: ContainerConfig, image: ContainerConfig, id: string): ContainerConfig {
  const config: ContainerConfig = { ...asked };
  config.Hostname = asked.Hostname || id.slice(0, 12);
  config.User = asked.User || image.User || "";
  config.Env = mergeEnv(asked.Env ?? [], image.Env ?? []);
  config.Labels = { ...image.Labels, ...asked.Labels };
  const ports = { ...image.ExposedPorts, ...asked.ExposedPorts };
  if (Object.keys(ports).length > 0) config.ExposedPorts = ports;
  else delete config.ExposedPorts;
  const volumes = { ...image.Volumes, ...asked.Volumes };
  config.Volumes = Object.keys(volumes).length > 0 ? volumes : null;
  if ((asked.Entrypoint ?? []).length === 0) {
    if ((asked.Cmd ?? []).length === 0) config.Cmd = image.Cmd ?? null;
    config.Entrypoint = asked.Entrypoint ?? image.Entrypoint ?? null;
  }
  config.WorkingDir = asked.WorkingDir || image.WorkingDir || "";
  const stopSignal = asked.StopSignal || image.StopSignal;
  if (stopSignal) config.StopSignal = stopSignal;
  const health = mergeHealth(asked.Healthcheck, image.Healthcheck);
  if (health) config.Healthcheck = health;
  checkConfig(config);
  return config;
}

function mergeEnv(asked: readonly string[], image: readonly string[]): string[] {
  const names = new Set(asked.map((entry) => entry.split("=", 1)[0]));
  return [...asked, ...image.filter((entry) => !names.has(entry.split("=", 1)[0]))];
}

function mergeHealth(asked: HealthConfig | undefined, image: HealthConfig | undefined): HealthConfig | undefined {
  if (!asked || !image) return asked ?? image;
  const merged: HealthConfig = { ...image };
  if (asked.Test?.length) merged.Test = asked.Test;
  for (const field of ["Interval", "Timeout", "Retries", "StartPeriod", "StartInterval"] as const)
    if (asked[field]) merged[field] = asked[field];
  return merged;
}

/** Program and arguments, as the process gets them. */
export function commandOf(config: ContainerConfig): { path: string; args: string[] } {
  const entrypoint = (config.Entrypoint ?? []).length === 1 && config.Entrypoint![0] === "" ? [] : (config.Entrypoint ?? []);
  const [path = "", ...args] = [...entrypoint, ...(config.Cmd ?? [])];
  return { path, args };
}

function checkConfig(config: ContainerConfig): void {
  // An empty word is a program that is not there, which the start says.
  if (commandOf(config).path === "" && !config.Cmd?.length) throw new EngineError("invalid", "no command specified");
  if (config.WorkingDir && !config.WorkingDir.startsWith("/"))
    throw new EngineError("invalid", `the working directory '${config.WorkingDir}' is invalid, it needs to be an absolute path`);
  if (config.StopSignal && signalNumber(config.StopSignal) === undefined) throw invalidSignal(config.StopSignal);
  for (const entry of config.Env ?? [])
    if (entry === "" || entry.startsWith("=")) throw new EngineError("invalid", `invalid environment variable: ${entry}`);
  checkHealth(config.Healthcheck);
}

function checkHealth(health: HealthConfig | undefined): void {
  const MILLISECOND = 1_000_000;
  for (const field of ["Interval", "Timeout", "StartPeriod", "StartInterval"] as const)
    if (health?.[field] && health[field] < MILLISECOND) throw new EngineError("invalid", `${field} in Healthcheck cannot be less than 1ms`);
  if ((health?.Retries ?? 0) < 0) throw new EngineError("invalid", "Retries in Healthcheck cannot be negative");
}

/** @throws {EngineError} invalid with Docker's sentence */
export function completeHostConfig(asked: HostConfig, defaults: ConfigDefaults): HostConfig {
  const privileged = asked.Privileged ?? false;
  checkRestartPolicy(asked.RestartPolicy, asked.AutoRemove ?? false);
  if (asked.ShmSize !== undefined && asked.ShmSize < 0) throw new EngineError("invalid", "SHM size can not be less than 0");
  const memory = asked.Memory ?? 0;
  return {
    ...asked,
    NetworkMode: asked.NetworkMode === "default" || !asked.NetworkMode ? "bridge" : asked.NetworkMode,
    LogConfig: { Type: asked.LogConfig?.Type || "json-file", Config: asked.LogConfig?.Config ?? {} },
    RestartPolicy: { Name: asked.RestartPolicy?.Name || "no", MaximumRetryCount: asked.RestartPolicy?.MaximumRetryCount ?? 0 },
    IpcMode: asked.IpcMode || "private",
    CgroupnsMode: asked.CgroupnsMode || (defaults.cgroupVersion === 2 && !privileged ? "private" : "host"),
    ShmSize: asked.ShmSize || DEFAULT_SHM_BYTES,
    Runtime: asked.Runtime || defaults.runtimeName,
    Memory: memory,
    MemorySwap: memory > 0 && !asked.MemorySwap ? memory * 2 : (asked.MemorySwap ?? 0),
    MemorySwappiness: asked.MemorySwappiness === -1 ? null : (asked.MemorySwappiness ?? null),
    PidsLimit: asked.PidsLimit && asked.PidsLimit > 0 ? asked.PidsLimit : null,
    MaskedPaths: privileged ? null : (asked.MaskedPaths ?? MASKED_PATHS),
    ReadonlyPaths: privileged ? null : (asked.ReadonlyPaths ?? READONLY_PATHS),
  };
}

/** @throws {EngineError} invalid */
export function checkRestartPolicy(policy: RestartPolicy | undefined, autoRemove: boolean): void {
  const name = policy?.Name ?? "";
  const count = policy?.MaximumRetryCount ?? 0;
  const refuse = (why: string): never => {
    throw new EngineError("invalid", `invalid restart policy: ${why}`);
  };
  if (!["", "no", "always", "on-failure", "unless-stopped"].includes(name))
    refuse(`unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`);
  if (count > 0 && name !== "on-failure") refuse("maximum retry count can only be used with 'on-failure'");
  if (count < 0) refuse("maximum retry count cannot be negative");
  if (autoRemove && name !== "" && name !== "no")
    throw new EngineError("invalid", "can't create 'AutoRemove' container with restart policy");
}

/** Docker's API answers this for a body that has none of a container's fields. */
export function configOf(request: ContainerCreateRequest): ContainerConfig {
  const { HostConfig: _host, NetworkingConfig: _network, ...config } = request;
  return config;
}
