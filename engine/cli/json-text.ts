/**
 * JSON laid out for people without being read: every number, escape and order of keys stays as it was written.
 */

/** Indents JSON by four spaces, as Go's json.Indent does. */
export function indentJson(text: string): string {
  let out = "";
  let depth = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{[]\s*[}\]]|[{}[\],:]|[^\s"{}[\],:]+/gs)) {
    if (token === "{" || token === "[") out += token + newline(++depth);
    else if (token === "}" || token === "]") out += newline(--depth) + token;
    else if (token === ",") out += token + newline(depth);
    else if (token === ":") out += ": ";
    else out += /^[{[]\s*[}\]]$/.test(token) ? token[0]! + token.at(-1)! : token;
  }
  return out;
}

function newline(depth: number): string {
  return `\n${"    ".repeat(depth)}`;
}
