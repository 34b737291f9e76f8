/** Shell patterns of `${x#pattern}`: `*` and `?`, each literal after a backslash. */

/** A regular expression for `pattern`, or what is wrong with it. */
export function patternToRegExp(pattern: string, options: { greedy: boolean; flags?: string }): RegExp | { message: string } {
  const star = options.greedy ? ".*" : ".*?";
  let source = "";
  const chars = Array.from(pattern);
  for (let at = 0; at < chars.length; at++) {
    let char = chars[at]!;
    if (char === "*" || char === "?") {
      source += char === "*" ? star : ".";
      continue;
    }
    if (char === "\\") {
      char = chars[++at] ?? "";
      // Slash and brace need the escape for `${}`, not for the pattern.
      if (!"*?\\/}".includes(char) || char === "") return { message: `invalid escape '\\${char}'` };
    }
    source += char.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  }
  return new RegExp(source, options.flags ?? "u");
}

/** `${x#pattern}`, with `greedy` `${x##pattern}`. */
export function removePrefix(value: string, pattern: string, greedy: boolean): string | { message: string } {
  const expression = patternToRegExp(pattern, { greedy });
  if (!(expression instanceof RegExp)) return expression;
  return value.replace(new RegExp(`^(?:${expression.source})`, "u"), "");
}

/** `${x%pattern}`, with `greedy` `${x%%pattern}`: the shortest suffix that matches starts last. */
export function removeSuffix(value: string, pattern: string, greedy: boolean): string | { message: string } {
  const expression = patternToRegExp(pattern, { greedy: true });
  if (!(expression instanceof RegExp)) return expression;
  const whole = new RegExp(`^(?:${expression.source})$`, "u");
  const starts = offsetsOf(value);
  const start = (greedy ? starts : starts.reverse()).find((offset) => whole.test(value.slice(offset)));
  return start === undefined ? value : value.slice(0, start);
}

/** Where each character begins, and the end. */
function offsetsOf(value: string): number[] {
  const offsets = [0];
  for (const char of value) offsets.push(offsets.at(-1)! + char.length);
  return offsets;
}
