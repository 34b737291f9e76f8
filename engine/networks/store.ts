/**
 * Networks on disk: `state/networks/<id>.json`, one file a network, written before anything is made.
 */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Ipam } from "../api/types/network.ts";
import { makeDirectory, readJson, sweepUnfinished, syncDirectory, writeJson } from "../host/files.ts";

/** What is known of a network whether or not its bridge exists. Endpoints are not part of it: containers keep their own. */
export interface NetworkRecord {
  readonly id: string;
  readonly name: string;
  readonly driver: "bridge" | "host" | "null";
  readonly createdAt: string;
  readonly internal: boolean;
  readonly attachable: boolean;
  readonly ipv6: boolean;
  readonly ipam: Ipam;
  /** The subnets were given, not picked: only then may containers ask for addresses. */
  readonly chosen: boolean;
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** See networks.ts. */
  readonly configOnly?: boolean;
  readonly configFrom?: string;
}

export class NetworkStore {
  readonly #directory: string;

  constructor(state: string) {
    this.#directory = join(state, "networks");
  }

  async load(): Promise<NetworkRecord[]> {
    await makeDirectory(this.#directory);
    await sweepUnfinished(this.#directory);
    const names = (await readdir(this.#directory)).filter((name) => name.endsWith(".json"));
    const records = await Promise.all(names.map((name) => readJson<NetworkRecord>(join(this.#directory, name))));
    return records.filter((record) => record !== undefined);
  }

  async save(record: NetworkRecord): Promise<void> {
    await writeJson(this.#path(record.id), record);
  }

  async remove(id: string): Promise<void> {
    await rm(this.#path(id), { force: true });
    await syncDirectory(this.#directory);
  }

  #path(id: string): string {
    return join(this.#directory, `${id}.json`);
  }
}
