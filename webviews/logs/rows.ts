/** All lines of the page, as small as they can be: of a million of them each is a string and two bytes. */
import type { LogLines } from "../protocol.ts";
import { plainOf } from "./terminal-text.ts";

/** Not printed by a container: something that happened. */
const NOTE = 0xffff;

export class Rows {
  /** `<time> <text>`. */
  readonly #lines: string[] = [];
  #marks = new Uint16Array(4096);

  get length(): number {
    return this.#lines.length;
  }

  add({ text, marks }: LogLines): void {
    const lines = text.split("\n");
    this.#room(lines.length);
    lines.forEach((line, at) => {
      this.#marks[this.#lines.length] = typeof marks === "number" ? marks : marks[at]!;
      this.#lines.push(line);
    });
  }

  addNote(text: string): void {
    this.#room(1);
    this.#marks[this.#lines.length] = NOTE;
    this.#lines.push(`${new Date().toISOString()} ${text}`);
  }

  isNote(index: number): boolean {
    return this.#marks[index] === NOTE;
  }

  isError(index: number): boolean {
    return (this.#marks[index]! & 1) === 1;
  }

  /** Its index. */
  source(index: number): number {
    return this.#marks[index]! >> 1;
  }

  /** RFC 3339. */
  time(index: number): string {
    const line = this.#lines[index]!;
    return line.slice(0, line.indexOf(" "));
  }

  text(index: number): string {
    const line = this.#lines[index]!;
    return line.slice(line.indexOf(" ") + 1);
  }

  /** The text as it is seen: without what colors it, and what was written over. */
  plain(index: number): string {
    return plainOf(this.text(index));
  }

  #room(more: number): void {
    const needed = this.#lines.length + more;
    if (needed <= this.#marks.length) return;
    const bigger = new Uint16Array(Math.max(needed, this.#marks.length * 2));
    bigger.set(this.#marks);
    this.#marks = bigger;
  }
}
