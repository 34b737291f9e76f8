/**
 * Values that somebody who builds again soon would otherwise read from disk: the last ones, as long as they are together not
 * too heavy. What is kept here can be had again.
 */

/** Somebody who has not built for so long does not wait for one more second, and others may use the memory. */
const KEPT_MS = 10 * 60_000;

export class Recent<T> {
  readonly #most: number;
  readonly #values = new Map<string, { readonly value: T; readonly weight: number }>();
  #weight = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param most weight of all values together; a heavier one is not kept */
  constructor(most: number) {
    this.#most = most;
  }

  get(name: string): T | undefined {
    return this.#values.get(name)?.value;
  }

  set(name: string, value: T, weight: number): void {
    this.#drop(name);
    this.#values.set(name, { value, weight });
    this.#weight += weight;
    for (const oldest of this.#values.keys()) {
      if (this.#weight <= this.#most) break;
      this.#drop(oldest);
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#clear(), KEPT_MS).unref();
  }

  #drop(name: string): void {
    this.#weight -= this.#values.get(name)?.weight ?? 0;
    this.#values.delete(name);
  }

  #clear(): void {
    this.#values.clear();
    this.#weight = 0;
  }
}
