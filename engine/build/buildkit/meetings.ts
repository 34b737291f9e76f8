/** Things that two sides bring at different times: who asks for what is not there yet waits for it a while. */
export class Meetings<T> {
  readonly #there = new Map<string, T>();
  readonly #waiting = new Map<string, Set<(value: T) => void>>();
  readonly #patienceMs: number;

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  bring(id: string, value: T): void {
    this.#there.set(id, value);
    for (const resolve of this.#waiting.get(id) ?? []) resolve(value);
    this.#waiting.delete(id);
  }

  get(id: string): T | undefined {
    return this.#there.get(id);
  }

  /** Forgets it, unless it is another one by now. */
  take(id: string, value: T): void {
    if (this.#there.get(id) === value) this.#there.delete(id);
  }

  /** @param missing makes the error when it does not come in time */
  async wait(id: string, missing: () => Error): Promise<T> {
    const there = this.#there.get(id);
    if (there !== undefined) return there;
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(id, waiting);
      const timer = setTimeout(() => {
        waiting.delete(found);
        if (waiting.size === 0) this.#waiting.delete(id);
        reject(missing());
      }, this.#patienceMs);
      const found = (value: T): void => {
        clearTimeout(timer);
        resolve(value);
      };
      waiting.add(found);
    });
  }
}
