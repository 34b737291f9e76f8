/**
 * A real VS Code server from npm packages alone: no download page, no compiler, no system packages.
 * It lives outside the clone, once a version and a user; the second call returns at once.
 */
import { createHash } from "node:crypto";
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { lock } from "../engine/host/lock.ts";
import { command, step } from "./setup.mjs";

const codeServer = {
  version: "4.139.1",
  integrity: "sha512-fUYvJVdz4ZoVJfakGiGWXFMpF8K1ObsrpGvX17ZxNpKOzdNHs7lANT670JTr4ZhA8DnWqyvvmFG/d3HV9Yy6ew==",
} as const;

/** Bump when what is made of the package changes, so that older caches are not taken for it. */
const recipe = 1;

/** What the server can live without: needs a compiler, is for other systems, or is for features that no test uses. */
const dropped = [
  "@devcontainers/cli",
  "@github/copilot-sdk",
  "@microsoft/mxc-sdk",
  "@vscode/copilot-api",
  "@vscode/native-watchdog",
  "@vscode/sandbox-runtime",
  "@vscode/sqlite3",
  "@vscode/windows-process-tree",
  "@vscode/windows-registry",
  "kerberos",
  "ssh2",
  "tar",
  "zod",
];

/**
 * The directory of the VS Code server; its program is `out/server-main.js`, to be run by this Node (24 or newer).
 * Installs it on the first call, showing progress. Several processes may call at once: one installs, the others wait.
 * @throws {Error} when npm cannot reach its registry, or the package is not the pinned one
 */
export async function vscodeServer(): Promise<string> {
  const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "berth-dev");
  const ready = join(cache, `vscode-${codeServer.version}-${recipe}`);
  await mkdir(cache, { recursive: true });
  const unlock = await lock(join(cache, "vscode.lock"));
  try {
    if (!existsSync(ready)) await install(cache, ready);
  } finally {
    unlock();
  }
  return ready;
}

async function install(cache: string, ready: string): Promise<void> {
  const work = await mkdtemp(join(cache, "installing-"));
  try {
    const server = join(work, "package/lib/vscode");
    await step("Download VS Code", () => download(work));
    await step("Install VS Code's packages", () => installPackages(server));
    await rename(server, ready);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The VS Code release that the server is, e.g. `1.139.1`. */
export function vscodeVersion(server: string): string {
  return (JSON.parse(readFileSync(join(server, "package.json"), "utf8")) as { version: string }).version;
}

async function npm(cwd: string, ...args: string[]): Promise<void> {
  await command(["npm", ...args, "--no-audit", "--no-fund", "--loglevel=error"], { cwd });
}

async function download(work: string): Promise<void> {
  await npm(work, "pack", `code-server@${codeServer.version}`);
  const archive = join(work, `code-server-${codeServer.version}.tgz`);
  const hash = createHash("sha512");
  await pipeline(createReadStream(archive), hash);
  const integrity = `sha512-${hash.digest("base64")}`;
  if (integrity !== codeServer.integrity) throw new Error(`Unexpected code-server package: ${integrity}, expected ${codeServer.integrity}`);
  await command(["tar", "xzf", archive, "-C", work, "package/lib/vscode"]);
  await rm(archive);
}

async function installPackages(server: string): Promise<void> {
  const file = join(server, "package.json");
  const manifest = JSON.parse(await readFile(file, "utf8")) as { dependencies: Record<string, string> };
  for (const name of dropped) delete manifest.dependencies[name];
  await writeFile(file, JSON.stringify(manifest, null, 2));
  await npm(server, "install", "--omit=dev", "--ignore-scripts");
  await copyFile(join(import.meta.dirname, "vscode-spdlog.cjs"), join(server, "node_modules/@vscode/spdlog/index.js"));
}
