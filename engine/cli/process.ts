/**
 * The command as a process: its streams, its signals, its exit.
 */
import { writeSync } from "node:fs";
import { runApp } from "./app.ts";
import { ExitError } from "./cli.ts";
import type { Signals, Streams } from "./cli.ts";

const NUMBERS: Partial<Record<NodeJS.Signals, number>> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGTERM: 15 };

/** Signals that a container may want to have (all but those that belong to this process or cannot be caught). */
const FORWARDED: readonly NodeJS.Signals[] = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGTERM",
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
  "SIGCONT",
  "SIGTSTP",
  "SIGTTIN",
  "SIGTTOU",
  "SIGXCPU",
  "SIGXFSZ",
  "SIGVTALRM",
  "SIGIO",
  "SIGPWR",
];

function processSignals(): Signals {
  const abort = new AbortController();
  let taker: ((name: NodeJS.Signals) => void) | undefined;
  for (const [name, number] of Object.entries(NUMBERS))
    process.on(name, () => {
      if (taker) return taker(name as NodeJS.Signals);
      // Asked twice: the command does not react, so leave at once.
      if (abort.signal.aborted) process.exit(128 + number);
      abort.abort(new ExitError(128 + number));
    });
  return {
    ended: abort.signal,
    take(listener) {
      taker = listener;
      const others = FORWARDED.filter((name) => !(name in NUMBERS)).map((name) => {
        const forward = (): void => listener(name);
        process.on(name, forward);
        return () => process.off(name, forward);
      });
      return () => {
        taker = undefined;
        for (const off of others) off();
      };
    },
  };
}

/** This process's streams. Each is made when it is first asked for, which takes time. */
class ProcessStreams implements Streams {
  readonly #used = new Set<NodeJS.WriteStream>();

  get stdin(): NodeJS.ReadStream {
    return process.stdin;
  }

  get stdout(): NodeJS.WriteStream {
    // The reader of a pipe went away: nothing is left to do, as if the signal had ended us.
    const onError = (error: NodeJS.ErrnoException): never => {
      if (error.code !== "EPIPE")
        writeSync(2, `write /dev/stdout: ${error.code === "ENOSPC" ? "no space left on device" : error.message}\n`);
      process.exit(error.code === "EPIPE" ? 141 : 1);
    };
    if (!this.#used.has(process.stdout)) this.#used.add(process.stdout.on("error", onError));
    return process.stdout;
  }

  get stderr(): NodeJS.WriteStream {
    this.#used.add(process.stderr);
    return process.stderr;
  }

  /** What may still have to be written. */
  used(): NodeJS.WriteStream[] {
    return [...this.#used];
  }
}

/**
 * Runs the command line of this process and ends it.
 *
 * @param announced what berth.sh has told the engine of, perhaps: id, FIFO and directory of a build, each on its line
 */
export async function main(announced = ""): Promise<void> {
  const [id, fifo, contextDir] = announced.split("\n");
  const streams = new ProcessStreams();
  const status = await runApp({
    words: process.argv.slice(2),
    streams,
    env: process.env,
    workingDirectory: process.cwd,
    now: Date.now,
    signals: processSignals(),
    announced: id && fifo && contextDir ? { id, fifo, contextDir } : undefined,
  });
  await Promise.all(streams.used().map(written));
  process.exit(status);
}

/** Resolves when everything that was written is with the reader: a socket or a slow pipe takes it later, and exit would drop it. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write("", () => resolve()));
}
