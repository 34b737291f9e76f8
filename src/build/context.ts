/** The build context: the Dockerfile's folder as a tar, without what .dockerignore leaves out. */
import { createReadStream, existsSync } from "node:fs";
import { lstat, readFile, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { pack } from "tar-stream";
import type { Header, Pack } from "tar-stream";
import { IgnoreMatcher, parseDockerignore } from "../../engine/syntax/dockerignore.ts";

/**
 * A tar of `directory`, made as it is read. An error ends the stream with it.
 * @param dockerfile path inside the context; always sent, as is .dockerignore, because the engine reads both
 * @param text what the Dockerfile says, instead of what is on the disk
 */
export function packContext(directory: string, dockerfile: string, text?: string): Readable {
  const archive = pack();
  fill(archive, directory, dockerfile, text).then(
    () => archive.finalize(),
    (error: Error) => archive.destroy(error),
  );
  return Readable.from(archive as AsyncIterable<Buffer>, { objectMode: false });
}

async function fill(archive: Pack, directory: string, dockerfile: string, text: string | undefined): Promise<void> {
  const matcher = new IgnoreMatcher(parseDockerignore(await ignoreFile(directory, dockerfile)).patterns);
  const always = new Set([dockerfile, ".dockerignore", `${dockerfile}.dockerignore`]);
  const walk = async (folder: string): Promise<void> => {
    const entries = await readdir(join(directory, folder), { withFileTypes: true });
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = folder ? `${folder}/${entry.name}` : entry.name;
      const excluded = matcher.excludedBy(path) !== undefined && !always.has(path);
      const below = entry.isDirectory() && holds(always, path);
      if (path === dockerfile && text !== undefined) archive.entry({ name: path, mode: 0o644 }, text);
      else if (!excluded) await add(archive, directory, path);
      if (entry.isDirectory() && (!excluded || below || matcher.mayHoldExceptions(path))) await walk(path);
    }
  };
  await walk("");
  if (text !== undefined && !existsSync(join(directory, dockerfile))) archive.entry({ name: dockerfile, mode: 0o644 }, text);
}

const holds = (paths: Set<string>, folder: string): boolean => [...paths].some((path) => path.startsWith(`${folder}/`));

/** A Dockerfile may have an ignore file of its own, which then counts alone. */
async function ignoreFile(directory: string, dockerfile: string): Promise<string> {
  for (const name of [`${dockerfile}.dockerignore`, ".dockerignore"])
    try {
      return await readFile(join(directory, name), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  return "";
}

/** Sockets and devices are left out, as docker does. Who owns a file on this machine means nothing in an image. */
async function add(archive: Pack, directory: string, path: string): Promise<void> {
  const file = join(directory, path);
  const stat = await lstat(file);
  const header: Partial<Header> & { name: string } = { name: path, mode: stat.mode & 0o7777, mtime: stat.mtime, uid: 0, gid: 0 };
  if (stat.isFile())
    await pipeline(createReadStream(file, { end: Math.max(stat.size - 1, 0) }), archive.entry({ ...header, size: stat.size }));
  else if (stat.isSymbolicLink()) archive.entry({ ...header, type: "symlink", linkname: await readlink(file) });
  else if (stat.isDirectory()) archive.entry({ ...header, name: `${path}/`, type: "directory" });
}
