/**
 * The first process that enters a cgroup after a quiet while waits for all processors, 5 to 20 ms; those that follow within
 * some 10 ms do not. A process of ours that is moved from one empty cgroup to another, as soon as a container is about to
 * start and until it probably has, waits instead of the container.
 */
import { closeSync, mkdirSync, openSync, readFileSync, write, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import type { Cgroups } from "../host/cgroups.ts";
import { isAlive, processStartTime } from "../host/process.ts";
import { onExit, spawnProcess } from "../host/spawn.ts";

/** From the request to the runtime's own attempt. */
const WARM_MS = 40;

/** Shorter than it takes to be cold again. */
const PAUSE_MS = 5;

const writeText: (descriptor: number, text: string) => Promise<unknown> = promisify(write);

interface Stroller {
  readonly pid: number;
  readonly startTime: string;
}

export class CgroupWarmth {
  readonly #record: string;
  readonly #places: string[];
  #stroller: Stroller | undefined;
  #busy = false;
  #until = 0;
  #turn = 0;

  /** @param options.record a file below the run directory, so that the next engine takes the process over */
  constructor(cgroups: Cgroups, options: { record: string }) {
    this.#record = options.record;
    const { pids, freezer, unified } = cgroups.directories("x");
    const directory = pids ?? freezer ?? unified;
    this.#places = directory === undefined ? [] : ["warm-0", "warm-1"].map((name) => join(dirname(directory), name));
  }

  /** Begins to warm up and returns at once. Without cgroups it does nothing. */
  start(): void {
    if (this.#places.length === 0) return;
    this.#until = performance.now() + WARM_MS;
    if (this.#busy) return;
    this.#busy = true;
    this.#keep()
      // It is only about speed.
      .catch(() => undefined)
      .finally(() => (this.#busy = false));
  }

  /** The container has entered its cgroup. Others that are about to find it warm, for it was just now. */
  stop(): void {
    this.#until = 0;
  }

  async #keep(): Promise<void> {
    this.#stroller = this.#living() ?? this.#find() ?? this.#make();
    const places = this.#places.map((place) => openSync(join(place, "cgroup.procs"), "w"));
    try {
      // Who ends it meanwhile ends everything: no other is made then.
      for (; performance.now() < this.#until && this.#living(); await delay(PAUSE_MS)) {
        this.#turn = 1 - this.#turn;
        await writeText(places[this.#turn]!, String(this.#stroller.pid));
      }
    } finally {
      for (const place of places) closeSync(place);
    }
  }

  #living(): Stroller | undefined {
    return this.#stroller && isAlive(this.#stroller.pid, this.#stroller.startTime) ? this.#stroller : undefined;
  }

  #find(): Stroller | undefined {
    try {
      const known = JSON.parse(readFileSync(this.#record, "utf8")) as Stroller;
      return isAlive(known.pid, known.startTime) ? known : undefined;
    } catch {
      return undefined;
    }
  }

  #make(): Stroller {
    for (const place of this.#places) mkdirSync(place, { recursive: true });
    const pid = spawnProcess({ argv: ["sleep", "infinity"], env: process.env, descriptors: [null, null, null], session: true });
    void onExit(pid);
    const stroller = { pid, startTime: processStartTime(pid) ?? "" };
    writeFileSync(this.#record, JSON.stringify(stroller), { mode: 0o600 });
    return stroller;
  }
}
