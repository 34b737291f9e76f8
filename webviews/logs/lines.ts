/** Which lines are shown. Pure, so that it can be thought about without a page. */
import type { LogRecord } from "../protocol.ts";

/** More than this is the terminal's business: a page is for looking around. */
export const MOST_LINES = 20_000;

/**
 * A test for lines that the person is looking for: a regular expression without regard to case, or the text itself where
 * it is none (yet).
 */
export function matcher(wanted: string): (line: LogRecord) => boolean {
  if (wanted === "") return () => true;
  try {
    const pattern = new RegExp(wanted, "i");
    return ({ text }) => pattern.test(text);
  } catch {
    const plain = wanted.toLowerCase();
    return ({ text }) => text.toLowerCase().includes(plain);
  }
}
