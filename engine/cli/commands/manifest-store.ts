/**
 * Manifest lists that were begun on this machine, where docker keeps them and as it writes them:
 * `~/.docker/manifests/<list>/<manifest>`, `:` as `-` and `/` as `_`.
 * @see https://github.com/docker/cli/blob/v28.5.2/cli/manifest/store/store.go
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { canonicalReference, parseReference, repositoryName, withDefaultTag } from "../../syntax/reference.ts";
import type { Reference } from "../../syntax/reference.ts";
import type { Cli } from "../cli.ts";
import { settingsDirectory } from "../settings.ts";

/** In the order in which docker writes it. */
export interface Platform {
  architecture: string;
  os: string;
  "os.version"?: string;
  "os.features"?: string[];
  variant?: string;
}

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  platform: Platform;
}

/** A manifest with what is known of it. `Ref` is its full name, `Raw` the document in base64. */
export interface StoredManifest {
  Ref: string;
  Descriptor: Descriptor;
  Raw: string;
  SchemaV2Manifest?: unknown;
  OCIManifest?: unknown;
}

/** @throws {Error} in docker's words */
export function named(name: string): Reference {
  const parsed = parseReference(name);
  if ("problem" in parsed) throw new Error(parsed.problem);
  return withDefaultTag(parsed.reference);
}

/** With registry and tag, e.g. `docker.io/library/nginx:latest`. */
export function canonical(name: string): string {
  return canonicalReference(named(name));
}

/** The name without tag and digest, e.g. `docker.io/library/nginx`. */
export function repository(name: string): string {
  return repositoryName(named(name));
}

export class ManifestStore {
  readonly #directory: string;

  constructor(cli: Cli) {
    this.#directory = join(settingsDirectory(cli), "manifests");
  }

  #path(list: string, ...manifest: string[]): string {
    return join(this.#directory, ...[list, ...manifest].map((name) => canonical(name).replaceAll(":", "-").replaceAll("/", "_")));
  }

  /** In docker's order; undefined when nothing was begun under the name. */
  async list(list: string): Promise<StoredManifest[] | undefined> {
    const directory = this.#path(list);
    const names = await readdir(directory).catch(() => undefined);
    if (!names) return undefined;
    const whole = names.filter((name) => !name.endsWith(".new")).toSorted();
    return Promise.all(whole.map(async (name) => read(join(directory, name))));
  }

  async get(list: string, manifest: string): Promise<StoredManifest | undefined> {
    try {
      return await read(this.#path(list, manifest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  async save(list: string, manifest: string, stored: StoredManifest): Promise<void> {
    const path = this.#path(list, manifest);
    await mkdir(this.#path(list), { recursive: true, mode: 0o755 });
    await writeFile(`${path}.new`, JSON.stringify(stored), { mode: 0o644 });
    await rename(`${path}.new`, path);
  }

  async remove(list: string): Promise<void> {
    await rm(this.#path(list), { recursive: true, force: true });
  }
}

async function read(path: string): Promise<StoredManifest> {
  const text = await readFile(path, "utf8");
  try {
    return JSON.parse(text) as StoredManifest;
  } catch (cause) {
    throw new Error(`Cannot read "${path}": it is not JSON; begin the list again`, { cause });
  }
}
