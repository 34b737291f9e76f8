/**
 * The directories behind `RUN --mount=type=cache`: kept between builds, one for each id, never part of an image.
 * `shared` is used by several steps at once, `locked` by one after the other, `private` gives each a directory of its own.
 */
import { createHash } from "node:crypto";
import { chmod, chown, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { measureIn } from "../layers/jail.ts";
import { removeTree } from "../host/files.ts";
import type { Sharing } from "../syntax/dockerfile/mount.ts";

export interface CacheMountOptions {
  readonly id: string;
  readonly sharing: Sharing;
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  /** Puts into a new directory what it begins with. */
  readonly fill?: ((directory: string) => Promise<void>) | undefined;
}

export interface CacheMount {
  readonly directory: string;
  /** Lets the next one have it. */
  release(): void;
}

export class CacheMounts {
  readonly #directory: string;
  readonly #users = new Map<string, number>();
  readonly #locks = new Map<string, Promise<void>>();

  /** @param directory holds one directory a mount; on the file system of the layers */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** @throws the signal's reason when it is aborted while waiting for a lock */
  async take(options: CacheMountOptions, signal: AbortSignal): Promise<CacheMount> {
    const base = createHash("sha256").update(identity(options)).digest("hex").slice(0, 32);
    const unlock = options.sharing === "locked" ? await this.#lock(base, signal) : undefined;
    const name = options.sharing === "private" ? this.#unused(base) : base;
    this.#users.set(name, (this.#users.get(name) ?? 0) + 1);
    const directory = await this.#make(name, options);
    let released = false;
    const release = (): void => {
      if (released) return;
      released = true;
      this.#users.set(name, this.#users.get(name)! - 1);
      unlock?.();
    };
    return { directory, release };
  }

  #unused(base: string): string {
    for (let count = 0; ; count++) {
      const name = count === 0 ? base : `${base}.${count}`;
      if (!this.#users.get(name)) return name;
    }
  }

  async #lock(name: string, signal: AbortSignal): Promise<() => void> {
    const before = this.#locks.get(name) ?? Promise.resolve();
    let unlock = (): void => undefined;
    const mine = new Promise<void>((resolve) => (unlock = resolve));
    this.#locks.set(
      name,
      before.then(() => mine),
    );
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    });
    try {
      await Promise.race([before, aborted]);
    } catch (error) {
      unlock();
      throw error;
    }
    return unlock;
  }

  async #make(name: string, options: CacheMountOptions): Promise<string> {
    const directory = join(this.#directory, name, "data");
    const isNew = await mkdir(directory, { recursive: true });
    if (isNew === undefined) return directory;
    await writeFile(join(this.#directory, name, "id"), options.id);
    try {
      await options.fill?.(directory);
    } catch (error) {
      await removeTree(join(this.#directory, name));
      throw error;
    }
    // What it was filled with has its own mode, unless the mount says another.
    if (!options.fill || options.mode !== undefined) await chmod(directory, options.mode ?? 0o755);
    if (options.uid !== undefined || options.gid !== undefined) await chown(directory, options.uid ?? 0, options.gid ?? 0);
    return directory;
  }

  /** All mounts with the bytes in them. */
  async list(): Promise<{ name: string; id: string; sizeBytes: number; inUse: boolean }[]> {
    const names = await readdir(this.#directory).catch(() => []);
    return Promise.all(
      names.map(async (name) => ({
        name,
        id: await readFile(join(this.#directory, name, "id"), "utf8").catch(() => ""),
        sizeBytes: await measureIn(this.#directory, `/${name}/data`).catch(() => 0),
        inUse: Boolean(this.#users.get(name)),
      })),
    );
  }

  /** Empties one; a mount in use stays. */
  async remove(name: string): Promise<void> {
    if (this.#users.get(name)) return;
    await removeTree(join(this.#directory, name));
  }
}

/** Who asks for other owners or modes gets a directory of its own, as with BuildKit: else a user could not write into it. */
function identity({ id, mode, uid, gid }: CacheMountOptions): string {
  return mode === undefined && uid === undefined && gid === undefined ? id : JSON.stringify([id, mode, uid, gid]);
}
