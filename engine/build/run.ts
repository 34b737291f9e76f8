/** RUN: a command in a snapshot on top of the stage; what it wrote becomes the layer. */
import { randomBytes } from "node:crypto";
import { StepError } from "./builder.ts";
import { keyOf } from "./cache.ts";
import type { StepLayer } from "./cache.ts";
import type { RunOperation } from "./operation.ts";
import type { Prepared, StepScope } from "./rooms.ts";
import { mountKey, takeMounts } from "./run-mounts.ts";
import type { TakenMounts } from "./run-mounts.ts";

/** What the runtime makes in every root file system to mount on. */
const mountpoints = [
  "/proc",
  "/sys",
  "/sys/fs/cgroup",
  "/dev",
  "/dev/pts",
  "/dev/shm",
  "/dev/mqueue",
  "/dev/console",
  "/etc/resolv.conf",
  "/etc/hosts",
  "/etc/hostname",
  "/run/secrets",
];

export async function prepareRun(operation: RunOperation, instruction: string, scope: StepScope): Promise<Prepared> {
  const { request, stage } = scope;
  const mounts: unknown[] = [];
  for (const mount of operation.mounts) mounts.push(await mountKey(mount, scope));
  const { args, env, workingDir, user, network, security, script } = operation;
  const networkMode = network ?? request.networkMode ?? "default";
  const own = { args, env: env.toSorted(), workingDir, user, networkMode, security, script, mounts };
  const key = keyOf({
    v: 1,
    op: "run",
    parent: scope.parent,
    ...own,
    extraHosts: request.extraHosts,
    shm: request.shmSizeBytes,
    platform: stage.platform,
  });
  const values = {
    "the user": user,
    "the working directory": workingDir,
    "the network": networkMode,
    ...Object.fromEntries(env.map((entry) => [variableLabel(entry, operation.argNames), keyOf(entry).slice(0, 16)])),
    ...Object.fromEntries(operation.mounts.map((mount, index) => [`the mount ${mount.target}`, keyOf(mounts[index]).slice(0, 16)])),
  };
  const containerId = randomBytes(32).toString("hex");
  return {
    key,
    inputs: { instruction, parent: scope.parent, values },
    containerId,
    run: () => runStep(operation, containerId, scope),
  };
}

function variableLabel(entry: string, argNames: readonly string[]): string {
  const name = entry.split("=", 1)[0]!;
  return `${argNames.includes(name) ? "argument" : "variable"} ${JSON.stringify(name)}`;
}

/** Docker's sentence of the classic builder. */
function nonZero(args: readonly string[], exitCode: number): string {
  return `The command '${args.join(" ")}' returned a non-zero code: ${exitCode}`;
}

async function runStep(operation: RunOperation, containerId: string, scope: StepScope): Promise<StepLayer> {
  const { snapshots } = scope.rooms;
  const key = `build-${scope.buildId}-${scope.stepId}`;
  const taken = await takeMounts(operation, scope);
  let keep = false;
  try {
    await snapshots.prepare(key, scope.parent);
    const rootfs = await snapshots.mount(key);
    const { exitCode } = await runCommand(operation, { containerId, rootfs, taken }, scope);
    if (exitCode !== 0) {
      keep = true;
      throw new StepError(nonZero(operation.args, exitCode), { step: scope.stepId, exitCode, snapshot: key });
    }
    const points = [...mountpoints, ...taken.mounts.map((mount) => mount.target)];
    return await scope.rooms.layers.commit(key, points, scope.signal);
  } catch (error) {
    if (keep) await snapshots.unmount(key);
    else await snapshots.remove(key);
    throw error;
  } finally {
    await taken.release();
  }
}

async function runCommand(
  operation: RunOperation,
  { containerId, rootfs, taken }: { containerId: string; rootfs: string; taken: TakenMounts },
  { request, rooms, signal, onOutput }: StepScope,
): Promise<{ exitCode: number }> {
  return rooms.steps.run({
    id: containerId,
    rootfs,
    args: operation.args,
    env: [...operation.env, ...operation.proxyEnv, ...taken.env],
    workingDir: operation.workingDir,
    user: operation.user,
    networkMode: operation.network ?? request.networkMode ?? "default",
    extraHosts: request.extraHosts ?? [],
    ...(request.shmSizeBytes === undefined ? {} : { shmSizeBytes: request.shmSizeBytes }),
    mounts: taken.mounts,
    hostname: "buildkitsandbox",
    onOutput,
    signal,
  });
}
