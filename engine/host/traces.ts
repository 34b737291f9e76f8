/**
 * What an engine shows of itself outside of its own files: control groups, and as root a way out on the host. Looks only,
 * with no kernel call of its own, so that any Node may look.
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { EnginePaths } from "./paths.ts";
import { engineName } from "./paths.ts";

const CGROUPS = "/sys/fs/cgroup";

/** Control groups of this user's engine with this short name, in whichever hierarchies there are some. */
export function cgroupsOf(name: string): string[] {
  const own = /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1] ?? "/";
  const hierarchies = existsSync(CGROUPS) ? readdirSync(CGROUPS).map((entry) => join(CGROUPS, entry)) : [];
  const above = [CGROUPS, ...hierarchies, join(CGROUPS, own), join(CGROUPS, own, "..")];
  const uid = process.getuid!();
  const mine = (directory: string): boolean => statSync(directory, { throwIfNoEntry: false })?.uid === uid;
  return [...new Set(above)].map((directory) => join(directory, name)).filter(mine);
}

/** Whether something of an engine is outside of its files, though nothing of it may run any more. */
export function leavesTraces(paths: EnginePaths): boolean {
  return existsSync(uplinkFile(paths)) || cgroupsOf(engineName(paths)).length > 0;
}

/** Says which way out there is, or is being made; gone when it is gone. */
export function uplinkFile({ run }: Pick<EnginePaths, "run">): string {
  return join(run, "uplink.json");
}
