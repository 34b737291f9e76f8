/**
 * Docker Engine API shapes for images and builds, API 1.51.
 * @see https://docs.docker.com/reference/api/engine/version/v1.51/#tag/Image
 */
import type { ContainerConfig } from "./container.ts";

/** One element of `GET /images/json`. */
export interface ImageSummary {
  Id: string;
  ParentId: string;
  RepoTags: string[];
  RepoDigests: string[];
  /** Seconds since the epoch. */
  Created: number;
  Size: number;
  /** Before API 1.44, the same as Size. */
  VirtualSize?: number;
  SharedSize: number;
  Labels: Record<string, string> | null;
  Containers: number;
}

/** Answer of `GET /images/{name}/json`. */
export interface ImageInspect {
  Id: string;
  RepoTags: string[];
  RepoDigests: string[];
  Parent: string;
  Comment: string;
  Created?: string;
  DockerVersion: string;
  Author: string;
  Config: ContainerConfig | null;
  Architecture: string;
  Variant?: string;
  Os: string;
  Size: number;
  /** Before API 1.44, the same as Size. */
  VirtualSize?: number;
  GraphDriver: { Name: string; Data: Record<string, string> | null };
  RootFS: { Type: "layers"; Layers: string[] };
  Metadata: { LastTagTime: string };
}

export interface ImageHistoryItem {
  Id: string;
  Created: number;
  CreatedBy: string;
  Tags: string[] | null;
  Size: number;
  Comment: string;
}

export interface ImageDeleteItem {
  Untagged?: string;
  Deleted?: string;
}

/** One message of the progress streams of pull, push, load, import and build. */
export interface JsonMessage {
  stream?: string;
  status?: string;
  progressDetail?: { current?: number; total?: number };
  progress?: string;
  id?: string;
  errorDetail?: { code?: number; message: string };
  error?: string;
  aux?: Record<string, unknown>;
}

/** BuildKit's status inside of a stream, in base64: what docker before buildx is told. */
export interface TraceMessage {
  readonly id: "moby.buildkit.trace";
  readonly aux: string;
}

/** What a registry has under a name (`/berth/registry/manifest`). */
export interface RemoteManifest {
  mediaType: string;
  digest: string;
  /** Bytes of the document. */
  size: number;
  /** The document itself, base64. */
  raw: string;
  /** Of a single image. */
  platform?: { architecture: string; os: string; variant?: string };
}

/** Credentials, as `X-Registry-Auth` carries them (base64url JSON). */
export interface AuthConfig {
  username?: string;
  password?: string;
  auth?: string;
  email?: string;
  serveraddress?: string;
  identitytoken?: string;
  registrytoken?: string;
}
