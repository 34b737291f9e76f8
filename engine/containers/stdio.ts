/** The ends of a task's stdio as streams that clients are joined to. */
import { Writable } from "node:stream";
import type { Readable } from "node:stream";
import type { Task } from "../runtime/runtime.ts";
import type { OutputChunk, StreamName } from "./containers.ts";

/** What inherited a process's output may keep it open; nobody waits longer for it than this. */
const LINGER_MS = 2000;

/**
 * Input for a task that may only be about to start. Ending it ends the process's stdin when `closes`; destroying it does
 * not, so that somebody else can go on. What is written after the process has ended is thrown away.
 */
export function stdinOf(task: Promise<Task>, options: { closes: boolean }): Writable {
  let pipe: Writable | undefined;
  const open = async (): Promise<Writable | undefined> => {
    pipe ??= (await task).openStdin();
    return pipe;
  };
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      open().then(
        (out) => (out && !out.destroyed ? out.write(chunk, () => done()) : done()),
        () => done(),
      );
    },
    final(done) {
      open().then(
        (out) => {
          const close = async (): Promise<void> => {
            if (options.closes) (await task).closeStdin();
            done();
          };
          if (out && !out.destroyed) out.end(() => void close());
          else void close();
        },
        () => done(),
      );
    },
    destroy(error, done) {
      pipe?.destroy();
      done(error);
    },
  });
}

/**
 * Output of a task with streams, in the order of arrival and no faster than it is taken. Ends when all of it was given:
 * when the streams end, or when the process has ended and nothing came for a while.
 */
export async function* outputOf(task: Task): AsyncGenerator<OutputChunk> {
  const sources: { stream: StreamName; readable: Readable; ended: boolean }[] = [];
  const wake = new Wake();
  for (const [stream, readable] of [["stdout", task.stdout] as const, ["stderr", task.stderr] as const]) {
    if (!readable) continue;
    const source = { stream, readable, ended: false };
    sources.push(source);
    readable.on("readable", () => wake.now());
    for (const event of ["end", "close", "error"]) readable.on(event, () => wake.now((source.ended = true)));
  }
  let exited = false;
  void task.exit.then(() => wake.now((exited = true)));
  try {
    for (;;) {
      let quiet = true;
      for (const { stream, readable } of sources) {
        const data = readable.read() as Buffer | null;
        if (data === null) continue;
        quiet = false;
        yield { stream, data };
      }
      if (!quiet) continue;
      if (sources.every(({ ended }) => ended)) return;
      if (!(await wake.wait(exited ? LINGER_MS : undefined)) && exited) return;
    }
  } finally {
    for (const { readable } of sources) readable.destroy();
  }
}

/** Lets one waiter sleep until something happened since it last woke. */
class Wake {
  #happened = false;
  #resolve: ((happened: boolean) => void) | undefined;

  now(_because?: unknown): void {
    this.#happened = true;
    this.#resolve?.(true);
  }

  /** False when nothing happened in time. */
  async wait(timeoutMs: number | undefined): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    if (!this.#happened)
      await new Promise<boolean>((resolve) => {
        this.#resolve = resolve;
        if (timeoutMs !== undefined) timer = setTimeout(() => resolve(false), timeoutMs);
      });
    clearTimeout(timer);
    this.#resolve = undefined;
    const happened = this.#happened;
    this.#happened = false;
    return happened;
  }
}
