/** Making a container: its record, its writable snapshot, its volumes. Nothing runs yet. */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism, hostname } from "node:os";
import { join } from "node:path";
import type { ContainerCreateRequest, MountPoint, NetworkingConfig } from "../api/types/container.ts";
import { EngineError } from "../errors.ts";
import { topLayer } from "../images/images.ts";
import { parsePlatform } from "../images/platform.ts";
import type { Image } from "../images/images.ts";
import { nowText } from "../runtime/clock.ts";
import { capabilitiesOfMask, resolveCapabilities } from "./capabilities.ts";
import { commandOf, completeHostConfig, configOf, mergeConfig } from "./config.ts";
import type { ContainerRecord } from "./containers.ts";
import { parseDeviceRules } from "./devices.ts";
import type { Entry } from "./entry.ts";
import { checkHostConfig } from "./host-config.ts";
import { checkLinks } from "./links.ts";
import { logFileOptions } from "./log-options.ts";
import { invalidName } from "./messages.ts";
import { mountsOf, parseVolumesFrom, wantedMounts } from "./mounts.ts";
import type { WantedMount } from "./mounts.ts";
import { randomName } from "./names.ts";
import { checkResources, rlimits } from "./resources.ts";
import type { LimitSupport } from "./resources.ts";
import { kindInside } from "./rootfs.ts";
import type { Rooms } from "./rooms.ts";
import { seccompFor } from "./security.ts";
import type { ContainerStore } from "./store.ts";

const NAME = /^\/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

export async function createContainer(
  rooms: Rooms,
  store: ContainerStore,
  request: ContainerCreateRequest,
  options: { name?: string; platform?: string },
): Promise<{ entry: Entry; warnings: string[] }> {
  // Most containers are started as soon as they are made.
  rooms.runtime.warmUp();
  const id = randomBytes(32).toString("hex");
  const image = await findImage(rooms, request.Image ?? "", options.platform);
  const { record, wanted, warnings } = draft(rooms, store, { id, request, image });
  for (const { type, source } of wanted) if (type === "image") await rooms.images.get(source);
  const name = takeName(store, id, options.name);
  try {
    record.name = name;
    await rooms.snapshots.prepare(id, topLayer(image), { volatile: record.hostConfig.AutoRemove === true });
    record.mounts = await makeVolumes(rooms, record, wanted);
    return { entry: await store.add(record), warnings };
  } catch (error) {
    store.releaseName(name, id);
    await rooms.snapshots.remove(id);
    throw error;
  }
}

async function findImage(rooms: Rooms, name: string, platform: string | undefined): Promise<Image> {
  const image = await rooms.images.get(name);
  if (!platform) return image;
  const { config } = image;
  const want = parsePlatform(platform);
  if (want.os === config.os && want.architecture === config.architecture && (!want.variant || want.variant === config.variant))
    return image;
  const has = [config.os, config.architecture, config.variant].filter(Boolean).join("/");
  throw new EngineError(
    "not-found",
    `image with reference ${name} was found but its platform (${has}) does not match the specified platform (${platform})`,
  );
}

function takeName(store: ContainerStore, id: string, wanted: string | undefined): string {
  if (!wanted) {
    const name = randomName((each) => store.byName(each) !== undefined);
    store.reserve(name, id);
    return name;
  }
  checkName(wanted);
  const name = wanted.replace(/^\//, "");
  store.reserve(name, id);
  return name;
}

/** @throws {EngineError} invalid */
export function checkName(name: string): void {
  if (!NAME.test(name)) throw invalidName(name);
}

interface Draft {
  readonly record: ContainerRecord;
  readonly wanted: WantedMount[];
  readonly warnings: string[];
}

const PORTS_ON_HOST = "Published ports are discarded when using host network mode";

/** Checks everything that can be checked without doing anything. */
function draft(rooms: Rooms, store: ContainerStore, from: { id: string; request: ContainerCreateRequest; image: Image }): Draft {
  const { id, request, image } = from;
  const { cgroups } = rooms.host;
  const runtimeName = rooms.runtime.info.name;
  const asked = request.HostConfig ?? {};
  checkHostConfig(request);
  const { resources, warnings } = checkResources(asked, limitSupport(rooms));
  checkRuntime(asked.Runtime, runtimeName);
  const hostConfig = completeHostConfig(resources, { id, cgroupVersion: cgroups.version, runtimeName });
  const config = mergeConfig(configOf(request), image.config.config ?? {}, id);
  if (hostConfig.NetworkMode === "host" && !request.Hostname) config.Hostname = hostname();
  logFileOptions(hostConfig.LogConfig);
  rlimits(hostConfig.Ulimits);
  parseDeviceRules(hostConfig.DeviceCgroupRules ?? []);
  seccompFor(hostConfig, capabilitiesFor(hostConfig));
  checkLinks(store, hostConfig.Links ?? []);
  for (const mode of [hostConfig.IpcMode, hostConfig.PidMode])
    if (mode?.startsWith("container:")) findOther(store, mode.slice("container:".length));
  const others = (hostConfig.VolumesFrom ?? []).flatMap((text) => mountsFrom(store, text));
  const wanted = wantedMounts(config, hostConfig, others);
  wanted.forEach(checkMount);
  const { path, args } = commandOf(config);
  const record: ContainerRecord = {
    id,
    name: "",
    createdAt: nowText(),
    imageId: image.id,
    imageName: request.Image ?? "",
    path,
    args,
    config,
    hostConfig,
    networking: networkingOf(request.NetworkingConfig, hostConfig.NetworkMode!),
    mounts: [],
    platform: "linux",
    state: {
      status: "created",
      pid: 0,
      pidStartTime: "",
      bootId: "",
      exitCode: 0,
      error: "",
      oomKilled: false,
      startedAt: "",
      finishedAt: "",
      stoppedByUser: false,
    },
    restartCount: 0,
    sandbox: null,
  };
  const unpublished = hostConfig.NetworkMode === "host" && Object.keys(hostConfig.PortBindings ?? {}).length > 0;
  return { record, wanted, warnings: unpublished ? [...warnings, PORTS_ON_HOST] : warnings };
}

/** @throws {EngineError} invalid */
function mountsFrom(store: ContainerStore, text: string): WantedMount[] {
  const { name, mode } = parseVolumesFrom(text);
  return mountsOf(findOther(store, name).record.mounts, mode);
}

/** Not "not found", which would make the docker command pull the image. @throws {EngineError} invalid */
function findOther(store: ContainerStore, name: string): Entry {
  try {
    return store.find(name);
  } catch (error) {
    throw new EngineError("invalid", (error as Error).message, { cause: error });
  }
}

export function limitSupport(rooms: Rooms): LimitSupport {
  const { version, controllers, directories } = rooms.host.cgroups;
  const at = directories("x")[version === 2 ? "io" : "blkio"];
  // Runtimes write no other file, and on version 1 not even dockerd knows of BFQ's own.
  const weights = version === 2 ? ["io.weight", "io.bfq.weight"] : ["blkio.weight"];
  const ioWeight = at !== undefined && weights.some((name) => existsSync(join(at, "..", name)));
  const cpu = directories("x")["cpu"];
  const realtime = version === 1 && cpu !== undefined && existsSync(join(cpu, "..", "cpu.rt_runtime_us"));
  return { version, controllers, ioWeight, realtime, cpus: availableParallelism(), memoryNodes: memoryNodes() };
}

/** As the kernel writes it, e.g. `0-1`. */
function memoryNodes(): string {
  try {
    return readFileSync("/sys/devices/system/node/online", "utf8").trim();
  } catch {
    return "0";
  }
}

let available: Set<string> | undefined;

/** What this engine may hand on to containers. */
export function availableCapabilities(): Set<string> {
  return (available ??= capabilitiesOfMask(/^CapBnd:\s*(\w+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0"));
}

export function capabilitiesFor(hostConfig: { CapAdd?: string[] | null; CapDrop?: string[] | null; Privileged?: boolean }): string[] {
  const { CapAdd, CapDrop, Privileged } = hostConfig;
  return resolveCapabilities({ add: CapAdd ?? null, drop: CapDrop ?? null, privileged: Privileged ?? false }, availableCapabilities());
}

function checkRuntime(asked: string | undefined, own: string): void {
  const known = ["", own, "runc", "crun", "io.containerd.runc.v2"];
  if (!known.includes(asked ?? "")) throw new EngineError("invalid", `unknown or invalid runtime name: ${asked}`);
}

/** Files that system container tools put over files of /proc. @see runc's checkProcMount */
const PROC_FILES = [
  "cpuinfo",
  "diskstats",
  "meminfo",
  "stat",
  "swaps",
  "uptime",
  "loadavg",
  "slabinfo",
  "net/dev",
  "sys/kernel/ns_last_pid",
];

/** @throws {EngineError} invalid */
function checkMount({ type, source, target, createSource }: WantedMount): void {
  refuseProc(target);
  if (type === "bind" && !createSource && !existsSync(source))
    throw new EngineError("invalid", `invalid mount config for type "bind": bind source path does not exist: ${source}`);
}

/** A mount inside /proc could hide from the runtime what it protects. @throws {EngineError} invalid */
export function refuseProc(target: string): void {
  const inside = target === "/proc" || target.startsWith("/proc/");
  if (inside && !PROC_FILES.includes(target.slice("/proc/".length)))
    throw new EngineError("invalid", `"${target}" cannot be mounted because it is inside /proc`);
}

/** The networks to join, under the names by which the network room knows them. */
function networkingOf(asked: NetworkingConfig | undefined, mode: string): NetworkingConfig {
  const entries = Object.entries(asked?.EndpointsConfig ?? {}).map(
    ([name, settings]) => [name === "default" ? "bridge" : name, settings ?? {}] as const,
  );
  const endpoints = Object.fromEntries(entries);
  const named = mode !== "host" && !mode.startsWith("container:");
  return { EndpointsConfig: named && !(mode in endpoints) ? { ...endpoints, [mode]: {} } : named ? endpoints : {} };
}

/** Makes the volumes that do not exist, and fills new ones with what the image has at the target. */
async function makeVolumes(rooms: Rooms, record: ContainerRecord, wanted: readonly WantedMount[]): Promise<MountPoint[]> {
  const points: MountPoint[] = [];
  try {
    for (const mount of wanted) {
      // What `--tmpfs` asks for is not shown, what `--mount` asks for is.
      if (mount.target in (record.hostConfig.Tmpfs ?? {})) continue;
      points.push(mount.type === "volume" ? await makeVolume(rooms, record.id, mount) : point(mount, mount.source));
    }
    return points;
  } catch (error) {
    await removeAnonymousVolumes(rooms, points);
    throw error;
  }
}

async function makeVolume(rooms: Rooms, id: string, mount: WantedMount): Promise<MountPoint> {
  const volume = await rooms.volumes.create({
    ...(mount.source && { name: mount.source }),
    ...(mount.driver && { driver: mount.driver }),
    labels: { ...mount.labels },
    options: { ...mount.driverOptions },
  });
  if (!mount.noCopy && !mount.subpath) await fillVolume(rooms, id, { name: volume.name, target: mount.target });
  return { ...point(mount, volume.mountpoint), Name: volume.name, Driver: volume.driver };
}

/** Volumes that were made for one container go with it; those that another uses too stay. */
export async function removeAnonymousVolumes(rooms: Rooms, points: readonly MountPoint[]): Promise<void> {
  for (const { Type, Name } of points) {
    if (Type !== "volume" || !Name) continue;
    const volume = await rooms.volumes.get(Name).catch(() => undefined);
    if (volume?.anonymous) await rooms.volumes.remove(Name, { force: true }).catch(() => undefined);
  }
}

function point(mount: WantedMount, source: string): MountPoint {
  const { type, target, mode, readOnly, propagation } = mount;
  return { Type: type, Source: source, Destination: target, Mode: mode, RW: !readOnly, Propagation: propagation };
}

async function fillVolume(rooms: Rooms, id: string, { name, target }: { name: string; target: string }): Promise<void> {
  const root = await rooms.snapshots.mount(id);
  if (kindInside(root, target) !== "directory") return;
  await rooms.volumes.mount(name, id);
  try {
    await rooms.volumes.copyUp(name, { root, path: target });
  } finally {
    await rooms.volumes.unmount(name, id);
  }
}
