/**
 * The machine as this engine found it: who runs it, which namespaces, programs and limits there are. Decided once at the
 * start; the only place that knows root from rootless.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openCgroups, removeCgroups } from "./cgroups.ts";
import type { Cgroups } from "./cgroups.ts";
import { makeDirectory } from "./files.ts";
import { clearRun, networkNamespacePath, processesBeside, readHolder } from "./launch.ts";
import type { Holder } from "./launch.ts";
import { EngineError } from "../errors.ts";
import { openOciRuntime } from "./oci-runtime.ts";
import type { OciRuntime } from "./oci-runtime.ts";
import { engineName } from "./paths.ts";
import type { EnginePaths } from "./paths.ts";
import { descendants, killAll } from "./process.ts";
import type { Launch } from "./start.ts";

export interface Host {
  readonly paths: EnginePaths;
  /** Whether a user namespace is between this engine and the machine. Inside, the engine is uid 0 in both cases. */
  readonly rootless: boolean;
  /** Who started the engine, in the machine's own numbers. */
  readonly user: Launch["user"];
  /** Short name of this engine, no two on a machine alike: for cgroups and network interfaces. `berth` or `berth-` and 8 hex. */
  readonly name: string;
  readonly holder: Holder;
  /** The file behind which the private network namespace R is; for setns or `nsenter --net=`. */
  readonly networkNamespace: string;
  readonly cgroups: Cgroups;
  readonly runtime: OciRuntime;
}

/**
 * Looks around. Runs inside the holder's mount namespace.
 * @throws {EngineError} unavailable when there is no holder or no OCI runtime that works
 */
export async function openHost(launch: Launch): Promise<Host> {
  const { paths, rootless } = launch;
  const holder = readHolder(paths);
  if (holder === undefined) throw new EngineError("unavailable", "The engine is started with `berth engine start`");
  await Promise.all([paths.storage, paths.state, paths.run].map((path) => makeDirectory(path)));
  const name = engineName(paths);
  const emptyFile = join(paths.run, "empty");
  writeFileSync(emptyFile, "", { mode: 0o444 });
  const cgroups = openCgroups(name, { rootless, emptyFile });
  const runtime = await openOciRuntime(cgroups, { cache: join(paths.state, "oci-runtime.json"), scratch: paths.run });
  return { paths, rootless, user: launch.user, name, holder, networkNamespace: networkNamespacePath(paths), cgroups, runtime };
}

/**
 * Ends everything that belongs to this engine except this process: holder, netd, uplink and whatever else lives in its
 * mount namespace, with all their children, and its cgroups. The namespaces and their mounts go with this process.
 */
export async function closeHost(host: Host): Promise<void> {
  const inside = processesBeside(host.holder.mountNamespace);
  // This process's own children are in the list; only its parents could be missed, and those are the launcher's.
  await killAll([...inside, ...descendants(inside)], async () => removeCgroups(host.cgroups));
  clearRun(host.paths);
}
