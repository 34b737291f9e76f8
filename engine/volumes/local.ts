/**
 * Volumes on this machine's disk: `<storage>/volumes/<name>/_data` holds the files, `<state>/volumes/<name>.json` says what
 * the volume is. A volume exists when its JSON file does; a directory without one is swept when the engine starts.
 */
import { randomBytes } from "node:crypto";
import { lookup } from "node:dns/promises";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import type { Events } from "../events.ts";
import { removeTree, sweepUnfinished, writeJson } from "../host/files.ts";
import { errorCode } from "../host/libc.ts";
import { mount, mountPoints, MS, remountReadOnly, unmount } from "../host/mount.ts";
import { checkVolumeName, checkVolumeOptions, parseMountOptions } from "./options.ts";
import type { Volume, Volumes } from "./volumes.ts";

export interface VolumesOptions {
  /** `<storage>/volumes`. */
  directory: string;
  /** `<state>/volumes`. */
  state: string;
  events: Events;
  /** Copies the content of a directory, jailed in `root`, with owners, modes and attributes, into `target`. */
  copyTree: (root: string, path: string, target: string) => Promise<void>;
}

/** Before the name of a holder that is no container. */
const HOLD = "hold-";
const ANONYMOUS = "com.docker.volume.anonymous";

/** Opens the volumes below `directory`, adopting what an earlier engine made. */
export async function openVolumes(options: VolumesOptions): Promise<Volumes> {
  await mkdir(options.directory, { recursive: true, mode: 0o711 });
  await mkdir(options.state, { recursive: true, mode: 0o700 });
  const volumes = new LocalVolumes(options);
  await volumes.adopt();
  return volumes;
}

class LocalVolumes implements Volumes {
  readonly #options: VolumesOptions;
  readonly #volumes = new Map<string, Volume>();
  /** Containers that hold a volume mounted; only volumes with mount options need them. */
  readonly #holders = new Map<string, Set<string>>();
  readonly #users: ((name: string) => Promise<string[]>)[] = [];
  /** The change of a volume that runs now; the next one waits for it. */
  readonly #busy = new Map<string, Promise<unknown>>();

  constructor(options: VolumesOptions) {
    this.#options = options;
  }

  async adopt(): Promise<void> {
    await sweepUnfinished(this.#options.state);
    for (const file of await readdir(this.#options.state)) {
      const volume = JSON.parse(await readFile(join(this.#options.state, file), "utf8")) as Volume;
      this.#volumes.set(volume.name, volume);
    }
    for (const name of await readdir(this.#options.directory))
      if (!this.#volumes.has(name)) await removeTree(join(this.#options.directory, name));
  }

  async list(): Promise<Volume[]> {
    return [...this.#volumes.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  async get(name: string): Promise<Volume> {
    const volume = this.#volumes.get(name);
    if (!volume) throw noSuchVolume(name);
    return volume;
  }

  async create(wanted: Parameters<Volumes["create"]>[0]): Promise<Volume> {
    const anonymous = !wanted.name;
    const name = wanted.name || randomBytes(32).toString("hex");
    const driver = wanted.driver || "local";
    if (driver !== "local")
      throw new EngineError("not-found", `create ${name}: error looking up volume plugin ${driver}: plugin "${driver}" not found`);
    checkVolumeName(name);
    return this.#inTurn(name, async () => {
      const present = this.#volumes.get(name);
      if (present) return present;
      const options = wanted.options ?? {};
      checkVolumeOptions(name, options);
      const volume: Volume = {
        name,
        driver: "local",
        mountpoint: join(this.#options.directory, name, "_data"),
        createdAt: new Date().toISOString().replace(/\.\d+Z$/, "Z"),
        labels: anonymous ? { ...wanted.labels, [ANONYMOUS]: "" } : { ...wanted.labels },
        options,
        anonymous,
      };
      await mkdir(volume.mountpoint, { recursive: true, mode: 0o755 });
      await writeJson(join(this.#options.state, `${name}.json`), volume);
      this.#volumes.set(name, volume);
      this.#options.events.publish("volume", "create", name, { driver: "local" });
      return volume;
    });
  }

  async remove(name: string, { force }: { force: boolean }): Promise<void> {
    await this.#inTurn(name, async () => {
      const volume = this.#volumes.get(name);
      if (!volume && force) return;
      if (!volume) throw noSuchVolume(name);
      const users = (await Promise.all(this.#users.map((user) => user(name)))).flat();
      if (users.length > 0) throw new EngineError("conflict", `remove ${name}: volume is in use - [${users.join(", ")}]`);
      this.#release(volume);
      await rm(join(this.#options.state, `${name}.json`), { force: true });
      this.#volumes.delete(name);
      await removeTree(join(this.#options.directory, name));
      this.#options.events.publish("volume", "destroy", name, { driver: "local" });
    });
  }

  async mount(name: string, containerId: string, as?: Parameters<Volumes["mount"]>[2]): Promise<string> {
    return this.#inTurn(name, async () => {
      const volume = await this.get(name);
      const holders = this.#holders.get(name) ?? new Set();
      if (volume.options["type"] && !mountPoints().some(({ target }) => target === volume.mountpoint)) await mountOptions(volume);
      this.#holders.set(name, holders.add(containerId));
      if (as)
        this.#options.events.publish("volume", "mount", name, {
          container: containerId,
          destination: as.destination,
          driver: "local",
          propagation: as.propagation,
          "read/write": String(!as.readOnly),
        });
      return volume.mountpoint;
    });
  }

  async unmount(name: string, containerId: string): Promise<void> {
    await this.#inTurn(name, async () => {
      const volume = this.#volumes.get(name);
      const holders = this.#holders.get(name);
      if (!volume || !holders?.delete(containerId)) return;
      if (holders.size === 0) this.#release(volume);
      if (!containerId.startsWith(HOLD))
        this.#options.events.publish("volume", "unmount", name, { container: containerId, driver: "local" });
    });
  }

  async hold(name: string): Promise<{ directory: string; release: () => Promise<void> }> {
    const holder = HOLD + randomBytes(8).toString("hex");
    const directory = await this.mount(name, holder);
    return { directory, release: () => this.unmount(name, holder) };
  }

  async copyUp(name: string, source: { root: string; path: string }): Promise<void> {
    await this.#inTurn(name, async () => {
      const { mountpoint } = await this.get(name);
      if ((await readdir(mountpoint)).length > 0) return;
      await this.#options.copyTree(source.root, source.path, mountpoint);
    });
  }

  addUser(user: (name: string) => Promise<string[]>): void {
    this.#users.push(user);
  }

  /** Running containers keep their own mount of the file system; this one is only what new ones would be given. */
  #release(volume: Volume): void {
    this.#holders.delete(volume.name);
    if (!volume.options["type"]) return;
    try {
      unmount(volume.mountpoint, { lazy: true });
    } catch (error) {
      if (errorCode(error) !== "EINVAL") throw error;
    }
  }

  async #inTurn<T>(name: string, change: () => Promise<T>): Promise<T> {
    const before = this.#busy.get(name);
    const mine = (before ?? Promise.resolve()).then(change, change);
    this.#busy.set(name, mine);
    try {
      return await mine;
    } finally {
      if (this.#busy.get(name) === mine) this.#busy.delete(name);
    }
  }
}

function noSuchVolume(name: string): EngineError {
  return new EngineError("not-found", `get ${name}: no such volume`);
}

async function mountOptions({ mountpoint, options }: Volume): Promise<void> {
  const { flags, data } = parseMountOptions(await resolveAddress(options));
  const device = options["device"] ?? "";
  const type = options["type"] ?? "";
  try {
    mount(device, mountpoint, type, { flags, data });
    if (flags & MS.BIND && flags & MS.RDONLY) remountReadOnly(mountpoint);
  } catch (error) {
    const reason = errorWords[errorCode(error) ?? ""] ?? (error as Error).message;
    throw new EngineError(
      "internal",
      `error while mounting volume '${mountpoint}': failed to mount local volume: mount ${device}:${mountpoint}` +
        `${flags ? `, flags: 0x${flags.toString(16)}` : ""}${data ? `, data: ${data}` : ""}: ${reason}`,
      { cause: error },
    );
  }
}

/** NFS wants an address where people write a host name. */
async function resolveAddress(options: Volume["options"]): Promise<string> {
  const text = options["o"] ?? "";
  const host = /(?:^|,)addr=([^,]+)/.exec(text)?.[1];
  if (!host || !(options["type"] ?? "").startsWith("nfs")) return text;
  return text.replace(`addr=${host}`, `addr=${(await lookup(host)).address}`);
}

const errorWords: Record<string, string> = {
  ENOENT: "no such file or directory",
  EPERM: "operation not permitted",
  EACCES: "permission denied",
  EINVAL: "invalid argument",
  ENODEV: "no such device",
};
