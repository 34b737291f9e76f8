/** What the extension and its pages say to each other. A leaf: both sides import it, it imports nothing. */

/** One line that a container printed. */
export interface LogRecord {
  readonly stream: "stdout" | "stderr";
  /** RFC 3339 with nanoseconds. */
  readonly time: string;
  readonly text: string;
}

export type ToLogsPage =
  | { readonly type: "lines"; readonly lines: readonly LogRecord[] }
  | { readonly type: "note"; readonly text: string };

/** The page has loaded and listens. */
export interface FromLogsPage {
  readonly type: "ready";
}
