/**
 * `.env` files and `env_file`s: `KEY=value`, `export KEY=value`, `KEY: value`, a lone `KEY` that is inherited;
 * quotes, escapes, comments, values over several lines, variables.
 */
import { interpolate } from "../syntax/interpolate.ts";

export interface DotenvOptions {
  /** What a variable inside of a value means; what the file said before counts after this. */
  get(name: string): string | undefined;
  onMissing?(name: string): void;
}

/**
 * Adds the variables of `text` to `into`. Keys that begin with a digit are kept.
 *
 * @throws {Error} `line 3: …`
 */
export function parseDotenv(text: string, into: Record<string, string>, options: DotenvOptions): void {
  const parser = new DotenvParser(text.replace(/^\uFEFF/, ""), into, options);
  while (parser.statement());
}

const ESCAPE = /\\(?:[abcfnrtv$"\\]|0\d{0,3})/g;
const ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  '"': '"',
  $: "$$",
};

class DotenvParser {
  readonly #text: string;
  readonly #into: Record<string, string>;
  readonly #options: DotenvOptions;
  #at = 0;

  constructor(text: string, into: Record<string, string>, options: DotenvOptions) {
    this.#text = text;
    this.#into = into;
    this.#options = options;
  }

  /** Reads one statement. @returns false at the end */
  statement(): boolean {
    this.#skip(/(?:\s+|#[^\n]*)*/y);
    if (this.#at >= this.#text.length) return false;
    this.#skip(/export[^\S\n]+/y);
    const start = this.#at;
    const end = this.#keyEnd();
    const stop = this.#text[end];
    const key = this.#text.slice(start, stop === undefined ? this.#text.length : end).trimEnd();
    if (stop === undefined) return this.#lone(key, this.#text.length, start);
    if (key.includes(" ")) throw this.#error(`key cannot contain a space`, end);
    if (stop === "\n") return this.#lone(key, end + 1, start);
    this.#at = end + 1;
    this.#skip(/[^\S\n]*/y);
    this.#into[key] = this.#value();
    return true;
  }

  /** A key without a value takes the one around; at the end of the text it sets an empty name, which no one can see. */
  #lone(key: string, next: number, start: number): boolean {
    if (key.includes(" ")) throw this.#error(`key cannot contain a space`, start);
    const value = this.#options.get(key);
    if (value !== undefined) this.#into[key] = value;
    this.#at = next;
    return this.#at < this.#text.length;
  }

  #keyEnd(): number {
    for (let index = this.#at; index < this.#text.length; index++) {
      const char = this.#text[index] ?? "";
      if (char === "=" || char === ":" || char === "\n") return index;
      if (/[\s_.\-[\]]/.test(char) || /[\p{L}\p{N}]/u.test(char) || /[\uD800-\uDFFF]/.test(char)) continue;
      const line = this.#text.slice(this.#at).split("\n", 1)[0] ?? "";
      throw this.#error(`unexpected character ${JSON.stringify(char)} in variable name ${JSON.stringify(line)}`, index);
    }
    return this.#text.length;
  }

  #value(): string {
    const quote = this.#text[this.#at];
    if (quote === '"' || quote === "'") return this.#quoted(quote);
    const rest = this.#text.slice(this.#at);
    const line = rest.split("\n", 1)[0] ?? "";
    this.#at += line.length + 1;
    return this.#expand((line.split(" #", 1)[0] ?? "").trimEnd());
  }

  #quoted(quote: string): string {
    const start = this.#at;
    let content = "";
    for (let index = start + 1; index < this.#text.length; index++) {
      const char = this.#text[index] ?? "";
      if (char === "\\") {
        const next = this.#text[++index];
        content += next === quote ? next : `\\${next ?? ""}`;
      } else if (char === quote) {
        this.#at = index + 1;
        return quote === '"' ? this.#expand(unescape(content)) : content;
      } else content += char;
    }
    const line = this.#text.slice(start).split("\n", 1)[0] ?? "";
    throw this.#error(`unterminated quoted value ${line}`, this.#text.length);
  }

  #expand(value: string): string {
    const { onMissing } = this.#options;
    return interpolate(value, {
      get: (name) => this.#options.get(name) ?? (Object.hasOwn(this.#into, name) ? this.#into[name] : undefined),
      ...(onMissing ? { onMissing } : {}),
    });
  }

  #skip(pattern: RegExp): void {
    pattern.lastIndex = this.#at;
    this.#at += pattern.exec(this.#text)?.[0].length ?? 0;
  }

  #error(message: string, at: number): Error {
    return new Error(`line ${this.#text.slice(0, at).split("\n").length}: ${message}`);
  }
}

/** `\$` becomes `$$`, which stands for a dollar when variables are replaced. */
function unescape(text: string): string {
  return text.replace(ESCAPE, (match) => {
    if (match.startsWith("\\0")) return match.length === 5 ? String.fromCharCode(Number.parseInt(match.slice(2), 8)) : match;
    return ESCAPES[match[1] ?? ""] ?? match;
  });
}

/**
 * The format of `docker run --env-file`: a line is a variable, nothing is replaced, `#` begins a comment line.
 *
 * @throws {Error} about a line without a usable name
 */
export function parseRawEnv(text: string, into: Record<string, string>, options: DotenvOptions): void {
  for (const raw of text.replace(/^\uFEFF/, "").split("\n")) {
    const line = raw.replace(/\r$/, "").trimStart();
    if (line === "" || line.startsWith("#")) continue;
    const at = line.indexOf("=");
    const key = at < 0 ? line : line.slice(0, at);
    if (key === "") throw new Error(`no variable name on line '${line}'`);
    if (/\s/.test(key)) throw new Error(`variable '${key}' contains whitespaces`);
    const value = at < 0 ? options.get(key) : line.slice(at + 1);
    if (value !== undefined) into[key] = value;
  }
}
