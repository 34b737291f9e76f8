/** Cuts an instruction's text into words, flags and JSON elements; every piece knows its offsets in that text. */

export interface Span {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

export interface FlagSpan extends Span {
  readonly name: string;
  readonly value: string | undefined;
}

const blank = (char: string | undefined): boolean => char !== undefined && /\s/.test(char);

/** Words between white space; quotes mean nothing. */
export function splitBlank(text: string, from: number): Span[] {
  return [...text.slice(from).matchAll(/\S+/g)].map((match) => {
    const start = from + match.index;
    return { text: match[0], start, end: start + match[0].length };
  });
}

/** Words between white space outside quotes; quotes and escapes stay in the word for the expansion to read. */
export function splitQuoted(text: string, from: number, escape: string): Span[] {
  const words: Span[] = [];
  let at = from;
  for (;;) {
    while (blank(text[at])) at++;
    if (at >= text.length) return words;
    const end = endOfWord(text, at, escape);
    const word = dropLastEscape(text.slice(at, end), escape);
    if (word !== "") words.push({ text: word, start: at, end });
    at = end;
  }
}

function endOfWord(text: string, start: number, escape: string): number {
  let quote = "";
  let at = start;
  for (; at < text.length; at++) {
    const char = text[at]!;
    if (quote === "" && blank(char)) break;
    if (char === escape && quote !== "'") at++;
    else if (quote !== "" ? char === quote : char === "'" || char === '"') quote = quote === "" ? char : "";
  }
  return Math.min(at, text.length);
}

/** A lone escape at the end of the text escapes nothing. */
function dropLastEscape(word: string, escape: string): string {
  let count = 0;
  while (word[word.length - 1 - count] === escape) count++;
  return count % 2 === 1 ? word.slice(0, -1) : word;
}

/** The `--name=value` words at the front, unquoted, and the offset where the arguments begin. `--` ends the flags. */
export function takeFlags(text: string, from: number): { flags: FlagSpan[]; rest: number } {
  const flags: FlagSpan[] = [];
  let at = from;
  for (;;) {
    while (blank(text[at])) at++;
    if (!text.startsWith("--", at)) return { flags, rest: at };
    const end = endOfWord(text, at, "\\");
    const word = unquote(text.slice(at, end));
    if (word === "--") return { flags, rest: skipBlank(text, end) };
    flags.push({ ...nameAndValue(word), text: word, start: at, end });
    at = end;
  }
}

function skipBlank(text: string, from: number): number {
  let at = from;
  while (blank(text[at])) at++;
  return at;
}

function nameAndValue(word: string): { name: string; value: string | undefined } {
  const equals = word.indexOf("=");
  if (equals < 0) return { name: word.slice(2), value: undefined };
  return { name: word.slice(2, equals), value: word.slice(equals + 1) };
}

/** Removes quotes and the backslashes that escape, as flags are read. */
function unquote(word: string): string {
  let out = "";
  let quote = "";
  for (let at = 0; at < word.length; at++) {
    const char = word[at]!;
    if (char === "\\") out += word[++at] ?? "";
    else if (quote !== "" && char === quote) quote = "";
    else if (quote === "" && (char === "'" || char === '"')) quote = char;
    else out += char;
  }
  return out;
}

/** The elements of a JSON array of strings that is the rest of the text; `other` when it is an array of something else. */
export function jsonArray(text: string, from: number): Span[] | "other" | undefined {
  if (text[from] !== "[") return undefined;
  let values: unknown;
  try {
    values = JSON.parse(text.slice(from));
  } catch {
    return undefined;
  }
  if (!Array.isArray(values)) return undefined;
  if (!values.every((value) => typeof value === "string")) return "other";
  const strings = [...text.slice(from).matchAll(/"(?:[^"\\]|\\.)*"/g)];
  return values.map((value: string, index) => {
    const start = from + strings[index]!.index;
    return { text: value, start, end: start + strings[index]![0].length };
  });
}
