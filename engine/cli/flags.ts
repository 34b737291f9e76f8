/**
 * Flags as docker reads them (pflag): `--name value`, `--name=value`, `-n value`, `-nvalue`, `-abc`, `--switch=false`, `--`.
 * A command's flags are one table, from which both the parser and the help text are made.
 */
import { parseDuration } from "../syntax/duration.ts";
import { parseBytes } from "../syntax/size.ts";

export interface FlagOptions<T> {
  readonly short?: string;
  /** The word after the name in help. */
  readonly type?: string;
  readonly initial?: T;
  /** Shown as `(default …)`. */
  readonly defaultText?: string;
  /** Understood, but not in help. */
  readonly hidden?: boolean;
  /** Another name of the same flag. */
  readonly alias?: string;
  /** Whoever writes the other name is told of the right one. */
  readonly aliasDeprecated?: boolean;
  /** @throws {Error} saying why a value cannot be taken */
  readonly check?: (text: string) => void;
}

export interface Flag<T> extends FlagOptions<T> {
  readonly help: string;
  readonly type: string;
  readonly initial: T;
  /** The value after `text` was given. @throws {Error} saying why it cannot be taken */
  read(text: string, before: T): T;
}

export type FlagTable = Readonly<Record<string, Flag<unknown>>>;

export type FlagValues<F extends FlagTable> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

export interface ParsedFlags<F extends FlagTable> {
  readonly flags: FlagValues<F>;
  /** Names that were given. */
  readonly given: ReadonlySet<string>;
  readonly args: readonly string[];
  /** What the user should know of how the flags were written. */
  readonly notices: readonly string[];
}

/** A command line that cannot be read; the message is pflag's. */
export class FlagError extends Error {}

/** `--help` was among the flags. */
export class HelpRequested extends Error {
  readonly short: boolean;

  constructor(short: boolean) {
    super("help requested");
    this.short = short;
  }
}

const TRUE = ["1", "t", "T", "true", "TRUE", "True"];
const FALSE = ["0", "f", "F", "false", "FALSE", "False"];

/** On or off. */
export function bool(help: string, options: FlagOptions<boolean> = {}): Flag<boolean> {
  const read = (text: string): boolean => {
    if (TRUE.includes(text)) return true;
    if (FALSE.includes(text)) return false;
    throw new Error(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
  };
  return { initial: false, ...options, type: "", help, read };
}

/** One text; the last one given counts. */
export function text(help: string, options: FlagOptions<string> = {}): Flag<string> {
  return {
    type: "string",
    initial: "",
    ...options,
    help,
    read: (value) => (options.check?.(value), value),
  };
}

/** A whole number; undefined when it was not given. */
export function int(help: string, options: FlagOptions<number | undefined> = {}): Flag<number | undefined> {
  const read = options.type === "uint16" ? parseUnsigned : parseInteger;
  return { type: "int", initial: undefined, ...options, help, read };
}

function parseInteger(value: string): number {
  if (!/^[+-]?(0x[\da-f]+|\d+)$/i.test(value)) throw notANumber("ParseInt", value, "invalid syntax");
  if (Math.abs(Number(value)) > 2 ** 63) throw notANumber("ParseInt", value, "value out of range");
  return Number(value);
}

/** Of 16 bits, without a sign. */
function parseUnsigned(value: string): number {
  if (!/^(0x[\da-f]+|\d+)$/i.test(value)) throw notANumber("ParseUint", value, "invalid syntax");
  if (Number(value) > 0xffff) throw notANumber("ParseUint", value, "value out of range");
  return Number(value);
}

/** Go's sentence. */
function notANumber(call: string, value: string, why: string): Error {
  return new Error(`strconv.${call}: parsing ${JSON.stringify(value)}: ${why}`);
}

/** Any number of texts. */
export function list(help: string, options: FlagOptions<readonly string[]> = {}): Flag<readonly string[]> {
  return {
    type: "list",
    initial: [],
    ...options,
    help,
    read: (value, before) => (options.check?.(value), [...before, value]),
  };
}

/** Any number of texts, also several in one, with commas between them. */
export function strings(help: string, options: FlagOptions<readonly string[]> = {}): Flag<readonly string[]> {
  return { type: "strings", initial: [], ...options, help, read: (value, before) => [...before, ...value.split(",")] };
}

/** `key=value` pairs; a key alone has an empty value. */
export function map(help: string, options: FlagOptions<Readonly<Record<string, string>>> = {}): Flag<Readonly<Record<string, string>>> {
  const read = (value: string, before: Readonly<Record<string, string>>): Record<string, string> => {
    options.check?.(value);
    const at = value.indexOf("=");
    return at < 0 ? { ...before, [value]: "" } : { ...before, [value.slice(0, at)]: value.slice(at + 1) };
  };
  return { type: "map", initial: {}, defaultText: "map[]", ...options, help, read };
}

/** `name=value` conditions of a list, a prune or events. */
export function filter(
  help: string,
  options: FlagOptions<Readonly<Record<string, readonly string[]>>> = {},
): Flag<Readonly<Record<string, readonly string[]>>> {
  const read = (value: string, before: Readonly<Record<string, readonly string[]>>): Record<string, readonly string[]> => {
    const at = value.indexOf("=");
    if (value === "") return { ...before };
    if (at < 0) throw new Error("bad format of filter (expected name=value)");
    const name = value.slice(0, at).trim().toLowerCase();
    return { ...before, [name]: [...(before[name] ?? []), value.slice(at + 1).trim()] };
  };
  return { type: "filter", initial: {}, ...options, help, read };
}

/** Bytes; undefined when it was not given. */
export function bytes(help: string, options: FlagOptions<number | undefined> = {}): Flag<number | undefined> {
  return { type: "bytes", initial: undefined, ...options, help, read: parseBytes };
}

/** Bytes, or -1 for no limit. */
export function swapBytes(help: string, options: FlagOptions<number | undefined> = {}): Flag<number | undefined> {
  return { ...bytes(help, options), read: (value) => (value === "-1" ? -1 : parseBytes(value)) };
}

/** Nanoseconds; undefined when it was not given. */
export function duration(help: string, options: FlagOptions<number | undefined> = {}): Flag<number | undefined> {
  return { type: "duration", initial: undefined, ...options, help, read: (text) => parseDuration(text) };
}

/** CPUs as billionths, e.g. `0.5`. */
export function cpus(help: string, options: FlagOptions<number | undefined> = {}): Flag<number | undefined> {
  const read = (value: string): number => {
    if (!/^[-+]?\d*\.?\d+$/.test(value)) throw new Error(`failed to parse ${value} as a rational number`);
    const nano = Number(value) * 1e9;
    if (Math.abs(nano - Math.round(nano)) > 1e-3) throw new Error("value is too precise");
    return Math.round(nano);
  };
  return { type: "decimal", initial: undefined, ...options, help, read };
}

export interface ParseOptions {
  /** False stops at the first argument: what follows belongs to somebody else. */
  readonly interspersed?: boolean;
}

/**
 * Reads a command line by a table of flags.
 *
 * @throws {FlagError} in pflag's words
 * @throws {HelpRequested}
 */
export function parseFlags<F extends FlagTable>(table: F, words: readonly string[], options: ParseOptions = {}): ParsedFlags<F> {
  return new FlagParser(table, words, options.interspersed ?? true).parse() as ParsedFlags<F>;
}

class FlagParser {
  readonly #table: FlagTable;
  readonly #words: readonly string[];
  readonly #interspersed: boolean;
  readonly #values: Record<string, unknown> = {};
  readonly #given = new Set<string>();
  readonly #args: string[] = [];
  readonly #notices: string[] = [];
  #at = 0;

  constructor(table: FlagTable, words: readonly string[], interspersed: boolean) {
    this.#table = table;
    this.#words = words;
    this.#interspersed = interspersed;
    for (const [name, flag] of Object.entries(table)) this.#values[name] = flag.initial;
  }

  parse(): ParsedFlags<FlagTable> {
    while (this.#at < this.#words.length) {
      const word = this.#words[this.#at++]!;
      if (word === "--") this.#takeRest();
      else if (word.startsWith("--")) this.#long(word);
      else if (word.startsWith("-") && word !== "-") this.#shorts(word.slice(1));
      else if (this.#interspersed) this.#args.push(word);
      else {
        this.#at--;
        this.#takeRest();
      }
    }
    return { flags: this.#values, given: this.#given, args: this.#args, notices: this.#notices };
  }

  #takeRest(): void {
    this.#args.push(...this.#words.slice(this.#at));
    this.#at = this.#words.length;
  }

  #long(word: string): void {
    const at = word.indexOf("=");
    const written = at < 0 ? word.slice(2) : word.slice(2, at);
    const name = Object.hasOwn(this.#table, written) ? written : this.#aliased(written);
    if (name && name !== written && this.#table[name]!.aliasDeprecated)
      this.#notices.push(`Flag --${written} has been deprecated, use --${name} instead`);
    if (!name) {
      if (written === "help") throw new HelpRequested(false);
      if (!/^[\w]/.test(written)) throw new FlagError(`bad flag syntax: ${word}`);
      throw new FlagError(`unknown flag: --${written}`);
    }
    if (at >= 0) return this.#set(name, word.slice(at + 1));
    if (this.#table[name]!.type === "") return this.#set(name, "true");
    const value = this.#words[this.#at++];
    if (value === undefined) throw new FlagError(`flag needs an argument: --${written}`);
    this.#set(name, value);
  }

  #aliased(name: string): string | undefined {
    return Object.keys(this.#table).find((key) => this.#table[key]!.alias === name);
  }

  /** One or more one-letter flags behind one dash. */
  #shorts(letters: string): void {
    for (let at = 0; at < letters.length; at++) {
      const letter = letters[at]!;
      const name = Object.keys(this.#table).find((key) => this.#table[key]!.short === letter);
      if (!name) {
        if (letter === "h") throw new HelpRequested(true);
        throw new FlagError(`unknown shorthand flag: '${letter}' in -${letters}`);
      }
      const rest = letters.slice(at + 1);
      if (rest.startsWith("=")) return this.#set(name, rest.slice(1));
      if (this.#table[name]!.type === "") this.#set(name, "true");
      else return this.#set(name, rest || this.#next(letter, letters));
    }
  }

  #next(letter: string, letters: string): string {
    const value = this.#words[this.#at++];
    if (value === undefined) throw new FlagError(`flag needs an argument: '${letter}' in -${letters}`);
    return value;
  }

  #set(name: string, value: string): void {
    const flag = this.#table[name]!;
    try {
      this.#values[name] = flag.read(value, this.#values[name]);
    } catch (error) {
      const shown = flag.short ? `-${flag.short}, --${name}` : `--${name}`;
      throw new FlagError(`invalid argument ${JSON.stringify(value)} for "${shown}" flag: ${(error as Error).message}`);
    }
    this.#given.add(name);
  }
}
