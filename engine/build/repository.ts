/** Fetches Git repositories, for contexts and for ADD. */
import { lstat, mkdtemp, realpath } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { removeTree } from "../host/files.ts";
import { run } from "../host/process.ts";
import { findProgram } from "../host/programs.ts";
import { parseGitSource, withoutCredentials } from "../syntax/git-source.ts";
import type { GitSource } from "../syntax/git-source.ts";
import { gitEnvironment } from "./remote-access.ts";
import type { Access } from "./remote-access.ts";

export interface CloneOptions {
  readonly signal: AbortSignal;
  /** The commit, or the beginning of it. */
  readonly checksum?: string | undefined;
  readonly access?: Access;
  /** Leaves `.git` where the files are, unless the URL says otherwise. */
  readonly keepGitDir?: boolean;
  /** Is told the commit. */
  readonly tell?: (commit: string) => void;
}

/**
 * Clones into `dir`, without history, and without `.git` unless that is asked for.
 * @returns the directory that is the context
 * @throws {EngineError} invalid when git is not installed or fails, or the folder is not there
 */
export async function cloneRepository(remote: string, dir: string, options: CloneOptions): Promise<string> {
  const source = parseGitSource(remote);
  if ("problem" in source) throw new EngineError("invalid", `invalid repository ${withoutCredentials(remote)}: ${source.problem}`);
  const { checksum = source.checksum, keepGitDir } = options;
  if (source.checksum !== undefined && checksum !== source.checksum)
    throw new EngineError("invalid", `checksum conflicts: "${source.checksum}" vs "${checksum}"`);
  const scratch = await mkdtemp(join(tmpdir(), "berth-git-"));
  try {
    const env = await gitEnvironment(options.access ?? {}, source, scratch);
    return await clone(source, dir, { ...options, checksum, keepGitDir: source.keepGitDir ?? keepGitDir ?? false, env });
  } finally {
    await removeTree(scratch);
  }
}

async function clone(
  { url, ref, folder, submodules }: GitSource,
  dir: string,
  { signal, checksum, keepGitDir, env, tell }: CloneOptions & { env: NodeJS.ProcessEnv },
): Promise<string> {
  const git = findProgram("git");
  if (git === undefined) throw new EngineError("invalid", "A build from a repository needs git, which is not installed: install git");
  // A name that looks like an option must not become one.
  if (ref.startsWith("-") || url.startsWith("-")) throw new EngineError("invalid", `invalid repository ${JSON.stringify(url)}`);
  const command = async (...args: string[]): Promise<void> => {
    const { exitCode, stderr } = await run([git, ...args], { cwd: dir, env, signal });
    if (exitCode !== 0)
      throw new EngineError(
        "invalid",
        `unable to 'git clone' to temporary context directory: ${complaint(stderr.replaceAll(url, withoutCredentials(url)))}`,
      );
  };
  await command("init", "--quiet");
  await command("remote", "add", "origin", url);
  const recurse = `--recurse-submodules=${submodules ? "yes" : "no"}`;
  const fetch = (...depth: string[]): Promise<void> => command("fetch", "--quiet", ...depth, recurse, "origin", ref || "HEAD");
  // A server that only hands out files cannot leave the history out.
  await fetch("--depth", "1").catch((error: unknown) => {
    if (error instanceof Error && error.message.includes("dumb http")) return fetch();
    throw error;
  });
  await command("checkout", "--quiet", "FETCH_HEAD");
  const commit = (await run([git, "rev-parse", "HEAD"], { cwd: dir })).stdout.trim();
  if (checksum !== undefined && !commit.startsWith(checksum))
    throw new EngineError("invalid", `expected checksum to match ${checksum}, got ${commit}: ${withoutCredentials(url)}`);
  tell?.(commit);
  if (submodules) await command("submodule", "update", "--quiet", "--init", "--recursive", "--depth=1");
  if (keepGitDir) await command("remote", "set-url", "origin", withoutCredentials(url));
  else await removeTree(join(dir, ".git"));
  return folder === "" ? dir : folderInside(dir, folder);
}

/** What git ends with when a server does not answer as one, whatever the reason; and what is no complaint at all. */
const NOISE =
  /^(?:fatal: Could not read from remote repository\.|fatal: the remote end hung up unexpectedly|Please make sure you have the correct access rights|and the repository exists\.|Warning: Permanently added .*|@+|\s*)$/;

/** The line of git's complaint that tells most. */
function complaint(stderr: string): string {
  const lines = stderr.split(/\r?\n/).filter((line) => !NOISE.test(line));
  const said = lines.at(-1) ?? stderr.trim().split("\n").at(-1)!;
  if (said === "Host key verification failed.")
    return `${said.slice(0, -1)}: the server shows another key than the one in ~/.ssh/known_hosts of the engine's user`;
  return said;
}

async function folderInside(dir: string, folder: string): Promise<string> {
  const path = await realpath(join(dir, folder)).catch(() => "");
  const inside = path.startsWith(`${await realpath(dir)}/`) && (await lstat(path)).isDirectory();
  if (!inside) throw new EngineError("invalid", `no such directory in the repository: ${folder}`);
  return path;
}
