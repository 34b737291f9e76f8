/**
 * Columns of text with tabs between them, lined up as Go's tabwriter does.
 * @see https://pkg.go.dev/text/tabwriter
 */

export interface TabOptions {
  readonly minWidth: number;
  readonly padding: number;
}

/**
 * Lines up the cells of `lines`. A cell ends with a tab; the text after a line's last tab is not part of a column, and a
 * column reaches over neighboring lines that have it.
 */
export function alignTabs(lines: readonly string[], options: TabOptions): string[] {
  const rows = lines.map((line) => line.split("\t"));
  const columns = Math.max(0, ...rows.map((row) => row.length - 1));
  for (let column = 0; column < columns; column++) alignColumn(rows, column, options);
  return rows.map((row) => row.join(""));
}

function alignColumn(rows: string[][], column: number, options: TabOptions): void {
  for (let start = 0; start < rows.length; start++) {
    let end = start;
    while (end < rows.length && rows[end]!.length > column + 1) end++;
    const block = rows.slice(start, end);
    const widest = Math.max(0, ...block.map((row) => width(row[column]!)));
    const total = Math.max(widest + options.padding, options.minWidth);
    for (const row of block) row[column] += " ".repeat(total - width(row[column]!));
    start = end;
  }
}

/** Go's tabwriter counts code points. */
function width(text: string): number {
  return Array.from(text).length;
}
