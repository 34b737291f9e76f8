/**
 * Go template text → literal text and the tokens of its actions.
 * @see https://pkg.go.dev/text/template
 */

/** A format that cannot be read or run; its message is Go's. */
export class TemplateError extends Error {}

export type TokenKind = "field" | "variable" | "name" | "string" | "char" | "number" | "punctuation";

export interface Token {
  readonly kind: TokenKind;
  /** Without the dot of a field; a string's value. */
  readonly text: string;
  /** As written. */
  readonly source: string;
  /** A space in front separates `.A .B` from `.A.B`. */
  readonly spaced: boolean;
  /** Where it begins in the template. */
  readonly at: number;
}

export type Piece = { readonly text: string } | { readonly tokens: readonly Token[] };

const TOKEN =
  /(\s*)(?:(\$[\p{L}\p{N}_]*)|\.([\p{L}_][\p{L}\p{N}_]*)|("(?:[^"\\\n]|\\.)*")|(`[^`]*`)|('(?:[^'\\\n]|\\.)*')|([+-]?(?:0x[\da-fA-F]+|\d+(?:\.\d+)?(?:e[+-]?\d+)?))|([\p{L}_][\p{L}\p{N}_]*)|(:=|[.|(),=]))/uy;

/** Splits a template into text and actions; comments vanish and `{{-`, `-}}` trim. @throws {TemplateError} */
export function splitTemplate(source: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  let trimNext = false;
  while (at < source.length) {
    const open = source.indexOf("{{", at);
    let text = source.slice(at, open < 0 ? undefined : open);
    if (trimNext) text = text.trimStart();
    const trimBefore = open >= 0 && /^-\s/.test(source.slice(open + 2, open + 4));
    if (trimBefore) text = text.trimEnd();
    if (text !== "") pieces.push({ text });
    if (open < 0) break;
    const start = open + (trimBefore ? 3 : 2);
    const { tokens, end, trim } = readAction(source, start);
    if (tokens) pieces.push({ tokens });
    at = end;
    trimNext = trim;
  }
  return pieces;
}

function readAction(source: string, start: number): { tokens: Token[] | null; end: number; trim: boolean } {
  const comment = /^\s*\/\*[\s\S]*?\*\/\s*(-?)\}\}/.exec(source.slice(start));
  if (comment) return { tokens: null, end: start + comment[0].length, trim: comment[1] === "-" };
  const tokens: Token[] = [];
  let at = start;
  for (;;) {
    const close = /^\s*(?:\s-)?\}\}/.exec(source.slice(at, at + 80));
    if (close) return { tokens, end: at + close[0].length, trim: close[0].includes("-") };
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(source);
    if (!match) throw unreadable(source, at);
    tokens.push(tokenOf(match));
    at = TOKEN.lastIndex;
  }
}

function tokenOf(match: RegExpExecArray): Token {
  const [whole, space = "", variable, field, quoted, raw, char, number, name, punctuation] = match;
  const base = { source: whole.slice(space.length), spaced: space !== "", at: match.index + space.length };
  if (variable !== undefined) return { ...base, kind: "variable", text: variable };
  if (field !== undefined) return { ...base, kind: "field", text: field };
  if (quoted !== undefined) return { ...base, kind: "string", text: unquote(quoted) };
  if (raw !== undefined) return { ...base, kind: "string", text: raw.slice(1, -1) };
  if (char !== undefined) return { ...base, kind: "char", text: unquote(`"${char.slice(1, -1)}"`) };
  if (number !== undefined) return { ...base, kind: "number", text: number };
  if (name !== undefined) return { ...base, kind: "name", text: name };
  return { ...base, kind: "punctuation", text: punctuation ?? "" };
}

function unreadable(source: string, at: number): TemplateError {
  const rest = source.slice(at).trimStart();
  if (rest === "" || rest.startsWith("\n")) return new TemplateError("template: :1: unclosed action");
  if (rest.startsWith('"')) return new TemplateError("template: :1: unterminated quoted string");
  return new TemplateError(`template: :1: unexpected ${JSON.stringify(rest[0])} in operand`);
}

const ESCAPES: Record<string, string> = { n: "\n", t: "\t", r: "\r", a: "\x07", b: "\b", f: "\f", v: "\v" };

/** Go's interpreted string literal. */
export function unquote(literal: string): string {
  return literal.slice(1, -1).replace(/\\(x[\da-fA-F]{2}|u[\da-fA-F]{4}|.)/gs, (_all, escape: string) => {
    if (/^[xu]./.test(escape)) return String.fromCodePoint(Number.parseInt(escape.slice(1), 16));
    return ESCAPES[escape] ?? escape;
  });
}
