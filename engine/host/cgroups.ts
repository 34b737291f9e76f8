/**
 * Which control groups this engine may make, found out once at its start by making one.
 *
 *     v2-root       the unified hierarchy, as root           v1-root   separate or hybrid hierarchies, as root
 *     v2-delegated  a subtree that belongs to the user       none      containers run without limits
 */
import { accessSync, constants, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { removeGroups } from "./cgroup-removal.ts";
import { bindMount, mountPoints } from "./mount.ts";
import type { MountPoint } from "./mount.ts";

export type CgroupMode = "v2-root" | "v2-delegated" | "v1-root" | "none";

export interface Cgroups {
  readonly mode: CgroupMode;
  /** What `docker info` shows: 1 for separate and hybrid hierarchies. */
  readonly version: 1 | 2;
  /** The cgroup of a container is `<parent>/<id>` in the runtime spec's cgroupsPath; null when mode is none. */
  readonly parent: string | null;
  /** Controllers that containers can be limited by, e.g. `memory`, `cpu`, `pids`, `cpuset`, `io` (v1: `blkio`). */
  readonly controllers: readonly string[];
  /** Directories of a container's cgroup by controller; v2 has one directory, under every controller's name. Empty without cgroups. */
  readonly directories: (id: string) => Readonly<Record<string, string>>;
  /** Arguments that crun needs before its command; runc needs none. */
  readonly crunArguments: readonly string[];
}

const ROOT = "/sys/fs/cgroup";

/**
 * Finds out and prepares. Runs inside the engine's own mount namespace, which it may change.
 * @param name tells this engine's cgroups from another's, e.g. `berth`
 * @param emptyFile any empty file
 */
export function openCgroups(name: string, options: { rootless: boolean; emptyFile: string }): Cgroups {
  const mounts = mountPoints().filter(({ target, type }) => target.startsWith(ROOT) && (type === "cgroup" || type === "cgroup2"));
  const unified = mounts.some(({ target, type }) => target === ROOT && type === "cgroup2");
  hideHybridControllers(mounts, options.emptyFile);
  if (unified) return (options.rootless ? delegated(name) : rootV2(name)) ?? none(2);
  return (options.rootless ? undefined : rootV1(name, mounts)) ?? none(1);
}

/**
 * crun refuses to run at all where the second hierarchy of a hybrid still offers a controller ("cgroups in hybrid mode not
 * supported, drop all controllers from cgroupv2"). Nobody else sees what is hidden here: this mount namespace is ours.
 */
function hideHybridControllers(mounts: readonly MountPoint[], emptyFile: string): void {
  const unified = mounts.find(({ target, type }) => type === "cgroup2" && target !== ROOT);
  const file = unified && join(unified.target, "cgroup.controllers");
  if (file && existsSync(file) && readFileSync(file, "utf8").trim() !== "") bindMount(emptyFile, file);
}

function none(version: 1 | 2): Cgroups {
  const directories = (): Record<string, string> => ({});
  return { mode: "none", version, parent: null, controllers: [], directories, crunArguments: ["--cgroup-manager=disabled"] };
}

function rootV1(name: string, mounts: readonly MountPoint[]): Cgroups | undefined {
  const at = new Map<string, string>();
  for (const { target, type, superOptions } of mounts)
    if (type === "cgroup") for (const option of superOptions) if (V1_CONTROLLERS.has(option)) at.set(option, target);
  const writable = [...at].filter(([, directory]) => canMake(join(directory, name)));
  if (!writable.some(([controller]) => controller === "devices")) return undefined;
  return {
    mode: "v1-root",
    version: 1,
    parent: `/${name}`,
    controllers: writable.map(([controller]) => controller),
    directories: (id) => Object.fromEntries(writable.map(([controller, directory]) => [controller, join(directory, name, id)])),
    crunArguments: ["--cgroup-manager=cgroupfs"],
  };
}

const V1_CONTROLLERS = new Set([
  "cpu",
  "cpuacct",
  "cpuset",
  "memory",
  "pids",
  "blkio",
  "devices",
  "freezer",
  "hugetlb",
  "net_cls",
  "net_prio",
  "perf_event",
]);

function rootV2(name: string): Cgroups | undefined {
  return subtree("v2-root", "", name);
}

/** A user's own subtree: systemd gives one to user sessions, and a scope with Delegate=yes. */
function delegated(name: string): Cgroups | undefined {
  const own = /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1];
  if (own === undefined || own === "/" || statSync(join(ROOT, own), { throwIfNoEntry: false })?.uid !== process.getuid!()) return undefined;
  // A cgroup with processes of its own cannot pass controllers on, so the containers go beside it.
  const parent = join(own, "..");
  return subtree("v2-delegated", isWritable(join(ROOT, parent)) ? parent : own, name);
}

function subtree(mode: CgroupMode, above: string, name: string): Cgroups | undefined {
  const directory = join(ROOT, above, name);
  if (!canMake(directory)) return undefined;
  const controllers = enableControllers(join(ROOT, above), directory);
  return {
    mode,
    version: 2,
    parent: join("/", above, name),
    controllers,
    directories: (id) => Object.fromEntries(["unified", ...controllers].map((controller) => [controller, join(directory, id)])),
    crunArguments: ["--cgroup-manager=cgroupfs"],
  };
}

/** Passes on every controller that may be passed on, one by one because one refusal refuses all. */
function enableControllers(above: string, directory: string): string[] {
  const enabled: string[] = [];
  for (const controller of words(join(above, "cgroup.controllers")))
    try {
      if (!words(join(above, "cgroup.subtree_control")).includes(controller))
        writeFileSync(join(above, "cgroup.subtree_control"), `+${controller}`);
      writeFileSync(join(directory, "cgroup.subtree_control"), `+${controller}`);
      enabled.push(controller);
    } catch {
      // Not delegated, or in use where it cannot be shared: containers do without.
    }
  return enabled;
}

function words(path: string): string[] {
  return readFileSync(path, "utf8")
    .split(/\s+/)
    .filter((word) => word !== "");
}

function canMake(directory: string): boolean {
  try {
    mkdirSync(directory, { recursive: true });
    return isWritable(directory);
  } catch {
    return false;
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Directories of the control groups of a container, in the hierarchies that we do not manage as well. */
export function everyDirectory(cgroups: Cgroups, id: string): string[] {
  const all = new Set(Object.values(cgroups.directories(id)));
  // On a v1 host runtimes also make cgroups in the other hierarchies.
  if (cgroups.mode === "v1-root" && cgroups.parent)
    for (const extra of ["unified", "systemd"]) all.add(join(ROOT, extra, cgroups.parent, id));
  return [...all];
}

/** Ids that have a control group, whether anything runs in it or not. */
export function idsWithGroups(cgroups: Cgroups): string[] {
  const names = everyDirectory(cgroups, ".").flatMap((parent) => (existsSync(parent) ? readdirSync(parent) : []));
  return [...new Set(names)].filter((name) => /^[0-9a-f]{64}$/.test(name));
}

/** Removes this engine's cgroups after its last container, and whoever is left in them; those that stay busy stay. */
export async function removeCgroups(cgroups: Cgroups): Promise<void> {
  await removeGroups(everyDirectory(cgroups, "."));
}
