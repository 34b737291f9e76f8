/**
 * Splits a command line like a shell would, without running anything in it: quotes, backslashes, blanks.
 * An operator of the shell (`;`, `&`, `|`, `<`, `>`) ends the words, as in the library that docker compose uses.
 *
 * @throws {Error} `invalid command line string` when a quote or an escape is open
 */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  let word = "";
  let started = false;
  let escaped = false;
  let quote = "";
  for (const char of line) {
    if (escaped) {
      word += char;
      escaped = false;
      started = true;
    } else if (char === "\\" && quote !== "'") escaped = true;
    else if (quote) {
      if (char === quote) quote = "";
      else word += char;
    } else if (/[ \t\r\n]/.test(char)) {
      if (started) words.push(word);
      word = "";
      started = false;
    } else if (char === "'" || char === '"') {
      quote = char;
      started = true;
    } else if (/[;&|<>]/.test(char) && !(char === ">" && /^\d$/.test(word))) {
      if (char === ">" && /^\d/.test(word)) word = "";
      break;
    } else {
      word += char;
      started = true;
    }
  }
  if (quote || escaped) throw new Error("invalid command line string");
  if (started) words.push(word);
  return words;
}
