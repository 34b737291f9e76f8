/** What a terminal would show of a line: without the codes that color it, and what was written over. Pure. */

/** A piece of a line in one look. */
export interface Run {
  readonly text: string;
  /** 0 to 255 of the terminal's palette, or `#rrggbb`; undefined for the default. */
  readonly ink?: Color;
  readonly ground?: Color;
  /** Classes: bold, dim, italic, underline, struck. */
  readonly looks: readonly string[];
}

export type Color = number | `#${string}`;

// oxlint-disable-next-line no-control-regex
const CODES = /\u001b(?:\[([0-9;:?>=]*)[ -/]*([@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[ -/]*[0-Z\\^-~])/g;
// oxlint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f]/g;
// oxlint-disable-next-line no-control-regex
const ODD = /[\u0000-\u0008\u000b-\u001f\u007f]/;

/** The line in its looks. Letters that cannot be seen have a picture: ␀ for NUL. */
export function runsOf(line: string): Run[] {
  if (!ODD.test(line)) return [{ text: line, looks: [] }];
  const text = lastWritten(line);
  const runs: Run[] = [];
  const pen = new Pen();
  let from = 0;
  const write = (end: number): void => {
    if (end > from) runs.push({ ...pen.look, text: pictured(text.slice(from, end)) });
  };
  for (const { index, 0: code, 1: numbers, 2: what } of text.matchAll(CODES)) {
    write(index);
    from = index + code.length;
    if (what === "m") pen.take(numbers ?? "");
  }
  write(text.length);
  return runs;
}

/** The line's letters alone. */
export function plainOf(line: string): string {
  return ODD.test(line) ? pictured(lastWritten(line).replaceAll(CODES, "")) : line;
}

/** A progress bar goes back to the beginning of its line and writes over it: the last of them is what stays. */
function lastWritten(line: string): string {
  if (!line.includes("\r")) return line;
  return line.split("\r").findLast((part) => part !== "") ?? "";
}

const pictured = (text: string): string =>
  text.replaceAll(CONTROLS, (letter) => (letter === "\u007f" ? "␡" : String.fromCharCode(0x2400 + letter.charCodeAt(0))));

const LOOKS: Readonly<Record<number, string>> = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 9: "struck" };
const ENDS: Readonly<Record<number, readonly string[]>> = { 22: ["bold", "dim"], 23: ["italic"], 24: ["underline"], 29: ["struck"] };

/**
 * What the codes have said so far.
 * @see https://invisible-island.net/xterm/ctlseqs/ctlseqs.html#h3-Functions-using-CSI-_-ordered-by-the-final-character_s_
 */
class Pen {
  #ink: Color | undefined;
  #ground: Color | undefined;
  #swapped = false;
  readonly #looks = new Set<string>();

  get look(): Omit<Run, "text"> {
    // Swapped defaults are the ground's color on the ink's, which a page knows as `swapped`.
    const [ink, ground] = this.#swapped ? [this.#ground, this.#ink] : [this.#ink, this.#ground];
    const looks = [...this.#looks, ...(this.#swapped && (ink === undefined || ground === undefined) ? ["swapped"] : [])];
    return { looks, ...(ink === undefined ? {} : { ink }), ...(ground === undefined ? {} : { ground }) };
  }

  take(numbers: string): void {
    const codes = numbers.split(/[;:]/).map(Number);
    while (codes.length > 0) this.#one(codes.shift()!, codes);
  }

  #one(code: number, rest: number[]): void {
    if (code === 0) this.#reset();
    else if (LOOKS[code]) this.#looks.add(LOOKS[code]);
    else if (ENDS[code]) for (const look of ENDS[code]) this.#looks.delete(look);
    else if (code === 7 || code === 27) this.#swapped = code === 7;
    else if (code === 38) this.#ink = colorOf(rest);
    else if (code === 48) this.#ground = colorOf(rest);
    else if (code === 39) this.#ink = undefined;
    else if (code === 49) this.#ground = undefined;
    else if (code >= 30 && code <= 37) this.#ink = code - 30;
    else if (code >= 40 && code <= 47) this.#ground = code - 40;
    else if (code >= 90 && code <= 97) this.#ink = code - 82;
    else if (code >= 100 && code <= 107) this.#ground = code - 92;
  }

  #reset(): void {
    this.#ink = this.#ground = undefined;
    this.#swapped = false;
    this.#looks.clear();
  }
}

/** `5;n` of the palette, or `2;r;g;b`; takes them away. */
function colorOf(rest: number[]): Color | undefined {
  const kind = rest.shift();
  if (kind === 5) return byte(rest.shift());
  if (kind !== 2) return undefined;
  return hexOf([byte(rest.shift()), byte(rest.shift()), byte(rest.shift())]);
}

const byte = (value = 0): number => Math.min(255, Math.max(0, Math.trunc(value) || 0));

/** `#rrggbb` of three bytes. */
export function hexOf(rgb: readonly number[]): `#${string}` {
  return `#${rgb.map((value) => Math.round(value).toString(16).padStart(2, "0")).join("")}`;
}

/** The palette beyond the 16 that the theme has: a cube of 216 colors, and 24 grays. @param index 16 to 255 */
export function paletteColor(index: number): readonly [number, number, number] {
  if (index >= 232) return [0, 1, 2].map(() => 8 + (index - 232) * 10) as [number, number, number];
  const at = index - 16;
  const level = (step: number): number => (step === 0 ? 0 : 55 + step * 40);
  return [level(Math.floor(at / 36)), level(Math.floor(at / 6) % 6), level(at % 6)];
}
