/**
 * What a build leaves to be done once whoever waited for it has his answer: files that only save time are written down, dead
 * objects are collected before the next build would have to. Lost with the process, which costs time only.
 */
import { collectMost } from "../host/buffers.ts";

/** Until the answer is with the client, on whose processor this would else run. */
const LATER_MS = 50;

/** Until dead objects are collected: who builds again and again does not wait for that. */
const REST_MS = 500;

/** Less garbage than this is left to the usual collections. */
const MUCH_GARBAGE = 6 << 20;

export class Later {
  readonly #works = new Map<string, () => Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #turn = 0;
  #clean = process.memoryUsage().heapUsed;

  /** Does `work` at the next run(), unless by then there is another one of the same name. What it throws is of no interest. */
  do(name: string, work: () => Promise<void>): void {
    this.#works.set(name, work);
  }

  /** Soon does everything that was left, unless postpone() or another run() comes first. */
  run(ms = LATER_MS): void {
    this.postpone();
    this.#timer = setTimeout(() => void this.#all(this.#turn), ms).unref();
  }

  /** Somebody waits again. */
  postpone(): void {
    this.#turn++;
    clearTimeout(this.#timer);
  }

  async #all(turn: number): Promise<void> {
    for (const [name, work] of this.#works) {
      if (turn !== this.#turn) return;
      this.#works.delete(name);
      await work().catch(() => undefined);
      await new Promise(setImmediate);
    }
    if (turn === this.#turn) this.#timer = setTimeout(() => this.#collect(), REST_MS).unref();
  }

  #collect(): void {
    const used = process.memoryUsage().heapUsed;
    if (used - this.#clean < MUCH_GARBAGE) return void (this.#clean = Math.min(this.#clean, used));
    collectMost();
    this.#clean = process.memoryUsage().heapUsed;
  }
}
