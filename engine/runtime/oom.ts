/** Whether the kernel killed a container's process for lack of memory. The container's cgroup is gone when its end is known. */
import { closeSync, existsSync, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { makeEventDescriptor } from "../host/descriptor.ts";
import { EPOLL } from "../host/epoll.ts";
import type { Pump } from "./pump.ts";

export interface OomWatch {
  /** To be asked when the process has ended. */
  killed(exitCode: number): boolean;
  close(): void;
}

const NOTHING: OomWatch = { killed: () => false, close: () => undefined };

/** Begins to watch; the cgroup exists. Without one, or without its memory controller, the answer is always no. */
export function watchOom(pump: Pump, directories: Readonly<Record<string, string>>): OomWatch {
  const { memory, unified } = directories;
  try {
    if (unified && memory) return watchUnified(pump, memory);
    if (memory && existsSync(join(memory, "cgroup.event_control"))) return watchSeparate(pump, memory);
  } catch {
    // The container has ended already.
  }
  return NOTHING;
}

/**
 * Version 1: an event descriptor counts what happens. The end of the cgroup counts too, some time after it, so that an
 * event says that memory ran out if the cgroup is still there, or if it is not the only one. For one event of a cgroup
 * that is gone the machine's counter decides, which nobody needs otherwise.
 */
function watchSeparate(pump: Pump, directory: string): OomWatch {
  const kills = (machineKills ??= new MachineKills());
  const events = makeEventDescriptor();
  const control = openSync(join(directory, "memory.oom_control"), "r");
  let count = 0n;
  let killed = false;
  const take = (): void => {
    const bytes = Buffer.alloc(8);
    try {
      readSync(events, bytes);
      count += bytes.readBigUInt64LE();
      killed ||= count > 1n || existsSync(directory);
    } catch {
      // Nothing happened since.
    }
  };
  const close = (): void => {
    pump.unwatch(events);
    closeSync(events);
    closeSync(control);
  };
  try {
    writeFileSync(join(directory, "cgroup.event_control"), `${events} ${control}`);
  } catch (error) {
    closeSync(events);
    closeSync(control);
    throw error;
  }
  pump.watch(events, take);
  return {
    killed: (exitCode) => {
      take();
      // The event comes before the kill is counted, the end of the process after it.
      if (killed || (exitCode === 137 && count === 1n)) killed = kills.take() || killed;
      return killed;
    },
    close,
  };
}

/** What the kernel killed on the whole machine for lack of memory, as far as it was not of a container that is known. */
class MachineKills {
  #known = this.#count();

  /** Whether there are more of them than when it was asked last. */
  take(): boolean {
    const before = this.#known;
    this.#known = this.#count();
    return this.#known > before;
  }

  #count(): number {
    return killsIn(readText("/proc/vmstat"));
  }
}

let machineKills: MachineKills | undefined;

/** Version 2: the counter is read when it changes; the parent's counter knows what was too late to be read. */
function watchUnified(pump: Pump, directory: string): OomWatch {
  const parent = join(dirname(directory), "memory.events");
  const before = killsIn(readText(parent));
  const events = openSync(join(directory, "memory.events"), "r");
  let killed = false;
  const take = (): void => {
    const text = Buffer.alloc(512);
    try {
      killed ||= killsIn(text.toString("latin1", 0, readSync(events, text, 0, text.length, 0))) > 0;
    } catch {
      // The cgroup is gone.
    }
  };
  take();
  pump.watch(events, take, EPOLL.ERR);
  return {
    killed: (exitCode) => killed || (exitCode === 137 && killsIn(readText(parent)) > before),
    close: () => {
      pump.unwatch(events);
      closeSync(events);
    },
  };
}

function killsIn(text: string): number {
  return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
