/** Which expressions may take for ever on one line, such as `(a+)+$`: all others are tried where the lines are, which is faster. */

/** A repetition of something that repeats itself or has a choice in it, or a reference back: the ways to more steps than anybody waits for. */
export function mayTakeForever(pattern: string): boolean {
  // What is escaped, and sets, stand for one letter each.
  const bare = pattern.replaceAll(/\\[^1-9k]/g, "x").replaceAll(/\[[^\]]*\]/g, "x");
  if (/\\[1-9k]/.test(bare)) return true;
  const inside: boolean[] = [];
  for (let at = 0; at < bare.length; at++) {
    const letter = bare[at]!;
    if (letter === "(") inside.push(false);
    else if (letter === "|" || repeats(bare, at)) inside.fill(true);
    else if (letter === ")" && inside.pop() === true && repeats(bare, at + 1)) return true;
  }
  return false;
}

function repeats(pattern: string, at: number): boolean {
  return /^(?:[*+]|\{\d+,?\d*\})/.test(pattern.slice(at, at + 12));
}
