/**
 * What finished and running builds did, for `/berth/builds`. The newest are kept within a budget, with what their steps
 * printed and what is needed to open them. They are logs: whole after the engine was killed, not worth waiting for the disk.
 *
 *     STATE/records/<id>/record.json    BuildRecord
 *     STATE/records/<id>/scenes.json    by step
 *     STATE/records/<id>/Dockerfile
 *     STATE/records/<id>/<step>.log
 *     STATE/records/<id>/journal        while it runs: see journal.ts
 */
import { writeFileSync } from "node:fs";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { makeDirectory, readJson, removeTree, writeJson } from "../host/files.ts";
import type { Digest } from "../layers/snapshots.ts";
import type { BuildProgress, BuildRecord } from "./builder.ts";
import { Journal, recovered } from "./journal.ts";
import type { Scene } from "./scene.ts";

/** Most builds that are remembered, and the bytes that their records may take. */
const KEPT = 100;
const KEPT_BYTES = 64 << 20;

/** Failed steps whose files stay to be looked into. */
const KEPT_FAILURES = 5;

/** A build that has not ended: what is known of it is in memory. */
export interface RunningBuild {
  record(): BuildRecord;
  log(step: string): Buffer;
  scene(step: string): Scene | undefined;
  subscribe(listener: (event: BuildProgress) => void): () => void;
}

export class Records {
  readonly #directory: string;
  readonly #running = new Map<string, RunningBuild>();
  readonly #watchers = new Set<(record: BuildRecord) => void>();
  /** What is written never changes. */
  readonly #read = new Map<string, Promise<BuildRecord | undefined>>();
  /** Of the builds that have ended. */
  readonly #sizes = new Map<string, number>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async open(stateDirectory: string): Promise<Records> {
    const directory = join(stateDirectory, "records");
    await makeDirectory(directory);
    return new Records(directory);
  }

  /** Where the build with this id notes what it tells. */
  journal(id: string): Journal {
    return new Journal(join(this.#directory, id));
  }

  async begin(build: RunningBuild, dockerfile: string): Promise<void> {
    const record = build.record();
    this.#running.set(record.id, build);
    const directory = join(this.#directory, record.id);
    await makeDirectory(directory);
    // To memory only: the way to another thread and back would take longer.
    writeFileSync(join(directory, "Dockerfile"), dockerfile, { mode: 0o600 });
    await this.#write(record);
    this.#announce(record);
  }

  async finish(record: BuildRecord, scenes: Readonly<Record<string, Scene>>): Promise<void> {
    try {
      await writeJson(join(this.#directory, record.id, "scenes.json"), scenes, { unsynced: true });
      await this.#write(record);
    } finally {
      this.#running.delete(record.id);
      this.#announce(record);
    }
  }

  /** @param step an id of BuildStep */
  async writeLog(id: string, step: string, log: Buffer): Promise<void> {
    await writeFile(join(this.#directory, id, `${step}.log`), log, { mode: 0o600 });
  }

  /** Newest first. */
  async list(): Promise<BuildRecord[]> {
    const ids = await readdir(this.#directory);
    const records = await Promise.all(ids.map((id) => this.#one(id)));
    return records.filter((record) => record !== undefined).toSorted((a, b) => b.startedMs - a.startedMs);
  }

  /**
   * @param id whole, the beginning of one, `latest`, or what its client called it
   * @throws {EngineError} not-found, or invalid when several builds begin with it
   */
  async get(id: string): Promise<BuildRecord> {
    const exact = /^[0-9a-f]{24}$/.test(id) ? await this.#one(id) : undefined;
    if (exact) return exact;
    const records = await this.list();
    const named = records.filter(({ ref }) => ref === id);
    if (named[0]) return named[0];
    const found = id === "latest" ? records.slice(0, 1) : /^[0-9a-f]+$/.test(id) ? records.filter((each) => each.id.startsWith(id)) : [];
    if (found.length > 1) throw new EngineError("invalid", `Several builds begin with ${id}: give more of the id`);
    if (!found[0]) throw new EngineError("not-found", `No such build: ${id}`);
    return found[0];
  }

  running(id: string): RunningBuild | undefined {
    return this.#running.get(id);
  }

  /** Each build that runs now, and from now on each that begins or has ended. Returns what stops it. */
  watch(listener: (record: BuildRecord) => void): () => void {
    for (const build of this.#running.values()) listener(build.record());
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  /** @throws {EngineError} not-found */
  async log(id: string, step: string): Promise<Buffer> {
    const record = await this.get(id);
    if (!record.steps.some((known) => known.id === step)) throw noSuchStep(step);
    const running = this.#running.get(record.id);
    return running ? running.log(step) : readFile(join(this.#directory, record.id, `${step}.log`)).catch(() => Buffer.alloc(0));
  }

  /** @throws {EngineError} not-found */
  async scene(id: string, step: string): Promise<Scene> {
    const running = this.#running.get(id);
    const scene = running
      ? running.scene(step)
      : (await readJson<Record<string, Scene>>(join(this.#directory, id, "scenes.json")).catch(() => undefined))?.[step];
    if (!scene) throw new EngineError("not-found", `The build did not come to step ${step}, so there is nothing to look into`);
    return scene;
  }

  async dockerfile(id: string): Promise<string> {
    return readFile(join(this.#directory, id, "Dockerfile"), "utf8");
  }

  /** @throws {EngineError} not-found; conflict while it runs */
  async remove(id: string): Promise<BuildRecord> {
    const record = await this.get(id);
    if (this.#running.has(record.id)) throw new EngineError("conflict", `Build ${record.id} is running: cancel it first`);
    await this.#forget(record.id);
    return record;
  }

  /** Layers of the newest failed steps: they are nobody else's. */
  async failures(): Promise<Digest[]> {
    const chains = (await this.list()).flatMap(({ steps }) => steps.flatMap(({ error, chainId }) => (error && chainId ? [chainId] : [])));
    return chains.slice(0, KEPT_FAILURES);
  }

  /** Removes all but the newest records. */
  async tidy(): Promise<void> {
    const ended = (await this.list()).filter(({ id }) => !this.#running.has(id));
    let bytes = 0;
    for (const [index, { id }] of ended.entries()) {
      const size = this.#sizes.get(id) ?? (await this.#size(id));
      this.#sizes.set(id, size);
      bytes += size;
      if (index >= KEPT || bytes > KEPT_BYTES) await this.#forget(id);
    }
  }

  /** A build that was running when the engine was killed has failed; what it had come to stays. */
  async sweep(): Promise<void> {
    for (const begun of await this.list()) {
      if (begun.status !== "running") continue;
      const directory = join(this.#directory, begun.id);
      const { record, scenes } = await recovered(directory, begun);
      await writeJson(join(directory, "scenes.json"), scenes, { unsynced: true });
      await this.#write(record);
      await removeTree(join(directory, "journal"));
    }
  }

  async #write(record: BuildRecord): Promise<void> {
    await writeJson(join(this.#directory, record.id, "record.json"), record, { unsynced: true });
    this.#read.delete(record.id);
  }

  async #forget(id: string): Promise<void> {
    this.#read.delete(id);
    this.#sizes.delete(id);
    await removeTree(join(this.#directory, id));
  }

  #announce(record: BuildRecord): void {
    for (const watcher of this.#watchers) watcher(record);
  }

  async #one(id: string): Promise<BuildRecord | undefined> {
    const running = this.#running.get(id)?.record();
    if (running) return running;
    let read = this.#read.get(id);
    if (!read) {
      read = readJson<BuildRecord>(join(this.#directory, id, "record.json")).catch(() => undefined);
      this.#read.set(id, read);
    }
    return read;
  }

  async #size(id: string): Promise<number> {
    const directory = join(this.#directory, id);
    const names = await readdir(directory).catch(() => []);
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(directory, name)).catch(() => undefined))?.size ?? 0));
    return sizes.reduce((sum, size) => sum + size, 0);
  }
}

export function noSuchStep(step: string): EngineError {
  return new EngineError("not-found", `No such step: ${step}`);
}
