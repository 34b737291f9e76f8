/** Log lines as the engine sends them with times: `<RFC 3339> <text>\n`. */

export interface StampedLine {
  readonly time: string;
  readonly text: string;
}

/** The whole lines of `text`, and what is left of a line that has not ended yet. */
export function parseStampedLines(text: string): { lines: StampedLine[]; unfinished: string } {
  const parts = text.split("\n");
  const unfinished = parts.pop() ?? "";
  const lines = parts.map((line) => {
    const blank = line.indexOf(" ");
    return { time: blank < 0 ? line : line.slice(0, blank), text: blank < 0 ? "" : line.slice(blank + 1).replace(/\r$/, "") };
  });
  return { lines, unfinished };
}
