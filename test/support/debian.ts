/**
 * A Debian base image for tests: debootstrap's minimal system as a tar, made once and kept in the user's cache directory.
 * It takes its packages from where this machine takes them, and so do containers made from it.
 */
import { cpSync, existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { lock } from "../../engine/host/lock.ts";
import { command, isRoot, which } from "../../scripts/setup.mjs";

const suite = "bookworm";

/**
 * Path of the tar, or a sentence saying why this machine cannot have it, or packages for what is made from it. Takes about a
 * minute the first time.
 */
export async function debianTar(): Promise<{ path: string } | { missing: string }> {
  const mirror = aptMirror();
  if (!mirror) return { missing: "no Debian mirror in this machine's apt sources" };
  if (!(await answers(mirror))) return { missing: "needs Debian's packages, and the mirror does not answer" };
  const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "berth-dev");
  const path = join(cache, `debian-${suite}.tar`);
  mkdirSync(cache, { recursive: true });
  // Files of tests run side by side: one makes it, the others wait.
  const unlock = await lock(join(cache, "debian.lock"));
  try {
    return existsSync(path) ? { path } : await makeTar(path, mirror);
  } finally {
    unlock();
  }
}

/** Asked as apt asks, through its proxy if it has one. */
async function answers(mirror: string): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), "berth-mirror-"));
  const ask = ["timeout", "120", "/usr/lib/apt/apt-helper", "-o", "Acquire::http::Timeout=30", "download-file"];
  try {
    await command([...ask, `${mirror.replace(/\/$/, "")}/dists/${suite}/Release`, join(folder, "Release")]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function makeTar(path: string, mirror: string): Promise<{ path: string } | { missing: string }> {
  if (!isRoot) return { missing: "debootstrap needs root" };
  if (!which("debootstrap")) return { missing: "debootstrap is not installed" };
  const work = mkdtempSync(join(dirname(path), "tmp-"));
  try {
    await command(["timeout", "900", "debootstrap", "--variant=minbase", suite, join(work, "root"), mirror]);
    copyAptSettings(join(work, "root"));
    await command([
      "tar",
      "--numeric-owner",
      "--xattrs",
      "-C",
      join(work, "root"),
      "--exclude=./var/cache/apt/archives/*.deb",
      "-cf",
      join(work, "tar"),
      ".",
    ]);
    renameSync(join(work, "tar"), path);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return { path };
}

/** The first mirror that apt uses here for the suite, in either form of sources. */
function aptMirror(): string | undefined {
  const files = [...globSync("/etc/apt/sources.list.d/*.{list,sources}"), "/etc/apt/sources.list"].filter((file) => existsSync(file));
  const text = files.map((file) => readFileSync(file, "utf8")).join("\n");
  return text.match(/^(?:deb(?:\s+\[[^\]]*\])?|URIs:)\s+(https?:\S+?\/debian\/?)(?:\s|$)/m)?.[1];
}

/** Containers fetch packages the way this machine does: the same sources and the same proxy settings. */
function copyAptSettings(target: string): void {
  for (const folder of ["etc/apt/sources.list.d", "etc/apt/apt.conf.d"])
    if (existsSync(join("/", folder))) cpSync(join("/", folder), join(target, folder), { recursive: true });
  if (existsSync("/etc/apt/sources.list")) cpSync("/etc/apt/sources.list", join(target, "etc/apt/sources.list"));
  else rmSync(join(target, "etc/apt/sources.list"), { force: true });
}
