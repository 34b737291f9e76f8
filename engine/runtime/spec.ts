/** The OCI runtime spec, as far as Berth writes it. @see https://github.com/opencontainers/runtime-spec/blob/v1.2.0/config.md */
export interface RuntimeSpec {
  ociVersion: string;
  hostname?: string;
  domainname?: string;
  process: {
    terminal?: boolean;
    consoleSize?: { height: number; width: number };
    user: { uid: number; gid: number; additionalGids?: number[]; umask?: number };
    args: string[];
    env: string[];
    cwd: string;
    capabilities?: { bounding: string[]; effective: string[]; permitted: string[]; inheritable?: string[]; ambient?: string[] };
    rlimits?: { type: string; soft: number; hard: number }[];
    noNewPrivileges?: boolean;
    apparmorProfile?: string;
    oomScoreAdj?: number;
  };
  root: { path: string; readonly: boolean };
  mounts: { destination: string; type: string; source: string; options?: string[] }[];
  annotations?: Record<string, string>;
  linux: {
    namespaces: { type: "pid" | "network" | "ipc" | "uts" | "mount" | "cgroup" | "user" | "time"; path?: string }[];
    cgroupsPath?: string;
    resources?: Record<string, unknown>;
    devices?: {
      type: "c" | "b" | "u" | "p";
      path: string;
      major?: number;
      minor?: number;
      fileMode?: number;
      uid?: number;
      gid?: number;
    }[];
    sysctl?: Record<string, string>;
    seccomp?: Record<string, unknown>;
    rootfsPropagation?: string;
    maskedPaths?: string[];
    readonlyPaths?: string[];
    mountLabel?: string;
  };
}

/** What the runtime makes in every root to mount on; nobody put it there, so it is no change. */
export const MOUNTPOINTS = [
  "/proc",
  "/sys",
  "/sys/fs/cgroup",
  "/dev",
  "/dev/pts",
  "/dev/shm",
  "/dev/mqueue",
  "/dev/console",
  "/etc/resolv.conf",
  "/etc/hosts",
  "/etc/hostname",
];
