/**
 * What happened, in order. Services publish; the API streams it to clients; nothing inside the engine waits on it.
 * Memory only: the last 256 events can be replayed by `since`, as dockerd does.
 */
export type EventType = "container" | "image" | "volume" | "network" | "builder" | "daemon";

export interface EngineEvent {
  readonly type: EventType;
  /** Docker's action word, e.g. `start`, `die`, `exec_create: sh`. */
  readonly action: string;
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Nanoseconds since the epoch, strictly rising. */
  readonly timeNs: bigint;
}

type Listener = (event: EngineEvent) => void;

export class Events {
  readonly #recent: EngineEvent[] = [];
  readonly #listeners = new Set<Listener>();
  #last = 0n;

  publish(type: EventType, action: string, id: string, attributes: Record<string, string> = {}): void {
    const now = BigInt(Date.now()) * 1_000_000n;
    this.#last = now > this.#last ? now : this.#last + 1n;
    const event: EngineEvent = { type, action, id, attributes, timeNs: this.#last };
    this.#recent.push(event);
    if (this.#recent.length > 256) this.#recent.shift();
    for (const listener of this.#listeners) listener(event);
  }

  /** Events still remembered, oldest first. */
  recent(): readonly EngineEvent[] {
    return this.#recent;
  }

  /** How many listen now. */
  get listeners(): number {
    return this.#listeners.size;
  }

  /** Calls `listener` for each event from now on; the returned function stops it. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
