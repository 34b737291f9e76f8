/** The mounts of a container: the system's own, the three files of the network, then what the user asked for, in depth order. */
import type { HostConfig, MountPoint } from "../../api/types/container.ts";
import type { RuntimeSpec } from "../../runtime/spec.ts";

type SpecMount = RuntimeSpec["mounts"][number];

export interface MountInput {
  readonly hostConfig: HostConfig;
  /** Resolved binds and volumes: `Source` is a directory or file that exists. */
  readonly mounts: readonly MountPoint[];
  /** Host paths of what is mounted over /etc/hosts and so on. */
  readonly files: { readonly hosts: string; readonly hostname: string; readonly resolvConf: string };
  readonly rootless: boolean;
  /** The container uses the host's network namespace: its sysfs cannot be mounted anew without owning that namespace. */
  readonly hostNetwork: boolean;
  readonly cgroups: boolean;
  readonly cgroupVersion: 1 | 2;
  readonly privateIpc: boolean;
}

const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

/** All mounts, in the order in which the runtime makes them. */
export function specMounts(input: MountInput): SpecMount[] {
  const user = [
    ...tmpfsMounts(input.hostConfig),
    ...input.mounts.filter(({ Type }) => Type !== "tmpfs").map(bindMount),
    ...mountTmpfs(input),
  ];
  const taken = new Set(user.map(({ destination }) => destination));
  const files: [string, string][] = [
    ["/etc/resolv.conf", input.files.resolvConf],
    ["/etc/hostname", input.files.hostname],
    ["/etc/hosts", input.files.hosts],
  ];
  const own = files.map(([destination, source]) => ({ destination, type: "bind", source, options: ["rbind", "rprivate"] }));
  const byDepth = [...own.filter(({ destination }) => !taken.has(destination)), ...user].toSorted((a, b) => depth(a) - depth(b));
  return [...systemMounts(input).filter(({ destination }) => !taken.has(destination)), ...byDepth];
}

function depth({ destination }: SpecMount): number {
  return destination.split("/").filter(Boolean).length;
}

function systemMounts(input: MountInput): SpecMount[] {
  const { Privileged: privileged, ShmSize: shm } = input.hostConfig;
  const sys = privileged ? "rw" : "ro";
  const hostSys: SpecMount = { destination: "/sys", type: "none", source: "/sys", options: ["rbind", "nosuid", "noexec", "nodev", sys] };
  const ownSys: SpecMount = { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", sys] };
  const borrowed = input.rootless && input.hostNetwork;
  return [
    { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
    { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"] },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    borrowed ? hostSys : ownSys,
    ...(borrowed || !input.cgroups ? [] : [cgroupMount(sys)]),
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
    ...(input.privateIpc ? [shmMount(shm || DEFAULT_SHM_BYTES)] : [hostShm()]),
  ];
}

function cgroupMount(access: string): SpecMount {
  return { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: [access, "nosuid", "noexec", "nodev"] };
}

function shmMount(sizeBytes: number): SpecMount {
  return {
    destination: "/dev/shm",
    type: "tmpfs",
    source: "shm",
    options: ["nosuid", "noexec", "nodev", "mode=1777", `size=${sizeBytes}`],
  };
}

function hostShm(): SpecMount {
  return { destination: "/dev/shm", type: "bind", source: "/dev/shm", options: ["rbind", "nosuid", "noexec", "nodev"] };
}

function bindMount({ Source, Destination, RW, Propagation, Mode }: MountPoint): SpecMount {
  const recursive = Mode.split(",").includes("bind-nonrecursive") ? "bind" : "rbind";
  return { destination: Destination, type: "bind", source: Source, options: [recursive, RW ? "rw" : "ro", Propagation || "rprivate"] };
}

/** `--tmpfs /path:options`. Docker's defaults apply where the user says nothing else. */
function tmpfsMounts({ Tmpfs: tmpfs }: HostConfig): SpecMount[] {
  return Object.entries(tmpfs ?? {}).map(([destination, options]) => {
    const given = options.split(",").filter(Boolean);
    const defaults = ["noexec", "nosuid", "nodev"].filter((option) => !given.includes(option.slice(2)) && !given.includes(option));
    return { destination, type: "tmpfs", source: "tmpfs", options: [...defaults, ...given] };
  });
}

/** `--mount type=tmpfs`. */
function mountTmpfs({ hostConfig }: MountInput): SpecMount[] {
  return (hostConfig.Mounts ?? [])
    .filter(({ Type }) => Type === "tmpfs")
    .map(({ Target = "", ReadOnly, TmpfsOptions }) => ({
      destination: Target,
      type: "tmpfs",
      source: "tmpfs",
      options: [
        "noexec",
        "nosuid",
        "nodev",
        ReadOnly ? "ro" : "rw",
        ...(TmpfsOptions?.SizeBytes ? [`size=${TmpfsOptions.SizeBytes}`] : []),
        ...(TmpfsOptions?.Mode ? [`mode=${TmpfsOptions.Mode.toString(8)}`] : []),
      ],
    }));
}
