/**
 * Which OCI runtime works here, found out by running one container with it: versions and kernels disagree in ways that no
 * version number tells. The answer is kept until program, kernel or boot change.
 */
import { existsSync, lstatSync, mkdirSync, readlinkSync, symlinkSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import type { Cgroups } from "./cgroups.ts";
import { readJson, removeTree, writeFileAtomic, writeJson } from "./files.ts";
import { bootId, run } from "./process.ts";
import { findProgram, programVersionKey } from "./programs.ts";
import { VERSION } from "./version.ts";

export interface OciRuntime {
  readonly name: "crun" | "runc";
  readonly path: string;
  readonly version: string;
  /** Arguments before every command besides `--root`. */
  readonly globalArguments: readonly string[];
}

/** crun is the faster: 10 ms a start, and 1 MB where runc takes 12. */
const PREFERRED = ["crun", "runc"] as const;

/**
 * The runtimes to try, in order: all of them, or the one that the user insists on.
 * @throws {EngineError} invalid for a name that is neither
 */
export function runtimesToTry(wanted: string | undefined): readonly OciRuntime["name"][] {
  if (!wanted) return PREFERRED;
  const found = PREFERRED.filter((name) => name === wanted);
  if (found.length === 0) throw new EngineError("invalid", `Unknown BERTH_RUNTIME "${wanted}": it is ${PREFERRED.join(" or ")}`);
  return found;
}

/**
 * The first runtime that runs a container.
 * @param options.scratch a directory that may be used and is left empty
 * @throws {EngineError} unavailable with what each of them said
 */
export async function openOciRuntime(cgroups: Cgroups, options: { cache: string; scratch: string }): Promise<OciRuntime> {
  const failures: string[] = [];
  const known = await readJson<Record<string, OciRuntime | string>>(options.cache);
  const answers: Record<string, OciRuntime | string> = {};
  for (const name of runtimesToTry(process.env["BERTH_RUNTIME"])) {
    const path = findProgram(name);
    if (path === undefined) continue;
    const key = [VERSION, programVersionKey(path), cgroups.mode, release(), bootId()].join(" ");
    const answer = known?.[key] ?? (await tryRuntime(name, path, cgroups, options.scratch));
    answers[key] = answer;
    if (known?.[key] === undefined) await writeJson(options.cache, answers);
    if (typeof answer !== "string") return answer;
    failures.push(`${path}: ${answer}`);
  }
  const why = failures.length > 0 ? `No OCI runtime works here: ${failures.join("; ")}` : "No OCI runtime found: install crun or runc";
  throw new EngineError("unavailable", why);
}

async function tryRuntime(name: OciRuntime["name"], path: string, cgroups: Cgroups, scratch: string): Promise<OciRuntime | string> {
  const version = /version\s+v?(\S+)/.exec((await run([path, "--version"])).stdout)?.[1] ?? "unknown";
  const globalArguments = name === "crun" ? cgroups.crunArguments : [];
  const directory = join(scratch, `probe-${name}`);
  await removeTree(directory);
  mkdirSync(join(directory, "rootfs"), { recursive: true });
  try {
    await writeFileAtomic(join(directory, "config.json"), JSON.stringify(probeSpec(directory, cgroups)));
    const id = `berth-probe-${process.pid}`;
    const result = await run([path, ...globalArguments, "--root", join(directory, "state"), "run", "--bundle", directory, id]);
    if (result.exitCode === 42) return { name, path, version, globalArguments };
    return (result.stderr || result.stdout).trim().split("\n").at(-1) || `exit code ${result.exitCode}`;
  } finally {
    await removeTree(directory);
  }
}

/** A container of this machine's own programs, read-only. */
function probeSpec(directory: string, cgroups: Cgroups): object {
  const rootfs = join(directory, "rootfs");
  const mounts: object[] = [
    { destination: "/proc", type: "proc", source: "proc" },
    { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=65536k"] },
    { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "gid=5"] },
  ];
  for (const name of ["usr", "bin", "sbin", "lib", "lib64", "nix"]) {
    if (!existsSync(`/${name}`)) continue;
    if (lstatSync(`/${name}`).isSymbolicLink()) symlinkSync(readlinkSync(`/${name}`), join(rootfs, name));
    else mounts.push({ destination: `/${name}`, type: "bind", source: `/${name}`, options: ["rbind", "ro"] });
  }
  return {
    ociVersion: "1.0.2",
    process: { user: { uid: 0, gid: 0 }, args: ["/bin/sh", "-c", "exit 42"], env: ["PATH=/usr/bin:/bin"], cwd: "/" },
    root: { path: rootfs, readonly: false },
    hostname: "probe",
    mounts,
    linux: {
      namespaces: ["pid", "ipc", "uts", "mount", "network"].map((type) => ({ type })),
      ...(cgroups.parent && { cgroupsPath: `${cgroups.parent}/probe`, resources: limits(cgroups) }),
    },
  };
}

function limits(cgroups: Cgroups): object {
  return {
    ...(cgroups.controllers.includes("memory") && { memory: { limit: 64 * 1024 * 1024 } }),
    ...(cgroups.controllers.includes("pids") && { pids: { limit: 64 } }),
  };
}
