/** What a process gives back when it has nothing to do: dead objects, free memory of the C library, and pages of its program. */
import { readFileSync } from "node:fs";
import { collectAll } from "./buffers.ts";
import { declare } from "./libc.ts";

const madvise = declare("int madvise(uintptr_t address, size_t length, int advice)");
const mallocTrim = declare("int malloc_trim(size_t pad)");
const DONT_NEED = 4;

/** Calls rest() each time that `ms` have passed since the last call of what it returns. Keeps no process alive. */
export function restAfter(ms: number): () => void {
  let timer: NodeJS.Timeout | undefined;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(rest, ms).unref();
  };
}

/** Shorter mappings are not worth the call. */
const LEAST_BYTES = 256 << 10;

export interface Mapping {
  readonly start: number;
  readonly length: number;
}

/**
 * Gives back what can be had again: takes some milliseconds now, and less than one more when work begins.
 * Program code that is not running is in the page cache anyway; what is let go of is only this process's share of it.
 */
export function rest(): void {
  collectAll();
  try {
    mallocTrim(0);
  } catch {
    // musl has no such function, and keeps little.
  }
  for (const { start, length } of droppable(readFileSync("/proc/self/smaps", "utf8"))) madvise(start, length, DONT_NEED);
}

/**
 * Mappings of files that hold nothing but the file's bytes: never written to, neither in memory nor in swap.
 * @param smaps text of /proc/PID/smaps
 */
export function droppable(smaps: string): Mapping[] {
  const blocks = smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  return blocks.flatMap((block) => {
    const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) r-[-x]p \S+ \S+ [1-9]\d* +\//.exec(block) ?? [];
    if (from === undefined || to === undefined) return [];
    const written = [...block.matchAll(/^(?:Anonymous|Private_Dirty|Shared_Dirty|Swap|Locked):\s+(\d+) kB$/gm)];
    if (written.length === 0 || written.some(([, kb]) => kb !== "0")) return [];
    const [start, length] = [Number.parseInt(from, 16), Number.parseInt(to, 16) - Number.parseInt(from, 16)];
    return length >= LEAST_BYTES ? [{ start, length }] : [];
  });
}
