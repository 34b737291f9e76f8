/**
 * Runs steps as soon as what they come after is done, so many at a time as is allowed.
 */

export interface Node {
  readonly id: string;
  readonly after: readonly string[];
}

export interface DagOptions {
  /** Steps at the same time; those that only wait do not count. */
  readonly parallel: number;
  readonly signal: AbortSignal;
  /** From its abort on nothing begins and nothing waits any more; what has begun goes on to its end. */
  readonly enough?: AbortSignal | undefined;
}

/**
 * Runs every node once. The first failure aborts what has begun (by the signal that `run` gets) and keeps the rest from beginning.
 *
 * @param waits whether a node does nothing but wait
 * @throws the first failure
 */
export async function runDag<T extends Node>(
  nodes: readonly T[],
  run: (node: T, signal: AbortSignal) => Promise<void>,
  options: DagOptions & { waits?: (node: T) => boolean },
): Promise<void> {
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const slots = new Slots(options.parallel);
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const done = new Map<string, Promise<void>>();
  let failure: { error: unknown } | undefined;
  const start = async (node: T): Promise<void> => {
    await Promise.all(node.after.flatMap((id) => begin(byId.get(id)) ?? []));
    const { enough } = options;
    const over = (): boolean => signal.aborted || enough?.aborted === true;
    if (over()) return;
    const waits = options.waits?.(node) ?? false;
    try {
      if (waits) await run(node, enough ? AbortSignal.any([signal, enough]) : signal);
      else await slots.use(() => (over() ? Promise.resolve() : run(node, signal)));
    } catch (error) {
      if (waits && enough?.aborted) return;
      failure ??= { error };
      failed.abort(error);
    }
  };
  const begin = (node: T | undefined): Promise<void> | undefined => {
    if (!node) return undefined;
    // Known before it runs: whoever comes after it waits for this very promise.
    const running = done.get(node.id) ?? Promise.resolve().then(() => start(node));
    done.set(node.id, running);
    return running;
  };
  for (const node of nodes) void begin(node);
  await Promise.all(done.values());
  options.signal.throwIfAborted();
  if (failure) throw failure.error;
}

/** Lets so many in at a time. */
export class Slots {
  #free: number;
  readonly #queue: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async use<T>(action: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#queue.push(resolve));
    try {
      return await action();
    } finally {
      const next = this.#queue.shift();
      if (next) next();
      else this.#free++;
    }
  }
}

/** Does something with each item, so many at a time; the first failure is thrown when all that has begun is over. */
export async function withinLimit<T>(items: readonly T[], parallel: number, action: (item: T) => Promise<void>): Promise<void> {
  const slots = new Slots(parallel);
  const results = await Promise.allSettled(items.map((item) => slots.use(() => action(item))));
  const failed = results.find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
}
