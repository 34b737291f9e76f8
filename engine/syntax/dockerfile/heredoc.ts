/** Here-documents: `<<NAME` opens one, the lines up to NAME are its content. */
import { expand } from "./expand.ts";
import { splitQuoted } from "./words.ts";
import type { Span } from "./words.ts";

export interface HeredocStart {
  readonly name: string;
  readonly expand: boolean;
  readonly chomp: boolean;
  readonly span: Span;
}

const opening = /^\d*<<(-?)([^<]+)$/;

/** The heredoc that a word opens, or undefined. */
export function heredocOf(span: Span, escape: "\\" | "`"): HeredocStart | undefined {
  const match = opening.exec(span.text);
  if (!match) return undefined;
  const plain = expand(match[2]!, new Map(), { escape, keepUnset: true });
  const raw = expand(match[2]!, new Map(), { escape, keepUnset: true, rawQuotes: true, rawEscapes: true });
  if ("message" in plain || "message" in raw || plain.words.length !== 1) return undefined;
  return { name: plain.words[0]!, expand: plain.words[0] === raw.words[0], chomp: match[1] === "-", span };
}

/** All heredocs that the words of a line open, in order. */
export function heredocStarts(text: string, from: number, escape: "\\" | "`"): HeredocStart[] {
  if (!text.includes("<<", from)) return [];
  return splitQuoted(text, from, escape).flatMap((span) => heredocOf(span, escape) ?? []);
}

/** The content without its leading tabs, for `<<-`. */
export function chompTabs(content: string): string {
  return content.replaceAll(/^\t+/gm, "");
}

/** Whether a RUN's command line is a heredoc and nothing else. */
export function wholeHeredoc(text: string): boolean {
  return heredocOf({ text, start: 0, end: text.length }, "\\") !== undefined;
}
