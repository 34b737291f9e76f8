/** What the API needs of the rooms behind it; the only thing that `createApiServer` is given. */
import type { Builder } from "../build/builder.ts";
import type { Buildkit } from "../build/buildkit/buildkit.ts";
import type { CommitRequest } from "../containers/commit.ts";
import type { Containers } from "../containers/containers.ts";
import type { StatsHistory } from "../containers/stats-history.ts";
import type { Events } from "../events.ts";
import type { Image, Images } from "../images/images.ts";
import type { Registry } from "../images/remote.ts";
import type { Snapshots } from "../layers/snapshots.ts";
import type { Networks } from "../networks/networks.ts";
import type { Volumes } from "../volumes/volumes.ts";
import type { EngineStatus, SystemInfo, VersionResponse } from "./types/system.ts";

export interface Services {
  readonly containers: Containers;
  readonly images: Images;
  readonly networks: Networks;
  readonly volumes: Volumes;
  readonly builder: Builder;
  readonly buildkit: Buildkit;
  readonly events: Events;
  /** Sizes of the layers that images are made of, and views of their files. */
  readonly layers: Pick<Snapshots, "layer" | "layerFiles" | "view" | "remove">;
  readonly statsHistory: Pick<StatsHistory, "remembered" | "subscribe">;
  readonly system: System;
  readonly registry: Registry;
  /** Makes an image of a container. */
  readonly commit: (request: CommitRequest) => Promise<Pick<Image, "id">>;
}

/** What belongs to the engine as a whole. */
export interface System {
  /** Of Berth itself, e.g. `0.1.0`. */
  readonly version: string;
  /** A directory of the engine's own for build contexts: big, empty at the start, not in memory. */
  readonly scratch: string;
  describeVersion(): VersionResponse;
  /** Everything in `docker info` that is not counted from other rooms. */
  describe(): Promise<SystemFacts>;
  /** What Docker's API has no words for: pids, paths, root or rootless. */
  status(): EngineStatus;
}

/** `GET /info` without what the API counts itself. */
export type SystemFacts = Omit<
  SystemInfo,
  "Containers" | "ContainersRunning" | "ContainersPaused" | "ContainersStopped" | "Images" | "NEventsListener" | "SystemTime"
>;

/** Told everything that was not meant for the client: an unexpected error, with its stack. */
export type Logger = (error: unknown) => void;
