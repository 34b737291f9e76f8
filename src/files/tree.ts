/** Files below one root, however they are reached. Paths are absolute as seen from inside. */
import type { FileStat } from "../../engine/api/types/file.ts";
import type { DockerClient } from "../../engine/client/client.ts";
import type { Place } from "./uris.ts";

export interface FileTree {
  stat(path: string): Promise<FileStat>;
  list(path: string): Promise<readonly FileStat[]>;
  read(path: string): Promise<Uint8Array>;
  write(path: string, content: Uint8Array, options: { create: boolean; overwrite: boolean }): Promise<void>;
  makeDirectory(path: string): Promise<void>;
  rename(path: string, to: string, options: { overwrite: boolean }): Promise<void>;
  remove(path: string, options: { recursive: boolean }): Promise<void>;
}

/** Berth's own engine knows files; any other is asked through what Docker's API has. @throws {Error} where that has nothing */
export async function openTree(client: DockerClient, own: boolean, place: Place): Promise<FileTree> {
  if (own) return client.files.of(`${place.kind}s`, place.name, place.kind === "image" ? { layer: place.layer } : {});
  const { openArchiveTree } = await import("./archive-tree.ts");
  return openArchiveTree(client, place);
}
