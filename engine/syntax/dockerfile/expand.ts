/**
 * Variables, quotes and escapes in a Dockerfile's words, as BuildKit's shell lexer reads them: `$x`, `${x}`,
 * `${x:-word}` `${x-word}` `${x:+word}` `${x+word}` `${x:?word}` `${x?word}`, `${x#p}` `${x##p}` `${x%p}` `${x%%p}`,
 * `${x/p/r}` `${x//p/r}`. Single quotes keep everything, double quotes expand variables, the escape keeps one character.
 * @see https://docs.docker.com/reference/dockerfile/#environment-replacement
 */
import { patternToRegExp, removePrefix, removeSuffix } from "./pattern.ts";

export interface ExpandOptions {
  readonly escape: "\\" | "`";
  /** Quotes are kept as they are. */
  readonly rawQuotes?: boolean;
  /** Escapes are kept as they are. */
  readonly rawEscapes?: boolean;
  /** Quotes are ordinary characters: for heredocs. */
  readonly skipQuotes?: boolean;
  /** `$x` of an unset x stays as it is. */
  readonly keepUnset?: boolean;
}

export interface Expansion {
  readonly text: string;
  /** The text split at unquoted white space, after the expansion. */
  readonly words: readonly string[];
  /** Names that were looked up and found. */
  readonly used: ReadonlySet<string>;
  /** Names that were not found where no `-`, `+` or `?` says what to do then. */
  readonly missing: ReadonlySet<string>;
}

export type Environment = ReadonlyMap<string, string>;

/** Expands `word`; never throws: what is wrong comes back as BuildKit's sentence. */
export function expand(word: string, env: Environment, options: ExpandOptions = { escape: "\\" }): Expansion | { message: string } {
  const lexer = new Lexer(word, env, options);
  try {
    const { text, words } = lexer.until(undefined, options.rawEscapes ?? false);
    return { text, words, used: lexer.used, missing: lexer.missing };
  } catch (error) {
    if (error instanceof LexError) return { message: `failed to process ${JSON.stringify(word)}: ${error.message}` };
    throw error;
  }
}

/** Leaves the lexer's recursion; never leaves this file. */
class LexError extends Error {}

/** Collects words: unquoted white space separates, quoted and escaped characters never do. */
class Words {
  readonly done: string[] = [];
  #word = "";

  add(text: string): void {
    for (const char of text) {
      if (!/\s/.test(char)) this.#word += char;
      else this.end();
    }
  }

  addQuoted(text: string): void {
    this.#word += text;
  }

  end(): string[] {
    if (this.#word !== "") this.done.push(this.#word);
    this.#word = "";
    return this.done;
  }
}

class Lexer {
  readonly used = new Set<string>();
  readonly missing = new Set<string>();
  readonly #chars: readonly string[];
  readonly #env: Environment;
  readonly #options: ExpandOptions;
  #at = 0;

  constructor(word: string, env: Environment, options: ExpandOptions) {
    this.#chars = Array.from(word);
    this.#env = env;
    this.#options = options;
  }

  /** Reads up to `stop` (consumed), or to the end when there is none. */
  until(stop: string | undefined, rawEscapes: boolean): { text: string; words: string[] } {
    const words = new Words();
    let text = "";
    for (;;) {
      const char = this.#peek();
      if (char === undefined && stop === undefined) return { text, words: words.end() };
      if (char === undefined) throw new LexError(`unexpected end of statement while looking for matching ${stop}`);
      if (char === stop) {
        this.#at++;
        return { text, words: words.end() };
      }
      const piece = this.#piece(char, rawEscapes);
      text += piece.text;
      if (piece.quoted) words.addQuoted(piece.text);
      else words.add(piece.text);
    }
  }

  #piece(char: string, rawEscapes: boolean): { text: string; quoted: boolean } {
    const quotes = this.#options.skipQuotes !== true;
    if (char === "$") return { text: this.#dollar(), quoted: false };
    if (quotes && char === "'") return { text: this.#single(), quoted: true };
    if (quotes && char === '"') return { text: this.#double(rawEscapes), quoted: true };
    this.#at++;
    if (char !== this.#options.escape) return { text: char, quoted: false };
    const next = this.#next() ?? "";
    return { text: rawEscapes ? char + next : next, quoted: true };
  }

  #single(): string {
    const start = this.#at;
    const end = this.#chars.indexOf("'", start + 1);
    if (end < 0) throw new LexError("unexpected end of statement while looking for matching single-quote");
    this.#at = end + 1;
    const raw = this.#options.rawQuotes === true;
    return this.#chars.slice(raw ? start : start + 1, raw ? end + 1 : end).join("");
  }

  #double(rawEscapes: boolean): string {
    const quote = this.#options.rawQuotes === true ? '"' : "";
    let out = quote;
    this.#at++;
    for (;;) {
      const char = this.#peek();
      if (char === undefined) throw new LexError("unexpected end of statement while looking for matching double-quote");
      if (char === "$") {
        out += this.#dollar();
        continue;
      }
      this.#at++;
      if (char === '"') return out + quote;
      out += char === this.#options.escape ? this.#escapedInQuotes(char, rawEscapes) : char;
    }
  }

  /** In double quotes only `"`, `$` and the escape itself can be escaped; before others the escape is a character. */
  #escapedInQuotes(escape: string, rawEscapes: boolean): string {
    const next = this.#peek();
    if (next === undefined) return rawEscapes ? escape : "";
    if (next !== '"' && next !== "$" && next !== escape) return rawEscapes ? escape + escape : escape;
    this.#at++;
    return rawEscapes ? escape + next : next;
  }

  #dollar(): string {
    this.#at++;
    if (this.#peek() === "{") return this.#braced();
    const name = this.#name();
    if (name === "") return "$";
    const value = this.#lookUp(name);
    return value ?? (this.#options.keepUnset === true ? `$${name}` : "");
  }

  #braced(): string {
    this.#at++;
    const first = this.#peek();
    if (first === undefined) throw new LexError("syntax error: missing '}'");
    if (first === "{" || first === "}" || first === ":") throw new LexError("syntax error: bad substitution");
    const name = this.#name();
    const operator = this.#next();
    if (operator === "}") {
      const value = this.#lookUp(name);
      return value ?? (this.#options.keepUnset === true ? `\${${name}}` : "");
    }
    if (operator === "/") return this.#replace(name);
    return this.#modified(name, operator);
  }

  #modified(name: string, first: string | undefined): string {
    const orEmpty = first === ":";
    const operator = orEmpty ? this.#next() : first;
    if (operator === undefined) throw new LexError("syntax error: missing '}'");
    const written = `${orEmpty ? ":" : ""}${operator}`;
    if (!"+-?#%".includes(operator) || (orEmpty && "#%".includes(operator))) {
      throw new LexError(`unsupported modifier (${written}) in substitution`);
    }
    const word = this.#inner("}", operator === "#" || operator === "%", "syntax error: missing '}'");
    // With `-`, `+` and `?` a missing variable is expected.
    const value = "+-?".includes(operator) ? this.#env.get(name) : this.#lookUp(name);
    if (value !== undefined) this.used.add(name);
    if (value === undefined && this.#options.keepUnset === true) return `\${${name}${written}${word}}`;
    const set = value !== undefined && !(orEmpty && value === "");
    if (operator === "-") return set ? value : word;
    if (operator === "+") return set ? word : "";
    if (operator === "?") return set ? value : this.#refuse(name, word, value);
    return trim(operator, word, value ?? "");
  }

  #refuse(name: string, word: string, value: string | undefined): never {
    throw new LexError(`${name}: ${word || (value === undefined ? "is not allowed to be unset" : "is not allowed to be empty")}`);
  }

  #replace(name: string): string {
    const all = this.#peek() === "/";
    if (all) this.#at++;
    const pattern = this.#inner("/", true, "syntax error: missing '/' in ${}");
    const replacement = this.#inner("}", true, "syntax error: missing '}'");
    const value = this.#lookUp(name);
    if (value === undefined && this.#options.keepUnset === true) return `\${${name}/${all ? "/" : ""}${pattern}/${replacement}}`;
    const expression = patternToRegExp(pattern, { greedy: true, flags: all ? "gu" : "u" });
    if (!(expression instanceof RegExp)) throw new LexError(`invalid pattern (${pattern}) in substitution: ${expression.message}`);
    return (value ?? "").replace(expression, () => replacement);
  }

  /** `until`, with the sentence for an end that comes too early. */
  #inner(stop: string, rawEscapes: boolean, missing: string): string {
    try {
      return this.until(stop, rawEscapes).text;
    } catch (error) {
      throw this.#peek() === undefined ? new LexError(missing) : error;
    }
  }

  /** A name, a number or one special parameter; empty when none of them stands here. */
  #name(): string {
    const rest = this.#chars.slice(this.#at).join("");
    const name = /^(?:\d+|[@*#?\-$!]|[\p{L}_][\p{L}\p{Nd}_]*)/u.exec(rest)?.[0] ?? "";
    this.#at += Array.from(name).length;
    return name;
  }

  #lookUp(name: string): string | undefined {
    const value = this.#env.get(name);
    (value === undefined ? this.missing : this.used).add(name);
    return value;
  }

  #peek(): string | undefined {
    return this.#chars[this.#at];
  }

  #next(): string | undefined {
    return this.#chars[this.#at++];
  }
}

function trim(operator: string, word: string, value: string): string {
  const greedy = word.startsWith(operator);
  const pattern = greedy ? word.slice(1) : word;
  const result = operator === "#" ? removePrefix(value, pattern, greedy) : removeSuffix(value, pattern, greedy);
  if (typeof result === "string") return result;
  throw new LexError(`invalid pattern (${pattern}) in substitution: ${result.message}`);
}
