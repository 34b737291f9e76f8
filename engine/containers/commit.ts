/** `docker commit`: the image that a container's files and configuration make. */
import { once } from "node:events";
import { PassThrough } from "node:stream";
import type { Readable } from "node:stream";
import type { ContainerConfig } from "../api/types/container.ts";
import { applyChanges } from "../images/changes.ts";
import { topLayer } from "../images/images.ts";
import type { Descriptor, Image, ImageConfig } from "../images/images.ts";
import type { Digest, Layer } from "../layers/snapshots.ts";
import type { ContainerRecord, Containers } from "./containers.ts";
import { invalidSignal } from "./messages.ts";
import type { Rooms } from "./rooms.ts";
import { signalNumber } from "./signals.ts";
import { CONTAINER_MOUNTPOINTS } from "./spec.ts";

export interface CommitRequest {
  /** Name or id. */
  readonly container: string;
  readonly reference?: string;
  readonly comment: string;
  readonly author: string;
  /** Whether the container stands still meanwhile. */
  readonly pause: boolean;
  /** Dockerfile instructions, e.g. `CMD ["sh"]`. */
  readonly changes: readonly string[];
  /** Replaces the container's own configuration where it says something. */
  readonly config: ContainerConfig;
}

type CommitRooms = Pick<Rooms, "images" | "snapshots" | "events"> & { readonly containers: Containers };

/** The digest of a tar without entries: nothing was changed, so there is nothing to keep. */
const EMPTY_TAR: Digest = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";
const LAYER = "application/vnd.oci.image.layer.v1.tar";

/**
 * Makes the image; the container stays as it is.
 * @throws {EngineError} not-found for the container; invalid `RUN is not a valid change command`
 */
export async function commitContainer(rooms: CommitRooms, request: CommitRequest): Promise<Image> {
  const record = await rooms.containers.get(request.container);
  const settings = imageSettings(applyChanges({ ...record.config, ...request.config }, request.changes));
  if (settings.StopSignal && signalNumber(settings.StopSignal) === undefined) throw invalidSignal(settings.StopSignal);
  const base = await rooms.images.get(record.imageId);
  const added = await standingStill(rooms.containers, record, request.pause, async () => storeChanges(rooms, record, base));
  const layers = added
    ? [...base.layers.map(({ descriptor }) => descriptor), added.descriptor]
    : base.layers.map(({ descriptor }) => descriptor);
  const config = imageConfig(base, { record, request, settings, diffId: added?.layer.diffId });
  const image = await rooms.images.create(config, layers, {
    names: request.reference === undefined ? [] : [request.reference],
  });
  const attributes = { ...record.config.Labels, comment: request.comment, image: record.imageName, imageID: image.id, name: record.name };
  rooms.events.publish("container", "commit", record.id, attributes);
  return image;
}

async function standingStill<T>(containers: Containers, record: ContainerRecord, pause: boolean, work: () => Promise<T>): Promise<T> {
  if (!pause || record.state.status !== "running") return work();
  await containers.pause(record.id);
  try {
    return await work();
  } finally {
    await containers.unpause(record.id);
  }
}

/** The container's changes as a blob and, in the same pass, unpacked on top of its image. */
async function storeChanges(
  { images, snapshots }: CommitRooms,
  record: ContainerRecord,
  base: Image,
): Promise<{ descriptor: Descriptor; layer: Layer } | undefined> {
  const mountpoints = [...CONTAINER_MOUNTPOINTS, ...record.mounts.map(({ Destination }) => Destination)];
  const changes = snapshots.diff(record.id, { mountpoints });
  const [toStore, toUnpack] = [new PassThrough(), new PassThrough()];
  const stop = new AbortController();
  const copying = copyToBoth(changes, [toStore, toUnpack], stop.signal);
  const work = [images.putBlob(toStore, LAYER), snapshots.add(toUnpack, topLayer(base)), copying] as const;
  let done: readonly [Descriptor, Layer, void];
  try {
    done = await Promise.all(work);
  } catch (error) {
    // Whichever failed, the others must not wait for ever.
    stop.abort(error);
    for (const stream of [changes, toStore, toUnpack]) stream.on("error", () => undefined).destroy(error as Error);
    await Promise.allSettled(work);
    throw error;
  }
  const [descriptor, layer] = done;
  return layer.diffId === EMPTY_TAR ? undefined : { descriptor, layer };
}

async function copyToBoth(source: Readable, targets: readonly PassThrough[], signal: AbortSignal): Promise<void> {
  for await (const chunk of source as AsyncIterable<Buffer>)
    await Promise.all(targets.map(async (target) => target.write(chunk) || once(target, "drain", { signal })));
  for (const target of targets) target.end();
}

function imageConfig(
  base: Image,
  made: { record: ContainerRecord; request: CommitRequest; settings: ContainerConfig; diffId: Digest | undefined },
): ImageConfig {
  const { record, request, settings, diffId } = made;
  const created = new Date().toISOString();
  const { author, comment } = request;
  const entry = {
    created,
    created_by: (record.config.Cmd ?? []).join(" "),
    ...(author && { author }),
    ...(comment && { comment }),
    ...(diffId === undefined && { empty_layer: true }),
  };
  const { architecture, os, variant, rootfs, history = [] } = base.config;
  return {
    created,
    ...(author && { author }),
    ...(comment && { comment }),
    architecture,
    os,
    ...(variant !== undefined && { variant }),
    config: settings,
    rootfs: { type: "layers", diff_ids: diffId === undefined ? rootfs.diff_ids : [...rootfs.diff_ids, diffId] },
    history: [...history, entry],
  };
}

const KEPT = [
  "User",
  "ExposedPorts",
  "Env",
  "Entrypoint",
  "Cmd",
  "Volumes",
  "WorkingDir",
  "Labels",
  "StopSignal",
  "Healthcheck",
  "OnBuild",
  "Shell",
  "ArgsEscaped",
] as const satisfies (keyof ContainerConfig)[];

/** What of a container's configuration belongs to an image: not its host name, not how it was attached to. */
function imageSettings(config: ContainerConfig): ContainerConfig {
  return Object.fromEntries(KEPT.flatMap((key) => (config[key] === undefined || config[key] === null ? [] : [[key, config[key]]])));
}
