/** Files of containers, volumes and images as an editor's file system: `berth:/containers/web/etc/hosts`. */
import * as vscode from "vscode";
import type { FileStat, FileType } from "../../engine/api/types/file.ts";
import { ClientError } from "../../engine/client/errors.ts";
import type { Engine } from "../engine/engine.ts";
import { openTree } from "./tree.ts";
import type { FileTree } from "./tree.ts";
import { placeOf } from "./uris.ts";

/** Bigger files are downloaded, not opened: an editor holds them in memory several times. */
const MOST_BYTES = 256 * 1024 * 1024;

export class EngineFiles implements vscode.FileSystemProvider, vscode.Disposable {
  readonly #engine: Engine;
  readonly #changed = new vscode.EventEmitter<vscode.FileChangeEvent[]>();

  readonly onDidChangeFile = this.#changed.event;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Containers tell nobody what they write, so only changes made from here are told. */
  watch(): vscode.Disposable {
    return new vscode.Disposable(() => {});
  }

  async stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    const place = placeOf(uri);
    if (!place) return { type: vscode.FileType.Directory, ctime: 0, mtime: 0, size: 0 };
    return this.#on(uri, async (tree, path) => shownStat(await tree.stat(path), place.kind === "image"));
  }

  async readDirectory(uri: vscode.Uri): Promise<[string, vscode.FileType][]> {
    if (!placeOf(uri)) return this.#roots(uri.path);
    return this.#on(uri, async (tree, path) => (await tree.list(path)).map((stat) => [stat.name, shownType(stat)]));
  }

  async readFile(uri: vscode.Uri): Promise<Uint8Array> {
    return this.#on(uri, async (tree, path) => {
      const { sizeBytes } = await tree.stat(path);
      if (sizeBytes > MOST_BYTES) throw new Error(vscode.l10n.t("{0} is too big to be opened: download it", path));
      return tree.read(path);
    });
  }

  async writeFile(uri: vscode.Uri, content: Uint8Array, options: { create: boolean; overwrite: boolean }): Promise<void> {
    mayChange(uri);
    await this.#on(uri, (tree, path) => tree.write(path, content, options));
    this.#tell(vscode.FileChangeType.Changed, uri);
  }

  async createDirectory(uri: vscode.Uri): Promise<void> {
    mayChange(uri);
    await this.#on(uri, (tree, path) => tree.makeDirectory(path));
    this.#tell(vscode.FileChangeType.Created, uri);
  }

  async delete(uri: vscode.Uri, options: { recursive: boolean }): Promise<void> {
    mayChange(uri);
    await this.#on(uri, (tree, path) => tree.remove(path, options));
    this.#tell(vscode.FileChangeType.Deleted, uri);
  }

  async rename(from: vscode.Uri, to: vscode.Uri, options: { overwrite: boolean }): Promise<void> {
    mayChange(from);
    const [source, target] = [placeOf(from), placeOf(to)];
    if (!source || !target || source.kind !== target.kind || source.name !== target.name)
      throw vscode.FileSystemError.NoPermissions(vscode.l10n.t("Files move only within one container or volume: copy them instead"));
    await this.#on(from, (tree, path) => tree.rename(path, target.path, options));
    this.#tell(vscode.FileChangeType.Deleted, from);
    this.#tell(vscode.FileChangeType.Created, to);
  }

  dispose(): void {
    this.#changed.dispose();
  }

  async #roots(path: string): Promise<[string, vscode.FileType][]> {
    const folder = (name: string): [string, vscode.FileType] => [name, vscode.FileType.Directory];
    const client = await this.#engine.client();
    if (path === "/containers") return (await client.containers.list({ all: true })).map(({ Names }) => folder(Names[0]!.slice(1)));
    if (path === "/volumes") return (await client.volumes.list()).map(({ Name }) => folder(Name));
    return path === "/" ? [folder("containers"), folder("volumes")] : [];
  }

  async #on<T>(uri: vscode.Uri, work: (tree: FileTree, path: string) => Promise<T>): Promise<T> {
    const place = placeOf(uri);
    if (!place) throw vscode.FileSystemError.NoPermissions(uri);
    try {
      return await work(await openTree(await this.#engine.client(), this.#engine.own, place), place.path);
    } catch (error) {
      throw fileError(error as Error, uri);
    }
  }

  #tell(type: vscode.FileChangeType, uri: vscode.Uri): void {
    this.#changed.fire([{ type, uri }]);
  }
}

/** An image is what its digest says: its files never change. @throws {vscode.FileSystemError} */
function mayChange(uri: vscode.Uri): void {
  const place = placeOf(uri);
  if (place?.kind === "image")
    throw vscode.FileSystemError.NoPermissions(
      vscode.l10n.t("Files of an image cannot be changed: change them in a container of it, and make an image of that"),
    );
  if (!place) throw vscode.FileSystemError.NoPermissions(vscode.l10n.t("Only in a container or a volume can files be made"));
}

function shownStat(stat: FileStat, readonly: boolean): vscode.FileStat {
  const { sizeBytes, modifiedMs, createdMs } = stat;
  const permissions = readonly ? { permissions: vscode.FilePermission.Readonly } : {};
  return { type: shownType(stat), size: sizeBytes, mtime: modifiedMs, ctime: createdMs, ...permissions };
}

function shownType({ type, targetType }: FileStat): vscode.FileType {
  if (type !== "symlink") return plainType(type);
  return vscode.FileType.SymbolicLink | (targetType ? plainType(targetType) : vscode.FileType.Unknown);
}

/** Devices and the like are not to be opened: reading one may never end. */
function plainType(type: FileType): vscode.FileType {
  if (type === "directory") return vscode.FileType.Directory;
  return type === "file" ? vscode.FileType.File : vscode.FileType.Unknown;
}

/** The editor knows these kinds: it offers to create what is missing, and says read-only where it is. */
function fileError(error: Error, uri: vscode.Uri): Error {
  if (!(error instanceof ClientError)) return error;
  if (error.status === 404) return vscode.FileSystemError.FileNotFound(uri);
  if (error.status === 409 && /exists/i.test(error.message)) return vscode.FileSystemError.FileExists(uri);
  if (error.message.endsWith(": is a directory")) return vscode.FileSystemError.FileIsADirectory(uri);
  if (error.message.endsWith(": not a directory")) return vscode.FileSystemError.FileNotADirectory(uri);
  if (error.status === 403) return vscode.FileSystemError.NoPermissions(error.message);
  return new vscode.FileSystemError(error.message);
}
