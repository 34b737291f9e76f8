/**
 * What this machine lacks, before anything is tried: one clear sentence each and the one command that mends it.
 * Only reads files, in about a millisecond, so that every start can ask.
 */
import { accessSync, chmodSync, constants, mkdirSync, readFileSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import type { EnginePaths } from "./paths.ts";
import { findProgram } from "./programs.ts";
import { firstFreeId, readSubordinateIds, SMALLEST_RANGE } from "./subordinate-ids.ts";

export type ProblemId =
  | "not-linux"
  | "root-not-writable"
  | "no-user-namespaces"
  | "apparmor"
  | "no-util-linux"
  | "no-newuidmap"
  | "no-subuid"
  | "no-runtime"
  | "no-uplink"
  | "no-tun";

export interface Problem {
  readonly id: ProblemId;
  /** A sentence for a person: what is missing. */
  readonly message: string;
  /** A command for a shell, or what else to do. */
  readonly fix: string;
}

type Family = "debian" | "fedora" | "arch" | "alpine" | "suse";

const INSTALL: Readonly<Record<Family, string>> = {
  debian: "sudo apt-get install -y",
  fedora: "sudo dnf install -y",
  arch: "sudo pacman -S --noconfirm",
  alpine: "sudo apk add",
  suse: "sudo zypper install -y",
};

/** Packages whose name differs between distributions. */
const PACKAGES: Readonly<Record<string, Partial<Record<Family, string>>>> = {
  newuidmap: { debian: "uidmap", fedora: "shadow-utils", arch: "shadow", alpine: "shadow-uidmap", suse: "shadow" },
};

/** The distribution's family, from the text of /etc/os-release. */
export function distributionFamily(osRelease: string): Family | undefined {
  const value = (name: string): string => new RegExp(`^${name}="?([^"\n]*)`, "m").exec(osRelease)?.[1] ?? "";
  const names = `${value("ID")} ${value("ID_LIKE")}`.split(" ");
  const known: Record<string, Family> = {
    debian: "debian",
    ubuntu: "debian",
    fedora: "fedora",
    rhel: "fedora",
    centos: "fedora",
    arch: "arch",
    alpine: "alpine",
    suse: "suse",
    opensuse: "suse",
  };
  return names.map((name) => known[name]).find((family) => family !== undefined);
}

/** The command that installs a program's package on this distribution. */
export function installCommand(program: string, osRelease: string = readText("/etc/os-release")): string {
  const family = distributionFamily(osRelease);
  if (family === undefined) return `Install ${program} with your distribution's package manager`;
  return `${INSTALL[family]} ${PACKAGES[program]?.[family] ?? program}`;
}

/** Everything that stands in the way of an engine at `paths`, for the user that runs this; nothing when all is well. */
export function preflight(paths: EnginePaths): Problem[] {
  if (process.platform !== "linux")
    return [
      {
        id: "not-linux",
        message: "The container engine runs on Linux only",
        fix: "Use WSL, a remote window, or another Docker endpoint",
      },
    ];
  const rootless = process.getuid!() !== 0;
  const problems = [...directoryProblems(paths), ...programProblems(rootless)];
  return rootless ? [...problems, ...namespaceProblems(), ...idProblems(), ...tunProblems()] : problems;
}

function directoryProblems(paths: EnginePaths): Problem[] {
  for (const path of [paths.storage, paths.state, paths.run])
    try {
      refuseKernelFiles(path);
      mkdirSync(path, { recursive: true, mode: 0o700 });
      accessSync(path, constants.W_OK | constants.X_OK);
      if (path === paths.run) claimRunDirectory(path);
    } catch (error) {
      const message = `Cannot write to the engine's folder "${path}" (${(error as NodeJS.ErrnoException).code ?? "unknown"})`;
      return [{ id: "root-not-writable", message, fix: "Make it writable for you, or choose another folder with --root" }];
    }
  return [];
}

/** No folder can be made in the kernel's own file systems, and Node's recursive mkdir tries for ever there. */
function refuseKernelFiles(path: string): void {
  if (/^\/(proc|sys)(\/|$)/.test(path)) throw Object.assign(new Error("The kernel's own files"), { code: "EROFS" });
}

/** Whoever can enter it can use the engine; in a shared folder such as /tmp somebody else may have been there first. */
function claimRunDirectory(path: string): void {
  if (statSync(path).uid !== process.getuid!()) throw Object.assign(new Error("Somebody else's folder"), { code: "EACCES" });
  chmodSync(path, 0o700);
}

function programProblems(rootless: boolean): Problem[] {
  const missing = (id: ProblemId, what: string, program: string): Problem => ({ id, message: what, fix: installCommand(program) });
  const problems: Problem[] = [];
  if (!findProgram("unshare") || !findProgram("nsenter") || !findProgram("flock"))
    problems.push(missing("no-util-linux", "The programs unshare, nsenter and flock are needed", "util-linux"));
  if (!findProgram("crun") && !findProgram("runc"))
    problems.push(missing("no-runtime", "No OCI runtime found: crun (or runc) starts the containers", "crun"));
  if (rootless && !findProgram("slirp4netns") && !findProgram("pasta"))
    problems.push(
      missing("no-uplink", "Neither slirp4netns nor pasta found: one of them connects containers to the network", "slirp4netns"),
    );
  if (rootless && (!findProgram("newuidmap") || !findProgram("newgidmap")))
    problems.push(missing("no-newuidmap", "The programs newuidmap and newgidmap are needed to run containers without root", "newuidmap"));
  return problems;
}

function namespaceProblems(): Problem[] {
  const setting = (name: string): string => readText(`/proc/sys/${name.replaceAll(".", "/")}`).trim();
  for (const [name, off, on] of [
    ["user.max_user_namespaces", "0", "28633"],
    ["kernel.unprivileged_userns_clone", "0", "1"],
  ] as const)
    if (setting(name) === off)
      return [
        { id: "no-user-namespaces", message: `User namespaces are switched off (${name} is 0)`, fix: `sudo sysctl -w ${name}=${on}` },
      ];
  return [];
}

/** What to say when Ubuntu lets a user namespace be made and then takes its rights away; only trying tells. */
export function apparmorProblem(): Problem | undefined {
  const name = "kernel.apparmor_restrict_unprivileged_userns";
  if (readText("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").trim() !== "1") return undefined;
  return {
    id: "apparmor",
    message: `AppArmor keeps programs without a profile from using user namespaces (${name} is 1)`,
    fix: `sudo sysctl -w ${name}=0`,
  };
}

function idProblems(): Problem[] {
  const user = currentUser();
  if (readSubordinateIds("/etc/subuid", user) && readSubordinateIds("/etc/subgid", user)) return [];
  const first = firstFreeId(readText("/etc/subuid"), readText("/etc/subgid"));
  const range = `${first}-${first + SMALLEST_RANGE - 1}`;
  return [
    {
      id: "no-subuid",
      message: `No range of 65536 subordinate ids for ${user.name} in /etc/subuid and /etc/subgid`,
      fix: `sudo usermod --add-subuids ${range} --add-subgids ${range} ${user.name}`,
    },
  ];
}

function tunProblems(): Problem[] {
  try {
    accessSync("/dev/net/tun", constants.R_OK | constants.W_OK);
    return [];
  } catch (error) {
    const absent = (error as NodeJS.ErrnoException).code === "ENOENT";
    return absent
      ? [{ id: "no-tun", message: "/dev/net/tun does not exist", fix: "sudo modprobe tun" }]
      : [{ id: "no-tun", message: "/dev/net/tun cannot be opened by this user", fix: "sudo chmod 666 /dev/net/tun" }];
  }
}

/** Name and number of the user that runs this; a number without an entry in the user database is its own name. */
export function currentUser(): { name: string; uid: number; gid: number } {
  const [uid, gid] = [process.getuid!(), process.getgid!()];
  try {
    return { name: userInfo().username, uid, gid };
  } catch {
    return { name: String(uid), uid, gid };
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
