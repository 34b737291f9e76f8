/**
 * A build's events for everybody who asks for its status. What commands print may be more than memory holds: a reader who is
 * behind makes the build wait, and of what all have read only the newest is kept for who comes later. (All of it is in the
 * build's record.)
 */
import type { StatusResponse } from "./messages.ts";

type Event = Partial<StatusResponse>;

/** Printed bytes that a reader may be behind. */
const BEHIND = 1 << 20;
/** Printed bytes that are kept for later readers. */
const KEPT = 2 << 20;

interface Entry {
  /** Undefined when it was let go of. */
  event: Event | undefined;
  /** What it has of what commands printed. */
  readonly bytes: number;
}

interface Reader {
  next: number;
  /** Of what was printed. */
  bytes: number;
}

export class StatusFeed {
  readonly #entries: Entry[] = [];
  #printed = 0;
  /** Everything printed before this place is let go of. */
  #oldest = 0;
  #kept = 0;
  readonly #readers = new Set<Reader>();
  #ended = false;
  #changed = Promise.withResolvers<void>();
  #read = Promise.withResolvers<void>();

  push(event: Event): void {
    this.#add({ event, bytes: 0 });
  }

  /** Like push, for what a command printed. Resolves when there is room for more. */
  print(event: Event, bytes: number): Promise<void> | undefined {
    this.#printed += bytes;
    this.#kept += bytes;
    this.#add({ event, bytes });
    this.#letGo();
    return this.#isFull() ? this.#room() : undefined;
  }

  /** Nothing comes after this. */
  end(): void {
    this.#ended = true;
    this.#changed.resolve();
  }

  /** The events from the beginning, until the end. */
  async *follow(signal: AbortSignal): AsyncGenerator<Event> {
    const reader: Reader = { next: 0, bytes: 0 };
    const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    this.#readers.add(reader);
    try {
      while (!signal.aborted) {
        const changed = this.#changed.promise;
        for (; reader.next < this.#entries.length && !signal.aborted; this.#step(reader)) {
          const { event } = this.#entries[reader.next]!;
          if (event) yield event;
        }
        if (this.#ended) return;
        await Promise.race([changed, aborted]);
      }
    } finally {
      this.#readers.delete(reader);
      this.#wakeWriters();
    }
  }

  #add(entry: Entry): void {
    this.#entries.push(entry);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  #step(reader: Reader): void {
    reader.bytes += this.#entries[reader.next]!.bytes;
    reader.next++;
    this.#wakeWriters();
  }

  #wakeWriters(): void {
    this.#read.resolve();
    this.#read = Promise.withResolvers<void>();
  }

  async #room(): Promise<void> {
    while (this.#isFull()) await this.#read.promise;
    this.#letGo();
  }

  /** Whether the slowest reader has much to read yet. */
  #isFull(): boolean {
    return this.#printed - Math.min(this.#printed, ...[...this.#readers].map(({ bytes }) => bytes)) > BEHIND;
  }

  #letGo(): void {
    const read = Math.min(this.#entries.length, ...[...this.#readers].map(({ next }) => next));
    for (; this.#kept > KEPT && this.#oldest < read; this.#oldest++) {
      const entry = this.#entries[this.#oldest]!;
      if (entry.bytes === 0) continue;
      entry.event = undefined;
      this.#kept -= entry.bytes;
    }
  }
}
