/**
 * The machine as this engine found it: who runs it, which namespaces, programs and limits there are. Decided once at the
 * start; the only place that knows root from rootless.
 */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openCgroups } from "./cgroups.ts";
import type { Cgroups } from "./cgroups.ts";
import { makeDirectory } from "./files.ts";
import { networkNamespacePath, readHolder } from "./launch.ts";
import type { Holder } from "./launch.ts";
import { EngineError } from "../errors.ts";
import { openOciRuntime } from "./oci-runtime.ts";
import type { OciRuntime } from "./oci-runtime.ts";
import type { EnginePaths } from "./paths.ts";
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

function engineName(paths: EnginePaths): string {
  if (paths.root === null) return "berth";
  return `berth-${createHash("sha256").update(paths.run).digest("hex").slice(0, 8)}`;
}
