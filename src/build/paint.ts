/** Colors and indents of a build's terminal. */
export const dim = (text: string): string => `\x1b[2m${text}\x1b[22m`;
export const bold = (text: string): string => `\x1b[1m${text}\x1b[22m`;
export const red = (text: string): string => `\x1b[31m${text}\x1b[39m`;
export const green = (text: string): string => `\x1b[32m${text}\x1b[39m`;
export const yellow = (text: string): string => `\x1b[33m${text}\x1b[39m`;
export const cyan = (text: string): string => `\x1b[36m${text}\x1b[39m`;

export const INDENT = "      ";

/** A terminal's line ends. */
export function terminal(text: string): string {
  return text.replace(/\r?\n/g, "\r\n");
}

/** What a step prints, below its heading. @param atStart whether a line begins with it */
export function indentOutput(text: string, atStart: boolean): string {
  return (atStart ? INDENT : "") + terminal(text).replace(/\n(?!$)/g, `\n${INDENT}`);
}
