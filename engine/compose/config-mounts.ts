/**
 * What a container mounts: volumes, host directories, memory, and the files of configs and secrets.
 */
import { posix } from "node:path";
import type { ContainerSummary, Mount, MountPoint } from "../api/types/container.ts";
import { toBytes } from "./config-resources.ts";
import type { FileObject, Project } from "./project.ts";
import type { ServiceConfig, ServiceFile, ServiceVolume } from "./service.ts";

/** Mounts of a container in both of the engine's forms. */
export interface Mounts {
  readonly binds: string[];
  readonly mounts: Mount[];
}

/** What the container that is replaced had mounted, and which directories the image declares as volumes. */
export interface Inheritance {
  readonly replaced: Pick<ContainerSummary, "Mounts"> | undefined;
  readonly imageVolumes: readonly string[];
}

/** Mounts of a service's container; a new container takes over the anonymous volumes of the one that it replaces. */
export function mountsOf(project: Project, service: ServiceConfig, { replaced, imageVolumes }: Inheritance): Mounts {
  const binds: string[] = [];
  const mounts = new Map<string, Mount>();
  for (const old of replaced?.Mounts ?? [])
    if (isAnonymous(old, service, imageVolumes)) mounts.set(posix.normalize(old.Destination), inherited(old));
  for (const volume of service.volumes ?? []) {
    const target = posix.normalize(volume.target);
    if (!volume.source && volume.type === "volume" && mounts.has(target)) continue;
    const bind = bindText(project, volume);
    if (bind) binds.push(bind);
    else mounts.set(target, toMount(project, volume));
  }
  for (const mount of fileMounts(project, service)) if (!mounts.has(mount.Target ?? "")) mounts.set(mount.Target ?? "", mount);
  return { binds, mounts: [...mounts.values()] };
}

/** Named volumes are named by the file again; what has no name in it lives on only by being handed on. */
function isAnonymous(old: MountPoint, { volumes = [] }: ServiceConfig, imageVolumes: readonly string[]): boolean {
  if (old.Type !== "volume") return false;
  const target = posix.normalize(old.Destination);
  const wanted = volumes.find((volume) => posix.normalize(volume.target) === target);
  return wanted ? wanted.type === "volume" && !wanted.source : imageVolumes.includes(target);
}

function inherited({ Name, Destination, RW }: MountPoint): Mount {
  return { Type: "volume", Source: Name ?? "", Target: posix.normalize(Destination), ReadOnly: !RW };
}

/** The older form can make a missing host directory, so it is used where that is wanted, and for named volumes. */
function bindText(project: Project, volume: ServiceVolume): string | undefined {
  const { source, target, read_only: readOnly, bind } = volume;
  const options = [readOnly ? "ro" : "rw"];
  if (volume.type === "bind") {
    if (bind?.create_host_path === false || bind?.recursive) return undefined;
    if (bind?.selinux) options.push(bind.selinux);
    if (bind?.propagation) options.push(bind.propagation);
    return `${source}:${target}:${options.join(",")}`;
  }
  if (volume.type !== "volume" || !source || volume.volume?.subpath || volume.volume?.labels) return undefined;
  if (volume.volume?.nocopy) options.push("nocopy");
  return `${project.volumes[source]?.name ?? source}:${target}:${options.join(",")}`;
}

function toMount(project: Project, volume: ServiceVolume): Mount {
  const { type, source, target, read_only: ReadOnly = false } = volume;
  const base = { Type: type as NonNullable<Mount["Type"]>, Target: target, ...(ReadOnly ? { ReadOnly } : {}) };
  const { bind, volume: named, tmpfs, image } = volume;
  if (type === "bind") {
    const recursive =
      bind?.recursive === "disabled"
        ? { NonRecursive: true }
        : bind?.recursive === "writable"
          ? { ReadOnlyNonRecursive: true }
          : bind?.recursive === "readonly"
            ? { ReadOnlyForceRecursive: true }
            : {};
    return {
      ...base,
      Source: source ?? "",
      BindOptions: { ...(bind?.propagation ? { Propagation: bind.propagation } : {}), ...recursive },
    };
  }
  if (type === "tmpfs")
    return {
      ...base,
      ...(tmpfs
        ? { TmpfsOptions: { ...(tmpfs.size ? { SizeBytes: toBytes(tmpfs.size) } : {}), ...(tmpfs.mode ? { Mode: tmpfs.mode } : {}) } }
        : {}),
    };
  if (type === "image") return { ...base, Source: source ?? "", ...(image?.subpath ? { ImageOptions: { Subpath: image.subpath } } : {}) };
  const options = {
    ...(named?.nocopy ? { NoCopy: true } : {}),
    ...(named?.subpath ? { Subpath: named.subpath } : {}),
    ...(named?.labels ? { Labels: named.labels } : {}),
  };
  const name = source ? (project.volumes[source]?.name ?? source) : undefined;
  return { ...base, ...(name ? { Source: name } : {}), VolumeOptions: options };
}

/** A config or secret that a service uses, with the path that it has in the container. */
export interface UsedFile {
  readonly reference: ServiceFile;
  readonly object: FileObject;
  readonly target: string;
  readonly kind: "config" | "secret";
}

/** Configs and secrets of a service. @throws {Error} for those that only a swarm has */
export function usedFiles(project: Project, service: ServiceConfig): UsedFile[] {
  return [
    ...(service.secrets ?? []).map((reference) => usedFile("secret", reference, project.secrets)),
    ...(service.configs ?? []).map((reference) => usedFile("config", reference, project.configs)),
  ];
}

function usedFile(kind: UsedFile["kind"], reference: ServiceFile, objects: Readonly<Record<string, FileObject>> = {}): UsedFile {
  const object = objects[reference.source];
  if (!object) throw new Error(`undefined ${kind} ${reference.source}`);
  if (object.external) throw new Error(`unsupported external ${kind} ${object.name}`);
  if (object.driver) throw new Error(`Docker Compose does not support ${kind}s.*.driver`);
  if (object.template_driver) throw new Error(`Docker Compose does not support ${kind}s.*.template_driver`);
  const base = kind === "secret" ? "/run/secrets/" : "/";
  return { kind, reference, object, target: posix.resolve(base, reference.target || reference.source) };
}

/** Files of the host are mounted; values are written into the container once it is made. */
function fileMounts(project: Project, service: ServiceConfig): Mount[] {
  return usedFiles(project, service)
    .filter(({ object }) => isMounted(object))
    .map(({ object, target }) => ({ Type: "bind", Source: object.file ?? "", Target: target, ReadOnly: true, BindOptions: {} }));
}

/** Whether a config or secret comes from a file of the host. */
export function isMounted(object: FileObject): boolean {
  return object.environment === undefined && object.content === undefined && object.file !== undefined;
}
