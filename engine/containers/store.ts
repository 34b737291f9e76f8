/** The containers that exist: one JSON file each, all of them in memory, found by id, name or the beginning of an id. */
import { rmSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory, readJson, sweepUnfinished, writeJson } from "../host/files.ts";
import { log } from "../host/log.ts";
import type { ContainerRecord } from "./containers.ts";
import type { Entry } from "./entry.ts";
import { ambiguousId, nameInUse, noNameOrId, noSuchContainer } from "./messages.ts";

export class ContainerStore {
  readonly #directory: string;
  readonly #makeEntry: (record: ContainerRecord) => Entry;
  readonly #entries = new Map<string, Entry>();
  readonly #names = new Map<string, string>();

  private constructor(directory: string, makeEntry: (record: ContainerRecord) => Entry) {
    this.#directory = directory;
    this.#makeEntry = makeEntry;
  }

  /** Reads what earlier engines wrote. A file that cannot be read is left alone and logged, one that is empty goes. */
  static async open(directory: string, makeEntry: (record: ContainerRecord) => Entry): Promise<ContainerStore> {
    const store = new ContainerStore(directory, makeEntry);
    await makeDirectory(directory);
    await sweepUnfinished(directory);
    for (const file of await readdir(directory)) await store.#load(join(directory, file));
    return store;
  }

  async #load(path: string): Promise<void> {
    try {
      const record = await readJson<ContainerRecord>(path);
      if (record) this.#put(this.#makeEntry(record));
    } catch (error) {
      // What was not waited for is empty after a power cut.
      if (statSync(path).size === 0) return rmSync(path);
      log("error", error);
    }
  }

  #put(entry: Entry): void {
    this.#entries.set(entry.id, entry);
    this.#names.set(entry.record.name, entry.id);
  }

  /** Newest first, as `docker ps` lists them. */
  all(): Entry[] {
    return [...this.#entries.values()].toSorted((a, b) => (a.record.createdAt < b.record.createdAt ? 1 : -1));
  }

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  byName(name: string): string | undefined {
    return this.#names.get(name);
  }

  /** @throws {EngineError} not-found, or invalid when a prefix is not unique */
  find(nameOrId: string): Entry {
    if (nameOrId === "") throw noNameOrId();
    const name = nameOrId.replace(/^\//, "");
    const exact = this.#entries.get(nameOrId) ?? this.#entries.get(this.#names.get(name) ?? "");
    if (exact) return exact;
    const matches = /^[0-9a-f]+$/.test(nameOrId) ? [...this.#entries.values()].filter(({ id }) => id.startsWith(nameOrId)) : [];
    if (matches.length > 1) throw ambiguousId(nameOrId);
    if (!matches[0]) throw noSuchContainer(nameOrId);
    return matches[0];
  }

  /** Takes a name for an id that may not have a container yet. @throws {EngineError} conflict */
  reserve(name: string, id: string): void {
    const holder = this.#names.get(name);
    if (holder !== undefined && holder !== id) throw nameInUse(name, holder);
    this.#names.set(name, id);
  }

  releaseName(name: string, id: string): void {
    if (this.#names.get(name) === id) this.#names.delete(name);
  }

  /** Writes a record for the first time and makes it visible. */
  async add(record: ContainerRecord): Promise<Entry> {
    await this.#write(record);
    const entry = this.#makeEntry(record);
    this.#put(entry);
    return entry;
  }

  async save(entry: Entry): Promise<void> {
    // A container that was removed meanwhile must not come back.
    if (this.#entries.has(entry.id)) await this.#write(entry.record);
  }

  /** The container is gone for everybody from now on. */
  delete(entry: Entry): void {
    this.#entries.delete(entry.id);
    this.releaseName(entry.record.name, entry.id);
    rmSync(join(this.#directory, `${entry.id}.json`), { force: true });
  }

  /** A container that goes with its process does not outlive the machine: nobody waits for the disk because of it. */
  async #write(record: ContainerRecord): Promise<void> {
    await writeJson(join(this.#directory, `${record.id}.json`), record, { unsynced: record.hostConfig.AutoRemove === true });
  }
}
