/**
 * What an operation says of itself while it runs.
 */

/** One change of one object. */
export interface ProgressEvent {
  /** `Container app-web-1`, `Network app_default`, `web` (a service that is pulled). */
  readonly id: string;
  /** `Creating`, `Started`, `Healthy`; empty when `text` says it. */
  readonly status: string;
  readonly state: "working" | "done" | "warning" | "error";
  readonly text?: string;
  /** `Container x` for what belongs to it. */
  readonly parent?: string;
  /** Bytes of a pull. */
  readonly current?: number;
  readonly total?: number;
}

export type OnProgress = (event: ProgressEvent) => void;
