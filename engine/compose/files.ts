/**
 * Configs and secrets that come from a value instead of a file: written into the container before it starts.
 */
import { posix } from "node:path";
import { Readable } from "node:stream";
import type { DockerClient } from "../client/client.ts";
import { bufferEntry } from "../client/tar/pack.ts";
import { writeTar } from "../client/tar/write.ts";
import { isMounted, usedFiles } from "./config-mounts.ts";
import type { UsedFile } from "./config-mounts.ts";
import type { Project } from "./project.ts";
import type { ServiceConfig } from "./service.ts";

/** Writes the values that `service` uses into a container that has been made. @throws {Error} when a variable is not set */
export async function injectFiles(
  client: DockerClient,
  project: Project,
  target: { id: string; service: ServiceConfig },
  signal?: AbortSignal,
): Promise<void> {
  for (const file of usedFiles(project, target.service)) {
    if (isMounted(file.object)) continue;
    const content = valueOf(project, file);
    const mode = Number.parseInt(file.reference.mode ?? "0444", 8);
    const owner = { uid: Number(file.reference.uid ?? 0), gid: Number(file.reference.gid ?? 0) };
    const entry = bufferEntry(posix.relative("/", file.target), Buffer.from(content), mode);
    const tar = Readable.from(writeTar(Readable.from([{ ...entry, header: { ...entry.header, ...owner } }])), { objectMode: false });
    await client.containers.putArchive(target.id, "/", tar, { copyOwner: true, signal });
  }
}

/** The text of a config or secret. */
export function valueOf(project: Project, { object, kind }: UsedFile): string {
  if (object.environment === undefined) return object.content ?? "";
  const value = project.environment[object.environment] ?? object.content;
  if (value === undefined)
    throw new Error(
      `environment variable ${JSON.stringify(object.environment)} required by ${kind} ${JSON.stringify(object.name ?? "")} is not set`,
    );
  return value;
}
