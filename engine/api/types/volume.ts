/**
 * Docker Engine API shapes for volumes, API 1.51.
 * @see https://docs.docker.com/reference/api/engine/version/v1.51/#tag/Volume
 */

/** Body of `POST /volumes/create`. */
export interface VolumeCreateRequest {
  Name?: string;
  Driver?: string;
  DriverOpts?: Record<string, string> | null;
  Labels?: Record<string, string> | null;
}

export interface Volume {
  Name: string;
  Driver: string;
  Mountpoint: string;
  CreatedAt: string;
  Labels: Record<string, string> | null;
  Scope: "local";
  Options: Record<string, string> | null;
  /** Only in `system df`; -1 means unknown. */
  UsageData?: { Size: number; RefCount: number };
}

export interface VolumeListResponse {
  Volumes: Volume[];
  Warnings: string[] | null;
}
