/** Ranges of user and group ids that a user may map into a user namespace. */
import { readFileSync } from "node:fs";

export interface IdRange {
  readonly first: number;
  readonly count: number;
}

/** An image uses ids up to 65535 (nogroup is 65534), so a smaller range cannot hold one. */
export const SMALLEST_RANGE = 65536;

/**
 * The first large enough range of a user in /etc/subuid or /etc/subgid, or undefined.
 * Lines name the user or give the number: `tester:100000:65536`.
 * @see https://man7.org/linux/man-pages/man5/subuid.5.html
 */
export function parseSubordinateIds(text: string, user: { name: string; uid: number }): IdRange | undefined {
  for (const line of text.split("\n")) {
    const [owner, first, count] = line.trim().split(":");
    if (owner !== user.name && owner !== String(user.uid)) continue;
    const range = { first: Number(first), count: Number(count) };
    if (Number.isInteger(range.first) && range.count >= SMALLEST_RANGE) return range;
  }
  return undefined;
}

/** The same of a file; no file is no range. */
export function readSubordinateIds(path: string, user: { name: string; uid: number }): IdRange | undefined {
  try {
    return parseSubordinateIds(readFileSync(path, "utf8"), user);
  } catch {
    return undefined;
  }
}

/** The first id, from 100000 on, behind every range of the given files. */
export function firstFreeId(...texts: string[]): number {
  const ends = texts.flatMap((text) => text.split("\n")).map((line) => line.split(":"));
  return Math.max(100_000, ...ends.map(([, first, count]) => Number(first) + Number(count)).filter(Number.isInteger));
}
