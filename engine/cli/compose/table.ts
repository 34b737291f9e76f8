/**
 * Lists as docker compose prints them: wide columns under capital heads, or JSON.
 */
import { alignTabs } from "../tabs.ts";

/** Sorts by code units. */
export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Rows under heads, each cell at least 20 wide. */
export function wideTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heads, ...rows].map((cells) => cells.join("\t"));
  return alignTabs(lines, { minWidth: 20, padding: 1 })
    .map((line) => `${line}\n`)
    .join("");
}
