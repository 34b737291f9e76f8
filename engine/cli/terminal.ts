/**
 * This process's terminal while a container has it: raw mode, size, the keys that let go.
 */
import type { Input, Output } from "./cli.ts";

/** Keys that leave a container running: Ctrl-P Ctrl-Q unless told otherwise. */
const DETACH_KEYS = "ctrl-p,ctrl-q";

/**
 * Bytes of `ctrl-p,ctrl-q` and the like.
 *
 * @throws {Error} for a key that does not exist
 */
export function readKeys(text: string): number[] {
  return (text || DETACH_KEYS).split(",").map((key) => {
    if (key.length === 1) return key.charCodeAt(0);
    if (key === "DEL") return 127;
    const match = /^ctrl-([a-z@[\\\]^_])$/.exec(key);
    if (!match) throw new Error(`invalid detach keys: Unknown character: '${key}'`);
    return match[1]!.charCodeAt(0) & 0x1f;
  });
}

/** Looks for a sequence of keys in what is typed. */
export class KeyWatcher {
  readonly #keys: readonly number[];
  #matched = 0;

  constructor(keys: readonly number[]) {
    this.#keys = keys;
  }

  /** Bytes to pass on (those of a begun sequence are kept back), and whether the sequence is complete. */
  feed(chunk: Buffer): { data: Buffer; detached: boolean } {
    const passed: number[] = [];
    for (const byte of chunk) {
      if (byte === this.#keys[this.#matched]) {
        if (++this.#matched === this.#keys.length) return { data: Buffer.from(passed), detached: true };
        continue;
      }
      passed.push(...this.#keys.slice(0, this.#matched));
      this.#matched = 0;
      if (byte === this.#keys[0]) this.#matched = 1;
      else passed.push(byte);
    }
    return { data: Buffer.from(passed), detached: false };
  }
}

/** Gives every key to the container and its output to the screen as it is; the returned function gives the terminal back. */
export async function rawMode(stdin: Input): Promise<() => void> {
  if (!stdin.isTTY || !stdin.setRawMode) return () => {};
  const { passOutputThrough } = await import("../host/terminal-output.ts");
  stdin.setRawMode(true);
  passOutputThrough();
  return () => stdin.setRawMode?.(false);
}

export interface Size {
  readonly rows: number;
  readonly columns: number;
}

/** Calls `resize` now and whenever the terminal changes; the returned function ends that. */
export function followSize(stdout: Output, resize: (size: Size) => Promise<void>): () => void {
  if (!stdout.isTTY) return () => {};
  const send = (): void => {
    const { rows, columns } = stdout;
    // A container that has just ended has no terminal to resize.
    if (rows && columns) resize({ rows, columns }).catch(() => {});
  };
  send();
  stdout.on("resize", send);
  return () => stdout.off("resize", send);
}
