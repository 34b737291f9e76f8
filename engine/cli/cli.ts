/**
 * What every command works with: its streams, its environment, the engine it talks to.
 */
import type { Readable, Writable } from "node:stream";
import type { Announcement } from "../client/announce.ts";
import type { DockerClient } from "../client/client.ts";
import type { FlagTable, FlagValues } from "./flags.ts";
import type { Settings } from "./settings.ts";

/** Standard input; a terminal has `setRawMode`. */
export type Input = Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };

/** Standard output or error; a terminal knows its size. */
export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };

/** Flags in front of the verb. */
export interface Globals {
  readonly host: string | undefined;
  readonly root: string | undefined;
  readonly context: string | undefined;
  readonly config: string | undefined;
  readonly debug: boolean;
  readonly tls: boolean;
  readonly tlsVerify: boolean;
  readonly tlsCa: string | undefined;
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
}

/** Ends a command with a status of its own. The message may be empty: then nothing is printed. */
export class ExitError extends Error {
  readonly code: number;

  constructor(code: number, message = "") {
    super(message);
    this.code = code;
  }
}

export interface Streams {
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
}

export interface CliOptions {
  readonly streams: Streams;
  readonly env: NodeJS.ProcessEnv;
  /** Asked by who needs it: there is none when it was deleted. */
  readonly workingDirectory: () => string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly globals: Globals;
  readonly signals: Signals;
  readonly connect: (cli: Cli) => Promise<DockerClient>;
  /** The build that this is, perhaps. */
  readonly announced?: Announcement | undefined;
}

/** Signals of this process: they end the command, unless the command has a use for them. */
export interface Signals {
  /** Aborts when a signal has to end the command. */
  readonly ended: AbortSignal;
  /** From now on signals go to `listener` and end nothing; the returned function undoes that. */
  take(listener: (name: NodeJS.Signals) => void): () => void;
}

/** One run of the command. */
export class Cli {
  readonly #options: CliOptions;
  readonly env: NodeJS.ProcessEnv;
  readonly now: () => number;
  readonly globals: Globals;
  readonly signals: Signals;
  readonly announced: Announcement | undefined;
  #client: Promise<DockerClient> | undefined;
  #settings: Promise<Settings> | undefined;

  constructor(options: CliOptions) {
    this.#options = options;
    this.env = options.env;
    this.now = options.now;
    this.globals = options.globals;
    this.signals = options.signals;
    this.announced = options.announced;
  }

  /** The same call, for another engine. */
  withGlobals(globals: Partial<Globals>): Cli {
    return new Cli({ ...this.#options, globals: { ...this.globals, ...globals } });
  }

  /** @throws {Error} in Go's words when it was deleted */
  get cwd(): string {
    try {
      return this.#options.workingDirectory();
    } catch (cause) {
      throw new Error("getwd: no such file or directory", { cause });
    }
  }

  // Streams of a process are made when they are first asked for, which takes time: most commands need one of them.
  get stdin(): Input {
    return this.#options.streams.stdin;
  }

  get stdout(): Output {
    return this.#options.streams.stdout;
  }

  get stderr(): Output {
    return this.#options.streams.stderr;
  }

  /** The engine; started when it is our own and does not run. */
  client(): Promise<DockerClient> {
    this.#client ??= this.#options.connect(this);
    return this.#client;
  }

  /** The user's config.json. */
  settings(): Promise<Settings> {
    this.#settings ??= import("./settings.ts").then(({ readSettings }) => readSettings(this));
    return this.#settings;
  }

  /** Aborts when the user has had enough. */
  get signal(): AbortSignal {
    return this.signals.ended;
  }

  /** Writes to stdout. */
  out(text: string): void {
    this.stdout.write(text);
  }

  /** Writes one line to stdout. */
  print(line: string): void {
    this.stdout.write(`${line}\n`);
  }

  /** Writes one line to stderr. */
  complain(line: string): void {
    this.stderr.write(`${line}\n`);
  }

  /** Copies a stream to stdout without holding it all. */
  async copy(source: AsyncIterable<Uint8Array>): Promise<void> {
    const { drained } = await import("../client/streams.ts");
    for await (const chunk of source) if (!this.stdout.write(chunk)) await drained(this.stdout);
  }

  /** Ends connections that are kept alive. */
  async close(): Promise<void> {
    const client = await this.#client?.catch(() => undefined);
    await client?.close();
  }
}

export interface Call<F extends FlagTable> {
  readonly args: readonly string[];
  readonly flags: FlagValues<F>;
  /** Flags that were given. */
  readonly given: ReadonlySet<string>;
  /** `berth container ls`. */
  readonly path: string;
}

/** How many arguments a command takes. */
export type Arity = readonly [least: number, most: number];

export interface Command {
  /** What follows the command's path; one line a form. */
  readonly usage: string;
  /** The text of its help page, when its summary is not enough. */
  readonly about?: string;
  readonly flags: FlagTable;
  readonly arity: Arity;
  /** False: flags behind the first argument belong to that. */
  readonly interspersed?: boolean;
  /** True: all words behind the command are arguments. */
  readonly raw?: boolean;
  /** Exit status of an unreadable command line. */
  readonly usageStatus?: number;
  run(cli: Cli, call: Call<FlagTable>): Promise<number | void>;
}

/** A command whose calls know the types of its flags. */
export function command<const F extends FlagTable>(
  definition: Omit<Command, "flags" | "run"> & { readonly flags: F; run(cli: Cli, call: Call<F>): Promise<number | void> },
): Command {
  return definition as unknown as Command;
}

/**
 * Does the same to each of many objects; one that fails does not keep the others from their turn.
 * Prints what `action` returns (its name when it returns nothing) and every error. At most 50 at a time, printed in order.
 */
export async function forEach(cli: Cli, names: readonly string[], action: (name: string) => Promise<string | void>): Promise<number> {
  const { describeError } = await import("./errors.ts");
  const results = names.map((name) =>
    action(name).then(
      (text) => ({ text: text ?? name }),
      (error: unknown) => ({ error, text: "" }),
    ),
  );
  let failed = false;
  for (const result of results) {
    const settled = await result;
    if ("error" in settled) {
      if (cli.signal.aborted) throw settled.error;
      failed = true;
      cli.complain(describeError(settled.error));
    } else if (settled.text !== "") cli.print(settled.text);
  }
  return failed ? 1 : 0;
}
