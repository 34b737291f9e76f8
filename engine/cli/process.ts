/**
 * The command as a process: its streams, its signals, its exit.
 */
import { runApp } from "./app.ts";
import { ExitError } from "./cli.ts";
import type { Signals } from "./cli.ts";

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

/** Runs the command line of this process and ends it. */
export async function main(): Promise<void> {
  // The reader of a pipe went away: nothing is left to do, as if the signal had ended us.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 141 : 1));
  const status = await runApp({
    words: process.argv.slice(2),
    streams: process,
    env: process.env,
    cwd: process.cwd(),
    now: Date.now,
    signals: processSignals(),
  });
  await Promise.all([written(process.stdout), written(process.stderr)]);
  process.exit(status);
}

/** Resolves when everything that was written is with the reader: a socket or a slow pipe takes it later, and exit would drop it. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write("", () => resolve()));
}
