/**
 * The containers that exist: one JSON file each, all of them in memory, found by id, name or the beginning of an id.
 *
 * What must survive the machine is on disk before it is acted on: save(). That a process has started or ended is only of use
 * as long as the machine runs: note() writes it where the next engine finds it, and the disk gets it meanwhile.
 */
import { rmSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory, readJson, sweepUnfinished, writeJson } from "../host/files.ts";
import { log } from "../host/log.ts";
import { bootId } from "../host/process.ts";
import type { ContainerRecord } from "./containers.ts";
import type { Entry } from "./entry.ts";
import { ambiguousId, nameInUse, noNameOrId, noSuchContainer } from "./messages.ts";

export interface StorePlaces {
  readonly records: string;
  /** Of records that are not yet on disk as they are: true as long as the machine runs. */
  readonly notes: string;
}

/** What lives no longer than that never comes to the disk. */
const LATER_MS = 50;

interface Note {
  readonly bootId: string;
  readonly record: ContainerRecord;
}

export class ContainerStore {
  readonly #places: StorePlaces;
  readonly #makeEntry: (record: ContainerRecord) => Entry;
  readonly #entries = new Map<string, Entry>();
  readonly #names = new Map<string, string>();
  /** Those with a note, and the last write of each record: a later one must not be overtaken. */
  readonly #noted = new Set<string>();
  readonly #writes = new Map<string, Promise<void>>();
  /** When a note is brought to the disk. */
  readonly #due = new Map<string, NodeJS.Timeout>();
  readonly #boot = bootId();

  private constructor(places: StorePlaces, makeEntry: (record: ContainerRecord) => Entry) {
    this.#places = places;
    this.#makeEntry = makeEntry;
  }

  /** Reads what earlier engines wrote. A file that cannot be read is left alone and logged, one that is empty goes. */
  static async open(places: StorePlaces, makeEntry: (record: ContainerRecord) => Entry): Promise<ContainerStore> {
    const store = new ContainerStore(places, makeEntry);
    for (const directory of [places.records, places.notes]) {
      await makeDirectory(directory);
      await sweepUnfinished(directory);
    }
    for (const file of await readdir(places.notes)) await store.#loadNote(file);
    for (const file of await readdir(places.records)) await store.#load(join(places.records, file));
    return store;
  }

  /** What an engine that was killed had not brought to the disk is brought there. One of a container that is gone goes. */
  async #loadNote(file: string): Promise<void> {
    const [note, path] = [join(this.#places.notes, file), join(this.#places.records, file)];
    const noted = await readJson<Note>(note).catch(() => undefined);
    const isThere = statSync(path, { throwIfNoEntry: false }) !== undefined;
    if (noted?.bootId === this.#boot && isThere) await writeJson(path, noted.record);
    rmSync(note);
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
    const { id, hostConfig } = record;
    await writeJson(this.#file(id), record, { unsynced: hostConfig.AutoRemove === true });
    const entry = this.#makeEntry(record);
    this.#put(entry);
    return entry;
  }

  async save(entry: Entry): Promise<void> {
    const { id } = entry;
    const before = this.#writes.get(id);
    const mine = Promise.resolve(before?.catch(() => undefined)).then(async () => {
      if (!this.has(id)) return;
      const isNoted = this.#noted.delete(id);
      try {
        await this.#write(entry.record);
      } catch (error) {
        if (isNoted) this.#noted.add(id);
        throw error;
      }
      // One that was made meanwhile tells more.
      if (isNoted && !this.#noted.has(id)) rmSync(this.#note(id), { force: true });
    });
    this.#writes.set(id, mine);
    try {
      await mine;
    } finally {
      if (this.#writes.get(id) === mine) this.#writes.delete(id);
    }
  }

  /** The next engine knows when this resolves, and the disk soon. */
  async note(entry: Entry): Promise<void> {
    const { id, record } = entry;
    if (!this.has(id)) return;
    if (record.hostConfig.AutoRemove) return this.save(entry);
    this.#noted.add(id);
    await writeJson(this.#note(id), { bootId: this.#boot, record } satisfies Note, { unsynced: true });
    if (!this.#due.has(id))
      this.#due.set(
        id,
        setTimeout(() => this.#bring(entry), LATER_MS),
      );
  }

  #bring(entry: Entry): void {
    clearTimeout(this.#due.get(entry.id));
    this.#due.delete(entry.id);
    if (this.#noted.has(entry.id)) this.save(entry).catch((error: unknown) => log("error", error));
  }

  /** Resolves when all that was noted is on disk, or could not be brought there. */
  async settled(): Promise<void> {
    for (const id of this.#due.keys()) this.#bring(this.#entries.get(id)!);
    await Promise.allSettled(this.#writes.values());
  }

  /** The container is gone for everybody from now on, and its files when this resolves. */
  async delete(entry: Entry): Promise<void> {
    const { id } = entry;
    this.#entries.delete(id);
    this.releaseName(entry.record.name, id);
    rmSync(this.#file(id), { force: true });
    if (this.#noted.delete(id)) rmSync(this.#note(id), { force: true });
    clearTimeout(this.#due.get(id));
    this.#due.delete(id);
    await this.#writes.get(id)?.catch(() => undefined);
  }

  #file(id: string): string {
    return join(this.#places.records, `${id}.json`);
  }

  #note(id: string): string {
    return join(this.#places.notes, `${id}.json`);
  }

  /** A container that goes with its process does not outlive the machine: nobody waits for the disk because of it. */
  async #write(record: ContainerRecord): Promise<void> {
    const unsynced = record.hostConfig.AutoRemove === true;
    // A container that was removed meanwhile must not come back.
    const unless = (): boolean => !this.has(record.id);
    await writeJson(this.#file(record.id), record, { unsynced, unless });
  }
}
