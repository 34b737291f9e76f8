/**
 * What finished and running builds did, for `/berth/builds`. The newest are kept, with what their steps printed.
 *
 *     STATE/records/<id>/record.json
 *     STATE/records/<id>/<step>.log
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { makeDirectory, readJson, removeTree, writeJson } from "../host/files.ts";
import type { BuildRecord } from "./builder.ts";

const KEPT = 50;

export class Records {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async open(stateDirectory: string): Promise<Records> {
    const directory = join(stateDirectory, "records");
    await makeDirectory(directory);
    return new Records(directory);
  }

  async write(record: BuildRecord): Promise<void> {
    await makeDirectory(join(this.#directory, record.id));
    await writeJson(join(this.#directory, record.id, "record.json"), record);
  }

  /** @param step an id of BuildStep */
  async writeLog(id: string, step: string, log: Buffer): Promise<void> {
    await writeFile(join(this.#directory, id, `${step}.log`), log, { mode: 0o600 });
  }

  /** Newest first. */
  async list(): Promise<BuildRecord[]> {
    const ids = await readdir(this.#directory);
    const records = await Promise.all(ids.map((id) => this.#read(id)));
    return records.filter((record) => record !== undefined).toSorted((a, b) => b.startedMs - a.startedMs);
  }

  /** @throws {EngineError} not-found */
  async get(id: string): Promise<BuildRecord> {
    const record = /^[0-9a-f]+$/.test(id) ? await this.#read(id) : undefined;
    if (!record) throw new EngineError("not-found", `No such build: ${id}`);
    return record;
  }

  /** @throws {EngineError} not-found */
  async log(id: string, step: string): Promise<Buffer> {
    const record = await this.get(id);
    if (!record.steps.some((known) => known.id === step)) throw new EngineError("not-found", `No such step: ${step}`);
    return readFile(join(this.#directory, id, `${step}.log`)).catch(() => Buffer.alloc(0));
  }

  /** Removes all but the newest records. */
  async tidy(): Promise<BuildRecord[]> {
    const old = (await this.list()).filter((record) => record.status !== "running").slice(KEPT);
    for (const record of old) await removeTree(join(this.#directory, record.id));
    return old;
  }

  /** A build that was running when the engine was killed has failed. */
  async sweep(): Promise<void> {
    for (const record of await this.list()) {
      if (record.status !== "running") continue;
      await this.write({ ...record, status: "failed", error: "The engine was stopped", endedMs: Date.now() });
    }
  }

  #read(id: string): Promise<BuildRecord | undefined> {
    return readJson<BuildRecord>(join(this.#directory, id, "record.json")).catch(() => undefined);
  }
}
