/** One container in memory: its record, its log, the task that runs, and who waits for it. */
import type { LogFile } from "../runtime/log-file.ts";
import type { Task } from "../runtime/runtime.ts";
import type { ContainerRecord } from "./containers.ts";

export interface ExitResult {
  readonly statusCode: number;
  readonly error?: string;
}

interface Waiting {
  readonly condition: "not-running" | "next-exit" | "removed";
  readonly resolve: (result: ExitResult) => void;
}

export class Entry {
  readonly record: ContainerRecord;
  readonly log: LogFile;
  #task: Task | undefined;
  /** A user's stop: the restart policy does not apply to the next exit. */
  stopRequested = false;
  /** `--rm` does not apply to the next exit: the container is restarted. */
  keep = false;
  /** Ends the wait between two restarts. */
  cancelRestart: (() => void) | undefined;
  /** Stops whatever watches the running container (health checks). */
  stopWatching: (() => void) | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #start: Promise<unknown> = Promise.resolve();
  #starting: ((task: Task) => void)[] = [];
  #waiting: Waiting[] = [];

  constructor(record: ContainerRecord, log: LogFile) {
    this.record = record;
    this.log = log;
  }

  get id(): string {
    return this.record.id;
  }

  /** While a process of the container runs, or has ended and is not yet recorded. */
  get task(): Task | undefined {
    return this.#task;
  }

  set task(task: Task | undefined) {
    this.#task = task;
    if (!task) return;
    for (const resolve of this.#starting) resolve(task);
    this.#starting = [];
  }

  /** The task that runs, or the next one. */
  nextTask(): Promise<Task> {
    return this.#task ? Promise.resolve(this.#task) : new Promise((resolve) => this.#starting.push(resolve));
  }

  /** Running, paused or between two restarts. */
  get isUp(): boolean {
    return ["running", "paused", "restarting"].includes(this.record.state.status);
  }

  /** Runs one operation after the other; an operation must not wait for another of the same container. */
  async inTurn<T>(operation: () => Promise<T>): Promise<T> {
    const mine = this.#queue.then(operation, operation);
    this.#queue = mine.catch(() => undefined);
    return mine;
  }

  /** A start as its user asked for it, in its turn. Whoever asks something of the container meanwhile waits for it: started(). */
  async start(operation: () => Promise<void>): Promise<void> {
    const start = this.inTurn(operation);
    this.#start = start.catch(() => undefined);
    return start;
  }

  /** Resolves when no start is under way, whether it succeeded or not. */
  async started(): Promise<void> {
    await this.#start;
  }

  /** Resolves on the next event of that kind; the returned function gives the place up. */
  wait(condition: Waiting["condition"], resolve: Waiting["resolve"]): () => void {
    const waiting = { condition, resolve };
    this.#waiting.push(waiting);
    return () => (this.#waiting = this.#waiting.filter((each) => each !== waiting));
  }

  /** Tells those who wait for one of the conditions. */
  notify(conditions: readonly Waiting["condition"][], result: ExitResult): void {
    const told = this.#waiting.filter(({ condition }) => conditions.includes(condition));
    this.#waiting = this.#waiting.filter(({ condition }) => !conditions.includes(condition));
    for (const { resolve } of told) resolve(result);
  }
}
