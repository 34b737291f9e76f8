/**
 * Docker Engine API shapes for the engine itself, API 1.51.
 * @see https://docs.docker.com/reference/api/engine/version/v1.51/#tag/System
 */
import type { ContainerSummary } from "./container.ts";
import type { ImageSummary } from "./image.ts";
import type { Volume } from "./volume.ts";

/** One message of `GET /events`. */
export interface EventMessage {
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
  scope: "local";
  /** Seconds since the epoch. */
  time: number;
  /** Nanoseconds since the epoch; above 2^53, so written as digits by the API. */
  timeNano: number;
  /** The three below are the older form, present for containers and images. */
  status?: string;
  id?: string;
  from?: string;
}

export interface VersionResponse {
  Platform: { Name: string };
  Components: { Name: string; Version: string; Details: Record<string, string> }[];
  Version: string;
  ApiVersion: string;
  MinAPIVersion: string;
  GitCommit: string;
  GoVersion: string;
  Os: string;
  Arch: string;
  KernelVersion: string;
  BuildTime: string;
}

export interface ErrorResponse {
  message: string;
}

/** An OCI runtime, by the name that `--runtime` takes. */
export interface RuntimeEntry {
  path: string;
  status?: Record<string, string>;
}

export interface RegistryIndex {
  Name: string;
  Mirrors: string[];
  Secure: boolean;
  Official: boolean;
}

/** Answer of `GET /info`. */
export interface SystemInfo {
  ID: string;
  Containers: number;
  ContainersRunning: number;
  ContainersPaused: number;
  ContainersStopped: number;
  Images: number;
  Driver: string;
  DriverStatus: [string, string][];
  Plugins: { Volume: string[]; Network: string[]; Authorization: string[] | null; Log: string[] };
  MemoryLimit: boolean;
  SwapLimit: boolean;
  CpuCfsPeriod: boolean;
  CpuCfsQuota: boolean;
  CPUShares: boolean;
  CPUSet: boolean;
  PidsLimit: boolean;
  IPv4Forwarding: boolean;
  Debug: boolean;
  NFd: number;
  OomKillDisable: boolean;
  NGoroutines: number;
  /** RFC 3339 with nanoseconds. */
  SystemTime: string;
  LoggingDriver: string;
  CgroupDriver: "cgroupfs" | "systemd" | "none";
  CgroupVersion: "1" | "2";
  NEventsListener: number;
  KernelVersion: string;
  OperatingSystem: string;
  OSVersion: string;
  OSType: string;
  Architecture: string;
  IndexServerAddress: string;
  RegistryConfig: { IndexConfigs: Record<string, RegistryIndex>; InsecureRegistryCIDRs: string[]; Mirrors: string[] | null };
  NCPU: number;
  /** Bytes. */
  MemTotal: number;
  GenericResources: null;
  DockerRootDir: string;
  HttpProxy: string;
  HttpsProxy: string;
  NoProxy: string;
  Name: string;
  Labels: string[];
  ExperimentalBuild: boolean;
  ServerVersion: string;
  Runtimes: Record<string, RuntimeEntry>;
  DefaultRuntime: string;
  Swarm: {
    NodeID: string;
    NodeAddr: string;
    LocalNodeState: "inactive";
    ControlAvailable: boolean;
    Error: string;
    RemoteManagers: null;
  };
  LiveRestoreEnabled: boolean;
  Isolation: string;
  InitBinary: string;
  ContainerdCommit: { ID: string };
  RuncCommit: { ID: string };
  InitCommit: { ID: string };
  SecurityOptions: string[];
  CDISpecDirs: string[];
  Warnings: string[] | null;
}

/** One element of `BuildCache` in `GET /system/df`. */
export interface BuildCacheEntry {
  ID: string;
  Type: string;
  Description: string;
  InUse: boolean;
  Shared: boolean;
  Size: number;
  CreatedAt: string;
  LastUsedAt: string | null;
  UsageCount: number;
}

/** Answer of `GET /system/df`; lists that were not asked for are absent. */
export interface DiskUsage {
  /** Bytes of all layers, each counted once. */
  LayersSize?: number;
  Images?: ImageSummary[];
  Containers?: ContainerSummary[];
  Volumes?: Volume[];
  BuildCache?: BuildCacheEntry[];
}

/** Answer of `GET /berth/status`. */
export interface EngineStatus {
  readonly version: string;
  readonly apiVersion: string;
  readonly pid: number;
  /** `unix://…` */
  readonly socket: string;
  /** What `--root` named, or null for the user's own engine. */
  readonly root: string | null;
  readonly storage: string;
  readonly log: string;
  readonly rootless: boolean;
  readonly runtime: { readonly name: string; readonly path: string; readonly version: string };
  readonly cgroups: string;
  /** Pids of the engine's other processes, by name. */
  readonly processes: Readonly<Record<string, number>>;
}
