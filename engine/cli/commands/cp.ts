import { lstat, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, posix, resolve } from "node:path";
import { Readable } from "node:stream";
import type { ContainerPathStat } from "../../api/types/container.ts";
import type { DockerClient } from "../../client/client.ts";
import { isStatus } from "../../client/errors.ts";
import { packPath } from "../../client/tar/pack.ts";
import { unpack } from "../../client/tar/unpack.ts";
import type { UnpackOptions } from "../../client/tar/unpack.ts";
import { writeTar } from "../../client/tar/write.ts";
import { command } from "../cli.ts";
import type { Cli } from "../cli.ts";
import { bool } from "../flags.ts";

interface CopyOptions {
  readonly keepOwner: boolean;
  readonly followLink: boolean;
  readonly quiet: boolean;
}

export const cp = command({
  usage: "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n[OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
  about: `Copy files/folders between a container and the local filesystem

Use '-' as the source to read a tar archive from stdin
and extract it to a directory destination in a container.
Use '-' as the destination to stream a tar archive of a
container source to stdout.`,
  arity: [2, 2],
  flags: {
    archive: bool("Archive mode (copy all uid/gid information)", { short: "a" }),
    "follow-link": bool("Always follow symbol link in SRC_PATH", { short: "L" }),
    quiet: bool("Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached", {
      short: "q",
    }),
  },
  async run(cli, { args: [from = "", to = ""], flags }) {
    const source = splitPath(from);
    const target = splitPath(to);
    const options = { keepOwner: flags.archive, followLink: flags["follow-link"], quiet: flags.quiet };
    if (source.container && target.container) throw new Error("copying between containers is not supported");
    if (source.path === "") throw new Error("source can not be empty");
    if (target.path === "") throw new Error("destination can not be empty");
    if (!source.container && !target.container) throw new Error("must specify at least one container source");
    const client = await cli.client();
    if (source.container) await copyOut(cli, client, { container: source.container, inside: source.path, local: to, ...options });
    else await copyIn(cli, client, { container: target.container ?? "", inside: target.path, local: from, ...options });
  },
});

/** `container:path`; a path that begins with `/` or `.` is local, whatever colons it has. */
export function splitPath(text: string): { container?: string; path: string } {
  if (/^(\/|\.{1,2}(\/|$))/.test(text)) return { path: text };
  const colon = text.indexOf(":");
  if (colon <= 0) return { path: text };
  return { container: text.slice(0, colon), path: text.slice(colon + 1) };
}

interface Copy extends CopyOptions {
  readonly container: string;
  readonly inside: string;
  readonly local: string;
}

/** Go's os.FileMode bits. */
const GO_DIRECTORY = 2 ** 31;
const GO_SYMLINK = 2 ** 27;

const isDirectory = ({ mode }: ContainerPathStat): boolean => Math.floor(mode / GO_DIRECTORY) % 2 === 1;
const isSymlink = ({ mode }: ContainerPathStat): boolean => Math.floor(mode / GO_SYMLINK) % 2 === 1;

/** Ends with a slash, or with `/.`: the content of the directory is meant. */
const namesContent = (path: string): boolean => /(^|\/)\.$/.test(path);

async function copyOut(cli: Cli, client: DockerClient, copy: Copy): Promise<void> {
  if (copy.local !== "-") await checkOutputPath(resolve(cli.cwd, copy.local));
  const inside = await followedPath(cli, client, copy);
  const { tar, stat: found } = await getArchive(cli, client, { ...copy, inside });
  if (copy.local === "-") return cli.copy(tar as AsyncIterable<Buffer>);
  const name = basename(copy.inside.replace(/\/+$/, "")) || "/";
  const { root, base } = await localTarget(cli, copy, { isDirectory: isDirectory(found), name });
  // Entries are called after the source: its name becomes the one that was asked for. That of `dir/.` is ".".
  const rename = (entry: string): string => posix.join(base, withoutTop(entry, found.name));
  await unpack(tar as AsyncIterable<Buffer>, { root, rename, keepOwner: copy.keepOwner, makeNode });
  tellDone(cli, copy, join(root, base));
}

const makeNode: NonNullable<UnpackOptions["makeNode"]> = async (...node) => {
  const { makeSpecialFile } = await import("../../host/special-file.ts");
  await makeSpecialFile(...node);
};

/** A device would be replaced by a file, for everybody on this machine. @throws {Error} before anything is asked, as docker does */
async function checkOutputPath(path: string): Promise<void> {
  const problem = await stat(dirname(path)).catch((error: NodeJS.ErrnoException) => error);
  if (problem instanceof Error && problem.code === "ENOENT")
    throw new Error(`invalid output path: directory ${JSON.stringify(dirname(path))} does not exist`);
  const found = await stat(path).catch(() => undefined);
  if (found?.isCharacterDevice() || found?.isBlockDevice())
    throw new Error(`invalid output path: ${JSON.stringify(path)} must be a directory or a regular file: got a device`);
}

function withoutTop(entry: string, top: string): string {
  if (entry === top) return "";
  return entry.startsWith(`${top}/`) ? entry.slice(top.length + 1) : entry;
}

async function getArchive(
  cli: Cli,
  client: DockerClient,
  { container, inside }: Copy,
): Promise<{ tar: Readable; stat: ContainerPathStat }> {
  try {
    return await client.containers.getArchive(container, inside, { signal: cli.signal });
  } catch (error) {
    throw missingPath(error, container, inside);
  }
}

/** A container's missing file is told by its own name, a missing container by the engine's. */
function missingPath(error: unknown, container: string, inside: string): unknown {
  if (isStatus(error, 404) && !error.message.startsWith("No such container"))
    error.message = `Could not find the file ${inside} in container ${container}`;
  return error;
}

async function followedPath(cli: Cli, client: DockerClient, copy: Copy): Promise<string> {
  if (!copy.followLink) return copy.inside;
  const found = await client.containers.statPath(copy.container, copy.inside, { signal: cli.signal }).catch(() => undefined);
  if (!found || !isSymlink(found)) return copy.inside;
  return posix.resolve(posix.dirname(copy.inside), found.linkTarget);
}

/** Where the top entry goes: an existing directory takes it in under its own name. */
async function localTarget(
  cli: Cli,
  { inside, local }: Copy,
  source: { isDirectory: boolean; name: string },
): Promise<{ root: string; base: string }> {
  const path = resolve(cli.cwd, local);
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return { root: await realpath(path), base: namesContent(inside) ? "" : source.name };
  if (found && source.isDirectory) throw new Error("cannot copy directory");
  if (local.endsWith("/") && !source.isDirectory) throw new Error(found ? "not a directory" : "no such directory");
  const parent = await realpath(dirname(path)).catch(() => {
    throw new Error(`invalid output path: directory ${JSON.stringify(dirname(path))} does not exist`);
  });
  return { root: parent, base: basename(path) };
}

async function copyIn(cli: Cli, client: DockerClient, copy: Copy): Promise<void> {
  const target = await insideTarget(cli, client, copy);
  if (copy.local === "-") {
    if (!target.exists || !target.isDirectory) throw new Error(`destination "${copy.container}:${copy.inside}" must be a directory`);
    return put(cli, client, { ...copy, inside: target.path }, cli.stdin);
  }
  const path = resolve(cli.cwd, copy.local);
  const source = await (copy.followLink ? stat(path) : lstat(path));
  if (/\/\.?$/.test(copy.local) && !source.isDirectory()) throw new Error("not a directory");
  if (source.isDirectory() && target.exists && !target.isDirectory) throw new Error("cannot copy directory");
  if (!target.exists && target.asDirectory && !source.isDirectory()) throw new Error("no such directory");
  const into = target.exists && target.isDirectory;
  const directory = into ? target.path : posix.dirname(target.path);
  const name = into ? (namesContent(copy.local) ? "." : basename(path)) : posix.basename(target.path);
  const onSocket = (socket: string): void => cli.complain(`Can't add file ${socket} to tar: archive/tar: sockets not supported`);
  const entries = packPath(path, name, { keepOwner: copy.keepOwner, followTop: copy.followLink, onSocket });
  const tar = Readable.from(writeTar(entries), { objectMode: false });
  await put(cli, client, { ...copy, inside: directory }, tar);
  tellDone(cli, copy, `${copy.container}:${copy.inside}`);
}

interface InsideTarget {
  readonly path: string;
  readonly exists: boolean;
  readonly isDirectory: boolean;
  /** Written with a slash at its end. */
  readonly asDirectory: boolean;
}

async function insideTarget(cli: Cli, client: DockerClient, { container, inside }: Copy): Promise<InsideTarget> {
  const asDirectory = /\/\.?$/.test(inside);
  const path = posix.resolve("/", inside);
  const find = (at: string) => client.containers.statPath(container, at, { signal: cli.signal }).catch(() => undefined);
  let found = await find(inside);
  let target = path;
  if (found && isSymlink(found)) {
    target = posix.resolve(posix.dirname(path), found.linkTarget);
    found = await find(target);
  }
  return { path: target, exists: found !== undefined, isDirectory: found !== undefined && isDirectory(found), asDirectory };
}

async function put(cli: Cli, client: DockerClient, { container, inside, keepOwner }: Copy, tar: Readable): Promise<void> {
  try {
    await client.containers.putArchive(container, inside, tar, { noOverwriteDirNonDir: true, copyOwner: keepOwner, signal: cli.signal });
  } catch (error) {
    throw missingPath(error, container, inside);
  }
}

function tellDone(cli: Cli, { quiet }: Copy, target: string): void {
  if (!quiet && cli.stderr.isTTY) cli.complain(`Successfully copied to ${target}`);
}
