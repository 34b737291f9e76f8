/**
 * Docker Engine API shapes for the engine itself, API 1.51.
 * @see https://docs.docker.com/reference/api/engine/version/v1.51/#tag/System
 */

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

/** Answer of `GET /info`; only what clients are known to read is spelled out. */
export interface SystemInfo {
  ID: string;
  Name: string;
  ServerVersion: string;
  Containers: number;
  ContainersRunning: number;
  ContainersPaused: number;
  ContainersStopped: number;
  Images: number;
  Driver: string;
  DriverStatus: [string, string][];
  DockerRootDir: string;
  OperatingSystem: string;
  OSVersion: string;
  OSType: string;
  Architecture: string;
  KernelVersion: string;
  NCPU: number;
  MemTotal: number;
  CgroupDriver: string;
  CgroupVersion: string;
  DefaultRuntime: string;
  SecurityOptions: string[];
  Warnings: string[];
  [field: string]: unknown;
}
