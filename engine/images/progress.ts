/** Progress as dockerd tells it: the numbers, and for old clients a bar of text. */
import type { JsonMessage } from "../api/types/image.ts";
import { humanSize } from "../syntax/size.ts";
import type { Progress } from "./images.ts";

/** `[=====>     ]  5.01MB/95.41MB` */
export function progressBar(current: number, total: number): string {
  if (total <= 0 || current > total) return humanSize(current).padStart(8);
  const filled = Math.min(Math.trunc(((current / total) * 100) / 2), 50);
  const bar = `[${"=".repeat(filled)}>${" ".repeat(50 - filled)}]`;
  return `${bar} ${humanSize(current).padStart(8)}/${humanSize(total)}`;
}

const EVERY_MS = 100;

/** Tells how one layer gets on, no more often than people can see. */
export class LayerProgress {
  readonly #send: Progress | undefined;
  readonly #id: string;
  #lastMs = 0;

  constructor(send: Progress | undefined, id: string) {
    this.#send = send;
    this.#id = id;
  }

  status(status: string): void {
    this.#lastMs = 0;
    this.#send?.({ status, progressDetail: {}, id: this.#id });
  }

  bytes(status: string, current: number, total: number): void {
    const now = Date.now();
    if (!this.#send || (now - this.#lastMs < EVERY_MS && current < total)) return;
    this.#lastMs = now;
    const message: JsonMessage = { status, progressDetail: { current, total }, progress: progressBar(current, total), id: this.#id };
    this.#send(message);
  }
}
