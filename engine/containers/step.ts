/** Build steps: a container without a record. The same spec, network and supervision; nothing of it is left. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join, posix } from "node:path";
import type { Sandbox } from "../networks/networks.ts";
import type { Task, TaskExit } from "../runtime/runtime.ts";
import { capabilitiesFor } from "./create.ts";
import { tmpfsOptions } from "./mount-sources.ts";
import type { SpecMount } from "./mounts.ts";
import { hostsFile } from "./network.ts";
import type { Rooms } from "./rooms.ts";
import type { StepMount, StepRun, StepRunner } from "./run-step.ts";
import { seccompFor } from "./security.ts";
import { buildSpec } from "./spec.ts";
import { checkSystemDirectories, findUser, workingDirectory } from "./start.ts";
import { outputOf } from "./stdio.ts";

export function openStepRunner(rooms: Pick<Rooms, "host" | "networks" | "runtime">): StepRunner {
  return { run: async (step) => runStep(rooms, step) };
}

async function runStep(
  rooms: Pick<Rooms, "host" | "networks" | "runtime">,
  step: StepRun,
): Promise<{ exitCode: number; oomKilled: boolean }> {
  step.signal?.throwIfAborted();
  const directory = join(rooms.host.paths.run, "steps", step.id);
  let task: Task | undefined;
  const kill = (): void => void (task && rooms.runtime.kill(task, 9));
  try {
    await mkdir(directory, { recursive: true, mode: 0o711 });
    task = await startStep(rooms, step, directory);
    step.signal?.addEventListener("abort", kill, { once: true });
    if (step.signal?.aborted) kill();
    const { exitCode, oomKilled } = await drain(task, step);
    step.signal?.throwIfAborted();
    return { exitCode, oomKilled };
  } finally {
    step.signal?.removeEventListener("abort", kill);
    await task?.release();
    await rooms.runtime.destroy(step.id);
    await rooms.networks.detach(step.id);
    await rm(directory, { recursive: true, force: true });
  }
}

/** Gives all output on; the supervisor may end as soon as the process has, what is in the pipes stays there. */
async function drain(task: Task, step: StepRun): Promise<TaskExit> {
  void task.exit.then(() => task.release());
  for await (const { stream, data } of outputOf(task)) step.onOutput(stream, data);
  return task.exit;
}

async function startStep(rooms: Pick<Rooms, "host" | "networks" | "runtime">, step: StepRun, directory: string): Promise<Task> {
  const { host, networks, runtime } = rooms;
  const config = { User: step.user, Env: [...step.env], Hostname: step.hostname };
  const hostConfig = { ShmSize: step.shmSizeBytes ?? 0 };
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
  const capabilities = capabilitiesFor({});
  const spec = buildSpec({
    config,
    hostConfig,
    args: step.args,
    cwd,
    user,
    hostname: step.hostname,
    rootfs: step.rootfs,
    capabilities,
    seccomp: seccompFor({}, capabilities),
    noNewPrivileges: false,
    mounts: step.mounts.map(toSpecMount),
    files: await writeFiles(directory, step, sandbox),
    namespaces: {
      network: sandbox.netnsPath === null ? "host" : { path: sandbox.netnsPath },
      pid: "private",
      ipc: "private",
      uts: "private",
      cgroup: host.cgroups.version === 2 ? "private" : "host",
    },
    cgroupsPath: host.cgroups.parent === null ? undefined : posix.join(host.cgroups.parent, step.id),
    devices: [],
    deviceRules: [],
    rootless: host.rootless,
  });
  const signal = step.signal && { signal: step.signal };
  return runtime.start({ id: step.id, spec, input: "none", output: "streams", tty: false, ...signal });
}

function toSpecMount(mount: StepMount): SpecMount {
  const { type, source = "", target, readOnly, options = [] } = mount;
  if (type === "tmpfs") return { type, source: "tmpfs", target, options: tmpfsOptions(options) };
  return { type, source, target, options: ["rbind", "rprivate", ...(readOnly ? ["ro"] : []), ...options] };
}

async function writeFiles(
  directory: string,
  step: StepRun,
  sandbox: Sandbox,
): Promise<{ resolvConf: string; hostname: string; hosts: string }> {
  const files = { resolvConf: join(directory, "resolv.conf"), hostname: join(directory, "hostname"), hosts: join(directory, "hosts") };
  await Promise.all([
    writeFile(files.resolvConf, sandbox.resolvConf),
    writeFile(files.hostname, `${step.hostname}\n`),
    writeFile(files.hosts, hostsFile(sandbox, step.extraHosts)),
  ]);
  return files;
}
