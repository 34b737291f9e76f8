/** Log lines as the engine sends them with times: `<RFC 3339> <text>\n`. */

/** The whole lines of `text`, without what ends them, and what is left of a line that has not ended yet. */
export function stampedLines(text: string): { lines: readonly string[]; unfinished: string } {
  const lines = text.split("\n");
  const unfinished = lines.pop()!;
  // A terminal's lines end with a carriage return as well.
  return { lines: text.includes("\r\n") ? lines.map((line) => line.replace(/\r$/, "")) : lines, unfinished };
}
