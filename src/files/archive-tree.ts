/**
 * Files of a container of any engine, through the archive calls of Docker's API: they work on stopped containers too. What those
 * cannot do (delete, rename) is done by a command inside, which needs a running container.
 */
import { buffer } from "node:stream/consumers";
import { Readable } from "node:stream";
import { extract, pack } from "tar-stream";
import type { Header } from "tar-stream";
import type { ContainerPathStat } from "../../engine/api/types/container.ts";
import type { FileStat, FileType } from "../../engine/api/types/file.ts";
import type { DockerClient } from "../../engine/client/client.ts";
import { ClientError } from "../../engine/client/errors.ts";
import { t } from "../language/server/words.ts";
import type { FileTree } from "./tree.ts";
import type { Place } from "./uris.ts";

/** Go's file mode bits. */
const DIRECTORY = 2 ** 31;
const SYMLINK = 2 ** 27;

export function openArchiveTree(client: DockerClient, place: Place): FileTree {
  if (place.kind !== "container")
    throw new Error(t("This engine shows no files of volumes and images by itself: look into a container that uses them"));
  return new ArchiveTree(client, place.name);
}

class ArchiveTree implements FileTree {
  readonly #client: DockerClient;
  readonly #id: string;

  constructor(client: DockerClient, id: string) {
    this.#client = client;
    this.#id = id;
  }

  async stat(path: string): Promise<FileStat> {
    const stat = await this.#client.containers.statPath(this.#id, path);
    if (!(stat.mode & SYMLINK) || !stat.linkTarget) return statOf(stat);
    const target = await this.#client.containers.statPath(this.#id, stat.linkTarget).catch(() => undefined);
    return { ...statOf(stat), ...(target ? { targetType: typeOf(target.mode) } : {}), linkTarget: stat.linkTarget };
  }

  async list(path: string): Promise<FileStat[]> {
    // The dot makes a link to a directory the directory itself.
    const { tar } = await this.#client.containers.getArchive(this.#id, `${path.replace(/\/$/, "")}/.`);
    const found = new Map<string, FileStat>();
    const entries = extract();
    tar.pipe(entries);
    for await (const entry of entries) {
      const [name, ...below] = entry.header.name
        .replace(/^\.?\//, "")
        .replace(/\/$/, "")
        .split("/");
      if (name && below.length === 0) found.set(name, entryStat(name, entry.header));
      entry.resume();
    }
    return [...found.values()];
  }

  async read(path: string): Promise<Uint8Array> {
    const { stat, tar } = await this.#client.containers.getArchive(this.#id, path);
    if (stat.mode & SYMLINK && stat.linkTarget) {
      tar.destroy();
      return this.read(stat.linkTarget);
    }
    const entries = extract();
    tar.pipe(entries);
    for await (const entry of entries) {
      const content = await buffer(entry);
      tar.destroy();
      return content;
    }
    throw new ClientError(404, t("{0} holds nothing", path));
  }

  async write(path: string, content: Uint8Array, { create, overwrite }: { create: boolean; overwrite: boolean }): Promise<void> {
    const before = await this.#client.containers.statPath(this.#id, path).catch(() => undefined);
    if (before && !overwrite) throw new ClientError(409, t("{0} exists", path));
    if (!before && !create) throw new ClientError(404, t("{0} does not exist", path));
    await this.#put(path, { type: "file", mode: before ? before.mode & 0o777 : 0o644 }, content);
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#put(path, { type: "directory", mode: 0o755 });
  }

  rename(path: string, to: string, { overwrite }: { overwrite: boolean }): Promise<void> {
    return this.#run(["mv", overwrite ? "-f" : "-n", "--", path, to]);
  }

  remove(path: string, { recursive }: { recursive: boolean }): Promise<void> {
    return this.#run(["rm", recursive ? "-rf" : "-f", "--", path]);
  }

  async #put(path: string, header: Partial<Header>, content?: Uint8Array): Promise<void> {
    const cut = path.lastIndexOf("/");
    const archive = pack();
    archive.entry({ name: path.slice(cut + 1), mtime: new Date(), ...header }, Buffer.from(content ?? []));
    archive.finalize();
    const tar = Readable.from(archive as AsyncIterable<Buffer>, { objectMode: false });
    await this.#client.containers.putArchive(this.#id, path.slice(0, cut) || "/", tar);
  }

  async #run(Cmd: string[]): Promise<void> {
    const { execs } = this.#client;
    const exec = await execs.create(this.#id, { AttachStdout: true, AttachStderr: true, Cmd });
    let said = "";
    for await (const { data } of (await execs.start(exec, {})).frames()) said += data.toString();
    if ((await execs.inspect(exec)).ExitCode !== 0) throw new ClientError(500, said.trim() || t("{0} failed", Cmd[0]!));
  }
}

function typeOf(mode: number): FileType {
  return mode & DIRECTORY ? "directory" : mode & SYMLINK ? "symlink" : "file";
}

function statOf({ name, size, mode, mtime }: ContainerPathStat): FileStat {
  const modifiedMs = Date.parse(mtime);
  return { name, type: typeOf(mode), sizeBytes: size, mode: mode & 0o777, uid: 0, gid: 0, modifiedMs, createdMs: modifiedMs };
}

const TYPES: Readonly<Record<string, FileType>> = {
  directory: "directory",
  symlink: "symlink",
  "character-device": "character",
  "block-device": "block",
  fifo: "fifo",
};

function entryStat(name: string, { type, size, mode, uid, gid, mtime }: Header): FileStat {
  const modifiedMs = mtime?.getTime() ?? 0;
  return { name, type: TYPES[type ?? "file"] ?? "file", sizeBytes: size, mode: mode & 0o7777, uid, gid, modifiedMs, createdMs: modifiedMs };
}
