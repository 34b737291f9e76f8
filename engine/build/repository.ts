/**
 * Git repositories as build context: `https://host/repo.git#branch:folder`, `git://…`, `git@host:repo.git`, `github.com/…`.
 * @see https://docs.docker.com/build/concepts/context/#git-repositories
 */
import { lstat, mkdtemp, realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { removeTree } from "../host/files.ts";
import { run } from "../host/process.ts";
import { findProgram } from "../host/programs.ts";
import { gitEnvironment } from "./remote-access.ts";
import type { Access } from "./remote-access.ts";

/** Whether a URL names a repository and not a file. */
export function isRepository(remote: string): boolean {
  return /^(git:\/\/|ssh:\/\/|git@|github\.com\/)/.test(remote) || /^https?:\/\/[^#]*\.git(#.*)?$/.test(remote);
}

/** Splits `url#ref:folder`. */
export function parseRepository(remote: string): { url: string; ref: string; folder: string } {
  const [address = "", fragment = ""] = remote.split("#", 2);
  const [ref = "", folder = ""] = fragment.split(":", 2);
  return { url: address.startsWith("github.com/") ? `https://${address}` : address, ref, folder };
}

export interface CloneOptions {
  readonly signal: AbortSignal;
  /** The commit, or the beginning of it. */
  readonly checksum?: string | undefined;
  readonly access?: Access;
  /** Leaves `.git` where the files are. */
  readonly keepGitDir?: boolean;
}

/**
 * Clones into `dir`, without history, and without `.git` unless that is asked for.
 * @returns the directory that is the context
 * @throws {EngineError} invalid when git is not installed or fails, or the folder is not there
 */
export async function cloneRepository(remote: string, dir: string, options: CloneOptions): Promise<string> {
  const scratch = await mkdtemp(join(tmpdir(), "berth-git-"));
  try {
    return await clone(remote, dir, { ...options, env: await gitEnvironment(options.access ?? {}, parseRepository(remote).url, scratch) });
  } finally {
    await removeTree(scratch);
  }
}

async function clone(
  remote: string,
  dir: string,
  { signal, checksum, keepGitDir, env }: CloneOptions & { env: NodeJS.ProcessEnv },
): Promise<string> {
  const git = findProgram("git");
  if (git === undefined) throw new EngineError("invalid", "A build from a repository needs git, which is not installed: install git");
  const { url, ref, folder } = parseRepository(remote);
  // A name that looks like an option must not become one.
  if (ref.startsWith("-") || url.startsWith("-")) throw new EngineError("invalid", `invalid repository ${JSON.stringify(remote)}`);
  const command = async (...args: string[]): Promise<void> => {
    const { exitCode, stderr } = await run([git, ...args], { cwd: dir, env, signal });
    if (exitCode !== 0)
      throw new EngineError("invalid", `unable to 'git clone' to temporary context directory: ${stderr.trim().split("\n").at(-1)}`);
  };
  await command("init", "--quiet");
  await command("remote", "add", "origin", url);
  const fetch = (...depth: string[]): Promise<void> =>
    command("fetch", "--quiet", ...depth, "--recurse-submodules=yes", "origin", ref || "HEAD");
  // A server that only hands out files cannot leave the history out.
  await fetch("--depth", "1").catch((error: unknown) => {
    if (error instanceof Error && error.message.includes("dumb http")) return fetch();
    throw error;
  });
  await command("checkout", "--quiet", "FETCH_HEAD");
  if (checksum !== undefined) await checkCommit([git, "rev-parse", "HEAD"], { dir, checksum, remote });
  await command("submodule", "update", "--quiet", "--init", "--recursive", "--depth=1");
  if (!keepGitDir) await removeTree(join(dir, ".git"));
  return folder === "" ? dir : folderInside(dir, folder);
}

async function checkCommit(argv: string[], { dir, checksum, remote }: { dir: string; checksum: string; remote: string }): Promise<void> {
  const { stdout } = await run(argv, { cwd: dir });
  const commit = stdout.trim();
  if (!commit.startsWith(checksum)) throw new EngineError("invalid", `expected checksum to match ${checksum}, got ${commit}: ${remote}`);
}

async function folderInside(dir: string, folder: string): Promise<string> {
  const path = await realpath(join(dir, folder)).catch(() => "");
  const inside = path.startsWith(`${await realpath(dir)}/`) && (await lstat(path)).isDirectory();
  if (!inside) throw new EngineError("invalid", `no such directory in the repository: ${folder}`);
  return path;
}
