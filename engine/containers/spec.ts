/**
 * From a container's configuration to the OCI runtime spec, as Docker writes it. Pure: everything that has to be looked up
 * (user, mounts on disk, namespaces of others) comes in.
 * @see https://github.com/moby/moby/blob/v28.5.2/daemon/oci_linux.go
 */
import type { ContainerConfig, HostConfig } from "../api/types/container.ts";
import { MOUNTPOINTS } from "../runtime/spec.ts";
import { MOUNT_TABLE, ROOT_MARK } from "./rootfs.ts";
import type { RuntimeSpec } from "../runtime/spec.ts";
import { ALL_DEVICES_RULE, DEFAULT_DEVICE_RULES } from "./devices.ts";
import type { DeviceRule } from "./devices.ts";
import type { SpecMount } from "./mounts.ts";
import { rootPropagation } from "./propagation.ts";
import { linuxResources, rlimits } from "./resources.ts";
import type { User } from "./users.ts";

export const DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export const MASKED_PATHS = [
  "/proc/asound",
  "/proc/acpi",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
];

export const READONLY_PATHS = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

export const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

/** `host` shares the machine's namespace; a path joins another's; `private` is a new one. */
export type NamespaceChoice = "host" | "private" | { readonly path: string };

export interface SpecInput {
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly user: User;
  readonly hostname: string;
  readonly rootfs: string;
  readonly capabilities: readonly string[];
  /** Undefined runs without a filter. */
  readonly seccomp: Record<string, unknown> | undefined;
  readonly noNewPrivileges: boolean;
  readonly mounts: readonly SpecMount[];
  /** Files on the host that appear as /etc/resolv.conf, /etc/hostname and /etc/hosts. */
  readonly files: { readonly resolvConf?: string; readonly hostname?: string; readonly hosts?: string };
  readonly namespaces: Readonly<Record<"network" | "pid" | "ipc" | "uts" | "cgroup", NamespaceChoice>>;
  readonly cgroupsPath: string | undefined;
  readonly devices: NonNullable<RuntimeSpec["linux"]["devices"]>;
  readonly deviceRules: readonly DeviceRule[];
  /** Whether a user namespace is between the engine and the machine. */
  readonly rootless: boolean;
  /** Where the memory is mounted that several containers share as /dev/shm. */
  readonly shm?: string;
  /** Host path of the init program that `--init` puts in front. */
  readonly init?: string;
}

/** Where `--init`'s program appears. */
const INIT_TARGET = "/sbin/docker-init";

/** What is in every container, most of it to mount on, and therefore no change of its own. */
export const CONTAINER_MOUNTPOINTS = [...MOUNTPOINTS, INIT_TARGET, ROOT_MARK, MOUNT_TABLE];

export function buildSpec(input: SpecInput): RuntimeSpec {
  const { config, hostConfig } = input;
  const privileged = hostConfig.Privileged ?? false;
  const capabilities = [...input.capabilities];
  const asRoot = input.user.uid === 0;
  const propagation = rootPropagation(input.mounts.map(({ options }) => options));
  const [columns = 0, rows = 0] = [hostConfig.ConsoleSize?.[1], hostConfig.ConsoleSize?.[0]];
  return {
    ociVersion: "1.0.2",
    ...(input.namespaces.uts !== "host" && { hostname: input.hostname }),
    ...(config.Domainname && input.namespaces.uts !== "host" && { domainname: config.Domainname }),
    process: {
      ...(config.Tty && { terminal: true }),
      ...(config.Tty && rows > 0 && columns > 0 && { consoleSize: { height: rows, width: columns } }),
      user: { uid: input.user.uid, gid: input.user.gid, additionalGids: input.user.additionalGids },
      args: input.init ? [INIT_TARGET, "--", ...input.args] : [...input.args],
      env: environment(input),
      cwd: input.cwd,
      // A user that is not root holds capabilities only through files with capabilities or setuid.
      capabilities: { bounding: capabilities, effective: asRoot ? capabilities : [], permitted: asRoot ? capabilities : [] },
      ...(hostConfig.Ulimits?.length && { rlimits: rlimits(hostConfig.Ulimits) }),
      ...(input.noNewPrivileges && { noNewPrivileges: true }),
      ...(hostConfig.OomScoreAdj && { oomScoreAdj: hostConfig.OomScoreAdj }),
    },
    root: { path: input.rootfs, readonly: hostConfig.ReadonlyRootfs ?? false },
    mounts: allMounts(input, privileged),
    ...(hostConfig.Annotations && { annotations: { ...hostConfig.Annotations } }),
    linux: {
      namespaces: namespaces(input.namespaces),
      ...(input.cgroupsPath && { cgroupsPath: input.cgroupsPath }),
      resources: resources(input, privileged),
      ...(input.devices.length > 0 && { devices: [...input.devices] }),
      ...sysctls(input),
      ...(propagation && { rootfsPropagation: propagation }),
      ...(input.seccomp && { seccomp: input.seccomp }),
      ...(!privileged && { maskedPaths: hostConfig.MaskedPaths ?? MASKED_PATHS }),
      ...(!privileged && { readonlyPaths: hostConfig.ReadonlyPaths ?? READONLY_PATHS }),
    },
  };
}

/** What the container wants wins over what every container has. */
export function environment({ config, hostname, user }: Pick<SpecInput, "config" | "hostname" | "user">): string[] {
  const own = [DEFAULT_PATH, `HOSTNAME=${hostname}`, ...(config.Tty ? ["TERM=xterm"] : []), ...(config.Env ?? [])];
  const byName = new Map<string, string>();
  for (const entry of own) {
    const name = entry.split("=", 1)[0]!;
    // A name without a value takes the variable away.
    if (entry.includes("=")) byName.set(name, entry);
    else byName.delete(name);
  }
  if (!byName.has("HOME")) byName.set("HOME", `HOME=${user.home}`);
  return [...byName.values()];
}

function namespaces(choices: SpecInput["namespaces"]): RuntimeSpec["linux"]["namespaces"] {
  const list: RuntimeSpec["linux"]["namespaces"] = [{ type: "mount" }];
  for (const [type, choice] of Object.entries(choices) as [keyof typeof choices, NamespaceChoice][])
    if (choice === "private") list.push({ type });
    else if (choice !== "host") list.push({ type, path: choice.path });
  return list;
}

function resources(input: SpecInput, privileged: boolean): Record<string, unknown> {
  // Without a cgroup there is nothing to put rules into, and a user namespace has no say in devices.
  if (input.cgroupsPath === undefined) return {};
  const rules = privileged ? [ALL_DEVICES_RULE] : [...DEFAULT_DEVICE_RULES, ...input.deviceRules];
  return { ...linuxResources(input.hostConfig), ...(!input.rootless && { devices: rules }) };
}

/** A private network may as well use its low ports and ping. */
function sysctls(input: SpecInput): { sysctl?: Record<string, string> } {
  const ownNetwork = input.namespaces.network !== "host";
  const defaults: Record<string, string> = ownNetwork
    ? { "net.ipv4.ip_unprivileged_port_start": "0", ...(!input.rootless && { "net.ipv4.ping_group_range": "0 2147483647" }) }
    : {};
  const all = { ...defaults, ...input.hostConfig.Sysctls };
  return Object.keys(all).length > 0 ? { sysctl: all } : {};
}

type Mounts = RuntimeSpec["mounts"];

function allMounts(input: SpecInput, privileged: boolean): Mounts {
  const wanted: Mounts = input.mounts.map(({ type, source, target, options }) => ({
    destination: target,
    type,
    source,
    options: [...options],
  }));
  const taken = new Set(wanted.map(({ destination }) => destination));
  const system = systemMounts(input, privileged).filter(({ destination }) => !taken.has(destination));
  const files = fileMounts(input).filter(({ destination }) => !taken.has(destination));
  // A volume at /etc comes before the hosts file in it.
  return [...system, ...[...files, ...wanted].toSorted((a, b) => depth(a.destination) - depth(b.destination))];
}

function depth(path: string): number {
  return path === "/" ? 1 : path.split("/").length;
}

function systemMounts(input: SpecInput, privileged: boolean): Mounts {
  const safe = ["nosuid", "noexec", "nodev"];
  const access = privileged ? [] : ["ro"];
  const shm = input.hostConfig.ShmSize || DEFAULT_SHM_BYTES;
  const gid = "gid=5";
  return [
    ...procMount(input, safe),
    { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"] },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", gid],
    },
    ...sysMounts(input, [...safe, ...access]),
    ...mqueueMount(input, safe),
    ...shmMount(input, [...safe, "mode=1777", `size=${shm}`]),
  ];
}

/** The machine's message queues belong to another user namespace, and not every machine shows them. */
function mqueueMount(input: SpecInput, options: string[]): Mounts {
  if (input.rootless && input.namespaces.ipc === "host") return [];
  return [{ destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options }];
}

/** A user namespace may not mount what shows the machine's processes, but may show what is mounted. */
function procMount(input: SpecInput, options: string[]): Mounts {
  if (input.rootless && input.namespaces.pid === "host")
    return [{ destination: "/proc", type: "bind", source: "/proc", options: ["rbind", ...options] }];
  return [{ destination: "/proc", type: "proc", source: "proc", options }];
}

/** A user namespace may mount sysfs only for a network of its own; else it has to show the machine's. */
function sysMounts(input: SpecInput, options: string[]): Mounts {
  const cgroup = { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options };
  if (input.rootless && input.namespaces.network === "host")
    return [{ destination: "/sys", type: "none", source: "/sys", options: ["rbind", ...options] }];
  const sys = { destination: "/sys", type: "sysfs", source: "sysfs", options };
  return input.cgroupsPath === undefined ? [sys] : [sys, cgroup];
}

function shmMount(input: SpecInput, options: string[]): Mounts {
  const destination = "/dev/shm";
  const { ipc } = input.namespaces;
  if (ipc === "host") return [{ destination, type: "bind", source: "/dev/shm", options: ["rbind", "rprivate"] }];
  if (input.shm !== undefined) return [{ destination, type: "bind", source: input.shm, options: ["rbind", "rprivate"] }];
  if (input.hostConfig.IpcMode === "none") return [];
  return [{ destination, type: "tmpfs", source: "shm", options }];
}

function fileMounts({ files, hostConfig, init }: SpecInput): Mounts {
  const options = ["rbind", "rprivate", ...(hostConfig.ReadonlyRootfs ? ["ro"] : [])];
  const bind = (destination: string, source: string | undefined): Mounts =>
    source === undefined ? [] : [{ destination, type: "bind", source, options }];
  return [
    ...bind("/etc/resolv.conf", files.resolvConf),
    ...bind("/etc/hostname", files.hostname),
    ...bind("/etc/hosts", files.hosts),
    ...(init ? [{ destination: INIT_TARGET, type: "bind", source: init, options: ["bind", "ro"] }] : []),
  ];
}
