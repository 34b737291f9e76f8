/** Build steps: a container without a record. The same spec, network and supervision; nothing of it is left. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";
import type { Sandbox } from "../networks/networks.ts";
import type { Task, TaskExit } from "../runtime/runtime.ts";
import { capabilitiesFor } from "./create.ts";
import { tmpfsOptions } from "./mount-sources.ts";
import type { SpecMount } from "./mounts.ts";
import { hostsFile } from "./network.ts";
import type { Rooms } from "./rooms.ts";
import type { OpenedStep, StepMount, StepOpen, StepRun, StepRunner, StepSandbox } from "./run-step.ts";
import { seccompFor } from "./security.ts";
import { buildSpec } from "./spec.ts";
import { checkSystemDirectories, findUser, workingDirectory } from "./start.ts";
import { outputOf, stdinOf } from "./stdio.ts";

type StepRooms = Pick<Rooms, "host" | "networks" | "runtime">;

export function openStepRunner(rooms: StepRooms): StepRunner {
  const hasCgroups = rooms.host.cgroups.parent !== null;
  return { hasCgroups, run: async (step) => runStep(rooms, step), open: async (step) => openStep(rooms, step) };
}

async function runStep(rooms: StepRooms, step: StepRun): Promise<{ exitCode: number; oomKilled: boolean }> {
  let task: Task | undefined;
  try {
    task = await startIn(rooms, step, { input: "none", tty: false });
    const { exitCode, oomKilled } = await whileKillable(rooms, { step, task }, async (running) => drain(running, step));
    step.signal?.throwIfAborted();
    return { exitCode, oomKilled };
  } finally {
    await clear(rooms, step, task);
  }
}

async function openStep(rooms: StepRooms, step: StepOpen): Promise<OpenedStep> {
  let task: Task | undefined;
  try {
    task = await startIn(rooms, step, { input: "once", tty: step.tty, consoleSize: step.consoleSize });
  } catch (error) {
    await clear(rooms, step, task);
    throw error;
  }
  const running = task;
  const ended = async (): Promise<{ exitCode: number }> => {
    try {
      const { exitCode } = await whileKillable(rooms, { step, task: running }, async ({ exit }) => exit);
      return { exitCode };
    } finally {
      await clear(rooms, step, running);
    }
  };
  return {
    attachment: { stdin: stdinOf(Promise.resolve(running), { closes: !step.tty }), output: outputOf(running) },
    exit: ended(),
    resize: (size) => running.resize(size),
  };
}

/** Kills the task when the step is aborted. */
async function whileKillable<T>(
  rooms: StepRooms,
  { step, task }: { step: StepSandbox; task: Task },
  work: (task: Task) => Promise<T>,
): Promise<T> {
  const kill = (): void => void rooms.runtime.kill(task, 9);
  step.signal?.addEventListener("abort", kill, { once: true });
  if (step.signal?.aborted) kill();
  try {
    return await work(task);
  } finally {
    step.signal?.removeEventListener("abort", kill);
  }
}

async function clear(rooms: StepRooms, { id }: StepSandbox, task: Task | undefined): Promise<void> {
  await task?.release();
  await rooms.runtime.destroy(id);
  await rooms.networks.detach(id);
  rmSync(directoryOf(rooms, id), { recursive: true, force: true });
}

function directoryOf({ host }: StepRooms, id: string): string {
  return join(host.paths.run, "steps", id);
}

interface StepIo {
  readonly input: "none" | "once";
  readonly tty: boolean;
  readonly consoleSize?: StepOpen["consoleSize"];
}

async function startIn(rooms: StepRooms, step: StepSandbox, io: StepIo): Promise<Task> {
  step.signal?.throwIfAborted();
  rooms.runtime.warmUp();
  const directory = directoryOf(rooms, step.id);
  mkdirSync(directory, { recursive: true, mode: 0o711 });
  return startStep(rooms, step, { directory, io });
}

/** Gives all output on; the supervisor may end as soon as the process has, what is in the pipes stays there. */
async function drain(task: Task, step: StepRun): Promise<TaskExit> {
  void task.exit.then(() => task.release());
  for await (const { stream, data } of outputOf(task)) await step.onOutput(stream, data);
  return task.exit;
}

async function startStep(rooms: StepRooms, step: StepSandbox, { directory, io }: { directory: string; io: StepIo }): Promise<Task> {
  const { host, networks, runtime } = rooms;
  const config = { User: step.user, Env: [...step.env], Hostname: step.hostname, Tty: io.tty };
  const { rows, columns } = io.consoleSize ?? { rows: 0, columns: 0 };
  const hostConfig = {
    ShmSize: step.shmSizeBytes ?? 0,
    ConsoleSize: [rows, columns] as [number, number],
    Privileged: step.privileged ?? false,
    Ulimits: [...(step.ulimits ?? [])],
    ...step.resources,
  };
  checkSystemDirectories(step.rootfs);
  const user = findUser(step.rootfs, { config, hostConfig });
  const cwd = await workingDirectory(step.rootfs, step.workingDir || "/");
  const sandbox = await networks.attach({
    containerId: step.id,
    containerName: "",
    hostname: step.hostname,
    mode: step.networkMode === "default" ? "bridge" : step.networkMode,
    endpoints: {},
    ports: {},
    publishAll: false,
    exposedPorts: [],
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
  });
  const capabilities = capabilitiesFor(hostConfig);
  const spec = buildSpec({
    config,
    hostConfig,
    args: step.args,
    cwd,
    user,
    hostname: step.hostname,
    rootfs: step.rootfs,
    capabilities,
    seccomp: seccompFor(hostConfig, capabilities),
    noNewPrivileges: false,
    mounts: step.mounts.map(toSpecMount),
    files: writeFiles(directory, step, sandbox),
    namespaces: {
      network: sandbox.netnsPath === null ? "host" : { path: sandbox.netnsPath },
      pid: "private",
      ipc: "private",
      uts: "private",
      cgroup: host.cgroups.version === 2 ? "private" : "host",
    },
    cgroupsPath: cgroupOf(step, host.cgroups),
    devices: [],
    deviceRules: [],
    rootless: host.rootless,
  });
  const signal = step.signal && { signal: step.signal };
  return runtime.start({ id: step.id, spec, input: io.input, output: "streams", tty: io.tty, ...signal });
}

/** A parent that was asked for counts from the root of the hierarchy, or of the part of it that is this user's. */
function cgroupOf({ id, resources }: StepSandbox, { parent, mode }: StepRooms["host"]["cgroups"]): string | undefined {
  if (parent === null) return undefined;
  if (!resources?.CgroupParent) return posix.join(parent, id);
  return posix.join(mode === "v2-delegated" ? parent : "/", posix.join("/", resources.CgroupParent), id);
}

function toSpecMount(mount: StepMount): SpecMount {
  const { type, source = "", target, readOnly, options = [] } = mount;
  if (type === "tmpfs") return { type, source: "tmpfs", target, options: tmpfsOptions(options) };
  return { type, source, target, options: ["rbind", "rprivate", ...(readOnly ? ["ro"] : []), ...options] };
}

function writeFiles(directory: string, step: StepSandbox, sandbox: Sandbox): { resolvConf: string; hostname: string; hosts: string } {
  const files = { resolvConf: join(directory, "resolv.conf"), hostname: join(directory, "hostname"), hosts: join(directory, "hosts") };
  writeFileSync(files.resolvConf, sandbox.resolvConf);
  writeFileSync(files.hostname, `${step.hostname}\n`);
  writeFileSync(files.hosts, hostsFile(sandbox, step.extraHosts));
  return files;
}
