/**
 * Docker's configuration of a container → OCI runtime spec. Pure: everything that has to be looked up on the machine or in
 * the image (user, capabilities, seccomp, mounts, namespaces of other containers) is looked up before and handed in.
 * @see https://github.com/opencontainers/runtime-spec/blob/v1.2.0/config-linux.md
 */
import type { ContainerConfig, HostConfig, MountPoint } from "../../api/types/container.ts";
import type { RuntimeSpec } from "../../runtime/spec.ts";
import type { ResolvedUser } from "../users.ts";
import { specDevices } from "./devices.ts";
import { specMounts } from "./mounts.ts";
import { MASKED_PATHS, READONLY_PATHS } from "./paths.ts";
import { specResources } from "./resources.ts";
import type { LimitSupport } from "./resources.ts";

export interface SpecInput {
  /** Merged with the image's. */
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  /** Mounted root file system. */
  readonly rootfs: string;
  readonly args: readonly string[];
  readonly user: ResolvedUser;
  readonly hostname: string;
  readonly mounts: readonly MountPoint[];
  readonly files: { readonly hosts: string; readonly hostname: string; readonly resolvConf: string };
  readonly capabilities: readonly string[];
  /** In the runtime's form; absent is unconfined. */
  readonly seccomp?: Record<string, unknown>;
  /** Path of the network namespace; null is the engine's own, which is the host's. */
  readonly networkNamespace: string | null;
  /** Namespaces of other containers that are joined (`--pid container:x`), by path. */
  readonly joined: { readonly pid?: string; readonly ipc?: string; readonly uts?: string };
  readonly rootless: boolean;
  readonly limits: LimitSupport;
  /** Of the container; null where there are no control groups. */
  readonly cgroupsPath: string | null;
}

/** The spec, and Docker's warnings for what this machine cannot do. */
export function makeRuntimeSpec(input: SpecInput): { spec: RuntimeSpec; warnings: string[] } {
  const { config, hostConfig } = input;
  const { resources, warnings } = specResources(hostConfig, input.limits);
  const devices = specDevices(hostConfig, input.rootless);
  const privileged = hostConfig.Privileged === true;
  const hostUts = hostConfig.UTSMode === "host" || input.joined.uts !== undefined;
  const spec: RuntimeSpec = {
    ociVersion: "1.0.2",
    ...(hostUts ? {} : { hostname: input.hostname, ...(config.Domainname && { domainname: config.Domainname }) }),
    process: specProcess(input),
    root: { path: input.rootfs, readonly: hostConfig.ReadonlyRootfs === true },
    mounts: specMounts({
      hostConfig,
      mounts: input.mounts,
      files: input.files,
      rootless: input.rootless,
      hostNetwork: input.networkNamespace === null,
      cgroups: input.cgroupsPath !== null,
      cgroupVersion: input.limits.cgroupVersion,
      privateIpc: hostConfig.IpcMode !== "host" && input.joined.ipc === undefined,
    }),
    ...(hostConfig.Annotations && { annotations: hostConfig.Annotations }),
    linux: {
      namespaces: namespaces(input),
      ...(input.cgroupsPath !== null && { cgroupsPath: input.cgroupsPath }),
      resources: { ...resources, ...devices.resources },
      ...(devices.devices.length > 0 && { devices: devices.devices }),
      ...(hostConfig.Sysctls && { sysctl: hostConfig.Sysctls }),
      ...(input.seccomp && { seccomp: input.seccomp }),
      maskedPaths: privileged ? [] : [...(hostConfig.MaskedPaths ?? MASKED_PATHS)],
      readonlyPaths: privileged ? [] : [...(hostConfig.ReadonlyPaths ?? READONLY_PATHS)],
    },
  };
  return { spec, warnings };
}

const DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Docker's order: its own first, the user's after, so that the user's word counts. */
export function processEnvironment(config: ContainerConfig, options: { hostname: string; home: string }): string[] {
  const given = config.Env ?? [];
  const has = (name: string): boolean => given.some((entry) => entry.startsWith(`${name}=`));
  return [
    ...(has("PATH") ? [] : [DEFAULT_PATH]),
    ...(has("HOSTNAME") ? [] : [`HOSTNAME=${options.hostname}`]),
    ...(config.Tty && !has("TERM") ? ["TERM=xterm"] : []),
    ...given,
    ...(has("HOME") ? [] : [`HOME=${options.home}`]),
  ];
}

function specProcess(input: SpecInput): RuntimeSpec["process"] {
  const { config, hostConfig, user } = input;
  const bounding = [...input.capabilities];
  // A user other than root starts with nothing but may gain by a setuid program, as with Docker.
  const effective = user.uid === 0 ? bounding : [];
  const [height, width] = hostConfig.ConsoleSize ?? [0, 0];
  const limits = (hostConfig.Ulimits ?? []).map(({ Name, Soft, Hard }) => ({
    type: `RLIMIT_${Name.toUpperCase()}`,
    soft: Soft,
    hard: Hard,
  }));
  return {
    ...(config.Tty && { terminal: true, ...(height && width ? { consoleSize: { height, width } } : {}) }),
    user: { uid: user.uid, gid: user.gid, ...(user.additionalGids.length > 0 && { additionalGids: [...user.additionalGids] }) },
    args: [...input.args],
    env: processEnvironment(config, { hostname: input.hostname, home: user.home }),
    cwd: config.WorkingDir || "/",
    capabilities: { bounding, effective, permitted: effective },
    ...(limits.length > 0 && { rlimits: limits }),
    noNewPrivileges: (hostConfig.SecurityOpt ?? []).some((option) => /^no-new-privileges(?:[:=]true)?$/.test(option)),
    ...(hostConfig.OomScoreAdj && { oomScoreAdj: hostConfig.OomScoreAdj }),
  };
}

function namespaces(input: SpecInput): RuntimeSpec["linux"]["namespaces"] {
  const { hostConfig, joined, networkNamespace } = input;
  const own = (type: "pid" | "ipc" | "uts", mode: string | undefined, path: string | undefined): RuntimeSpec["linux"]["namespaces"] =>
    mode === "host" ? [] : [{ type, ...(path && { path }) }];
  return [
    { type: "mount" },
    ...(networkNamespace === null ? [] : [{ type: "network" as const, path: networkNamespace }]),
    ...own("uts", hostConfig.UTSMode, joined.uts),
    ...own("pid", hostConfig.PidMode, joined.pid),
    ...own("ipc", hostConfig.IpcMode, joined.ipc),
    ...(input.cgroupsPath === null || hostConfig.CgroupnsMode === "host" ? [] : [{ type: "cgroup" as const }]),
  ];
}
