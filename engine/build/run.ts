/** RUN: a command in a snapshot on top of the stage; what it wrote becomes the layer. */
import { randomBytes } from "node:crypto";
import { EngineError } from "../errors.ts";
import { platformText } from "../images/platform.ts";
import { MOUNTPOINTS } from "../runtime/spec.ts";
import { sandboxHostname } from "./build-args.ts";
import { StepError } from "./builder.ts";
import { keyOf } from "./cache.ts";
import { epochOf, setBack } from "./epoch.ts";
import type { StepLayer } from "./cache.ts";
import type { RunOperation } from "./operation.ts";
import type { Prepared, StepScope } from "./rooms.ts";
import { hasRoom } from "./full-disk.ts";
import { sandboxOf } from "./run-sandbox.ts";
import { describeMount, takeMounts } from "./run-mounts.ts";
import type { DescribedMount, TakenMounts } from "./run-mounts.ts";
import { manifestDigest } from "./selection.ts";

export async function prepareRun(operation: RunOperation, instruction: string, scope: StepScope): Promise<Prepared> {
  const { request, stage } = scope;
  if (operation.security === "insecure" && !request.entitlements?.includes("security.insecure"))
    throw new EngineError("forbidden", 'security.insecure is not allowed: RUN --security=insecure needs "--allow security.insecure"');
  if (operation.network === "host" && request.networkMode !== "host" && !request.entitlements?.includes("network.host"))
    throw new EngineError("forbidden", 'network.host is not allowed: RUN --network=host needs "--allow network.host"');
  const described: DescribedMount[] = [];
  for (const mount of operation.mounts) described.push(await describeMount(mount, scope));
  const { args, env, workingDir, user, network, security, script } = operation;
  const hostname = sandboxHostname(request.buildArgs);
  const networkMode = network ?? request.networkMode ?? "default";
  const mounts = described.map((mount) => mount.key);
  const own = { args, env: env.toSorted(), workingDir, user, networkMode, security, script, mounts };
  const key = keyOf({
    v: 1,
    op: "run",
    parent: scope.parent,
    ...own,
    extraHosts: request.extraHosts,
    hostname,
    shm: request.shmSizeBytes,
    platform: stage.platform,
    epoch: epochOf(request),
  });
  const values = {
    "setting the user": user,
    "setting the working directory": workingDir,
    "setting the network": networkMode,
    "setting the security mode": security ?? "",
    "setting the extra hosts": (request.extraHosts ?? []).join(","),
    ...(hostname !== undefined && { "setting the host name": hostname }),
    "setting the size of /dev/shm": String(request.shmSizeBytes ?? ""),
    "setting the platform": platformText(stage.platform),
    ...Object.fromEntries(env.map((entry) => [variableLabel(entry, operation.argNames), keyOf(entry).slice(0, 16)])),
    ...Object.fromEntries(described.map(mountLabel)),
  };
  const manifest = mergedManifest(described);
  const ignore = manifest && (await scope.trees.ignoreDigest());
  const containerId = randomBytes(32).toString("hex");
  return {
    key,
    inputs: { instruction, parent: scope.parent, values, ...(manifest && { files: manifestDigest(manifest) }), ...(ignore && { ignore }) },
    ...(manifest && { manifest: () => Promise.resolve(manifest) }),
    containerId,
    mounts: described.map((mount) => mount.scene),
    run: () => runStep(operation, containerId, scope),
  };
}

/** A mount of the context's files is explained by the files. */
function mountLabel({ key, scene: { mount, target }, manifest }: DescribedMount): [string, string] {
  if (mount.type === "secret") return [`secret ${mount.id ?? mount.source ?? ""}`, target];
  return [`mount ${target}`, keyOf(manifest ? { ...(key as object), files: "" } : key).slice(0, 16)];
}

function mergedManifest(mounts: readonly DescribedMount[]): Map<string, string> | undefined {
  const manifests = mounts.flatMap(({ manifest }) => manifest ?? []);
  return manifests.length === 0 ? undefined : new Map(manifests.flatMap((manifest) => [...manifest]));
}

function variableLabel(entry: string, argNames: readonly string[]): string {
  const name = entry.split("=", 1)[0]!;
  return `${argNames.includes(name) ? "argument" : "variable"} ${name}`;
}

/** Docker's sentence of the classic builder. */
function nonZero(args: readonly string[], exitCode: number): string {
  return `The command '${args.join(" ")}' returned a non-zero code: ${exitCode}`;
}

async function runStep(operation: RunOperation, containerId: string, scope: StepScope): Promise<StepLayer> {
  const { snapshots, layers } = scope.rooms;
  const key = `build-${scope.buildId}-${scope.stepId}`;
  const taken = await takeMounts(operation, scope);
  const points = [...MOUNTPOINTS, "/run/secrets", ...taken.mounts.map((mount) => mount.target)];
  try {
    await snapshots.prepare(key, scope.parent, { volatile: true });
    const rootfs = await snapshots.mount(key);
    const { exitCode } = await runCommand(operation, { containerId, rootfs, taken }, scope);
    const epoch = epochOf(scope.request);
    if (exitCode === 0 && epoch !== undefined) await setBack(snapshots, { key, rootfs, mountpoints: points }, epoch);
    if (exitCode === 0) return await layers.commit(key, points, scope.signal);
    const chainId = (await hasRoom(scope.rooms.temporary)) ? await layers.leave(key, points) : undefined;
    throw new StepError(nonZero(operation.args, exitCode), { step: scope.stepId, exitCode, ...(chainId && { chainId }) });
  } catch (error) {
    await snapshots.remove(key);
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
    ...sandboxOf(request, operation),
    mounts: taken.mounts,
    hostname: sandboxHostname(request.buildArgs) ?? "buildkitsandbox",
    onOutput,
    signal,
  });
}
