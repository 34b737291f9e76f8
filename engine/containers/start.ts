/** From a record to a running process: root file system, network, mounts, spec, runtime. Undone as a whole when a part fails. */
import { posix } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { EngineError } from "../errors.ts";
import { initFile } from "../host/init/file.ts";
import { makeDirectoryIn } from "../layers/jail.ts";
import type { Sandbox } from "../networks/networks.ts";
import type { Task, TaskOptions } from "../runtime/runtime.ts";
import type { RuntimeSpec } from "../runtime/spec.ts";
import type { ContainerRecord } from "./containers.ts";
import { capabilitiesFor } from "./create.ts";
import { hostDevices, mappedDevices, parseDeviceRules } from "./devices.ts";
import type { Entry } from "./entry.ts";
import { linkEnvironment } from "./links.ts";
import { checkLogNotes } from "./log-notes.ts";
import { mountSources, releaseMounts } from "./mount-sources.ts";
import { hostnameOf, networkFiles, networkOwner, sandboxRequest, writeNetworkFiles } from "./network.ts";
import { kindInside, linkMountTable, markRoot, readTextInside, resolveInside } from "./rootfs.ts";
import type { Rooms } from "./rooms.ts";
import { parseSecurityOptions, seccompFor } from "./security.ts";
import { buildSpec } from "./spec.ts";
import type { NamespaceChoice } from "./spec.ts";
import { releaseSharedMemory, sharedMemory } from "./shared-memory.ts";
import type { ContainerStore } from "./store.ts";
import { lookUpUser } from "./users.ts";
import type { User } from "./users.ts";

/** How the process of a container is connected. */
export function taskOptions(entry: Entry): TaskOptions {
  const { OpenStdin, StdinOnce, Tty } = entry.record.config;
  return { input: OpenStdin ? (StdinOnce ? "once" : "open") : "none", output: { log: entry.log }, tty: Tty ?? false };
}

/** Starts the process. @throws {EngineError} with Docker's sentence; nothing is left of the attempt then */
export async function startTask(
  rooms: Rooms,
  store: ContainerStore,
  entry: Entry,
  signal?: AbortSignal,
): Promise<{ task: Task; sandbox: Sandbox }> {
  const { record } = entry;
  checkLogNotes(record.hostConfig.LogConfig);
  rooms.runtime.warmUp();
  const owner = networkOwner(store, record);
  // The network is made by another process, meanwhile this one looks at the files.
  const attaching = attachNetwork(rooms, record, owner?.record.state.pid);
  attaching.catch(() => undefined);
  try {
    await nextTurn();
    const rootfs = await rooms.snapshots.mount(record.id);
    checkSystemDirectories(rootfs);
    markRoot(rootfs);
    linkMountTable(rootfs);
    const user = findUser(rootfs, record);
    const cwd = await workingDirectory(rootfs, record.config.WorkingDir || "/");
    const mounts = await mountSources(rooms, record, rootfs);
    const sandbox = await attaching;
    // Who shares a network shares its host name too, which names the shared address.
    if (owner && record.hostConfig.UTSMode !== "host") record.config.Hostname = hostnameOf(owner.record);
    const files = owner ? networkFiles(rooms, owner.id) : writeNetworkFiles(rooms, record, sandbox);
    const spec = specOf(rooms, store, { record, rootfs, user, cwd, mounts, files, sandbox });
    const task = await rooms.runtime.start({ id: record.id, spec, ...taskOptions(entry), ...(signal && { signal }) });
    return { task, sandbox };
  } catch (error) {
    await attaching.catch(() => undefined);
    await releaseResources(rooms, record);
    throw error;
  }
}

/** Gives back what a start took besides the process. Idempotent. */
export async function releaseResources(rooms: Rooms, record: ContainerRecord): Promise<void> {
  releaseSharedMemory(rooms, record);
  await Promise.all([rooms.networks.detach(record.id), releaseMounts(rooms, record)]);
  await rooms.snapshots.unmount(record.id);
}

async function attachNetwork(rooms: Rooms, record: ContainerRecord, joinPid: number | undefined): Promise<Sandbox> {
  try {
    return await rooms.networks.attach(sandboxRequest(record, joinPid));
  } catch (error) {
    if (!(error instanceof EngineError) || error.message.startsWith("failed to set up container networking")) throw error;
    throw new EngineError(error.kind, `failed to set up container networking: ${error.message}`, { cause: error });
  }
}

/** An image in which /proc or /dev is a link could have the runtime mount them somewhere else. @throws {EngineError} invalid */
export function checkSystemDirectories(rootfs: string): void {
  for (const path of ["/proc", "/sys", "/dev"])
    if (resolveInside(rootfs, path) !== path) throw new EngineError("invalid", `"${path}" is a symbolic link in the image`);
}

export function findUser(rootfs: string, { config, hostConfig }: Pick<ContainerRecord, "config" | "hostConfig">): User {
  const files = { passwd: readTextInside(rootfs, "/etc/passwd"), group: readTextInside(rootfs, "/etc/group") };
  return lookUpUser(config.User ?? "", hostConfig.GroupAdd ?? [], files);
}

/**
 * The directory to start in, made when it is missing. One inside /proc is refused: through a descriptor that leaked it
 * could be a directory of the machine (CVE-2024-21626).
 * @throws {EngineError} invalid
 */
export async function workingDirectory(rootfs: string, path: string): Promise<string> {
  const cwd = posix.normalize(path);
  refuseProcDirectory(rootfs, cwd);
  const kind = kindInside(rootfs, cwd);
  if (kind === undefined) await makeDirectoryIn(rootfs, cwd);
  else if (kind !== "directory") throw new EngineError("invalid", `Cannot mkdir: ${cwd} is not a directory`);
  return cwd;
}

/** Also where a symbolic link in the root leads there. @throws {EngineError} invalid */
export function refuseProcDirectory(rootfs: string, path: string): void {
  for (const each of [path, resolveInside(rootfs, path)])
    if (each === "/proc" || each.startsWith("/proc/"))
      throw new EngineError("invalid", `the working directory '${path}' is invalid, it is inside /proc`);
}

interface SpecParts {
  readonly record: ContainerRecord;
  readonly rootfs: string;
  readonly user: User;
  readonly cwd: string;
  readonly mounts: Awaited<ReturnType<typeof mountSources>>;
  readonly files: ReturnType<typeof networkFiles>;
  readonly sandbox: Sandbox;
}

function specOf(rooms: Rooms, store: ContainerStore, parts: SpecParts): RuntimeSpec {
  const { record } = parts;
  const { config, hostConfig } = record;
  const { cgroups, rootless } = rooms.host;
  const capabilities = capabilitiesFor(hostConfig);
  const mapped = mappedDevices(hostConfig.Devices ?? []);
  const gpu = hostConfig.DeviceRequests?.[0];
  if (gpu)
    throw new EngineError(
      "internal",
      `could not select device driver "${gpu.Driver ?? ""}" with capabilities: ${goList(gpu.Capabilities ?? [])}`,
    );
  const shm = sharedMemory(rooms, store, record);
  return buildSpec({
    ...parts,
    config: { ...config, Env: [...linkEnvironment(store, record), ...(config.Env ?? [])] },
    hostConfig,
    args: [record.path, ...record.args],
    hostname: hostnameOf(record),
    capabilities,
    seccomp: seccompFor(hostConfig, capabilities),
    noNewPrivileges: parseSecurityOptions(hostConfig.SecurityOpt).noNewPrivileges,
    namespaces: {
      network: parts.sandbox.netnsPath === null ? "host" : { path: parts.sandbox.netnsPath },
      pid: joined(store, "pid", hostConfig.PidMode),
      ipc: joined(store, "ipc", hostConfig.IpcMode),
      uts: hostConfig.UTSMode === "host" ? "host" : "private",
      cgroup: hostConfig.CgroupnsMode === "host" ? "host" : "private",
    },
    cgroupsPath: cgroups.parent === null ? undefined : posix.join(cgroups.parent, record.id),
    mounts: rootless ? [...parts.mounts, ...mapped.binds] : parts.mounts,
    devices: [...(hostConfig.Privileged ? hostDevices() : []), ...(rootless ? [] : mapped.devices)],
    deviceRules: [...mapped.rules, ...parseDeviceRules(hostConfig.DeviceCgroupRules ?? [])],
    rootless,
    ...(shm !== undefined && { shm }),
    ...(hostConfig.Init && { init: initFile(rooms.host.paths.storage) }),
  });
}

/** `host`, `container:<name>` or the container's own. */
function joined(store: ContainerStore, kind: "pid" | "ipc", mode: string | undefined): NamespaceChoice {
  if (mode === "host") return "host";
  const name = /^container:(.*)$/.exec(mode ?? "")?.[1];
  if (name === undefined) return "private";
  const owner = store.find(name);
  if (!owner.isUp)
    throw new EngineError("conflict", `failed to join ${kind.toUpperCase()} namespace: container ${owner.id} is not running`);
  return { path: `/proc/${owner.record.state.pid}/ns/${kind}` };
}

function goList(value: readonly (readonly string[])[]): string {
  return `[${value.map((each) => `[${each.join(" ")}]`).join(" ")}]`;
}
