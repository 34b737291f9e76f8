/** The terminal's colors in this theme, made readable on what they stand on. */
import { hexOf, paletteColor } from "./terminal-text.ts";
import type { Color } from "./terminal-text.ts";

type Rgb = readonly [number, number, number];

const NAMES = ["Black", "Red", "Green", "Yellow", "Blue", "Magenta", "Cyan", "White"];
/** As WCAG wants it of text, and a little more: colors are rounded. Who chose a theme of high contrast wants the higher of its levels. */
const leastContrast = (): number => (document.body.classList.contains("vscode-high-contrast") ? 7.1 : 4.6);

export class Inks {
  #known = new Map<string, string>();

  /** The theme is another one. */
  forget(): void {
    this.#known = new Map();
  }

  /** What is written on `ground`, or on the page's own, as CSS. */
  ink(color: Color, ground?: Color): string {
    const key = `${color} ${ground ?? ""}`;
    const known = this.#known.get(key);
    if (known) return known;
    const made = hexOf(
      readable(rgbOf(color), ground === undefined ? themeColor("--vscode-editor-background", [30, 30, 30]) : rgbOf(ground)),
    );
    this.#known.set(key, made);
    return made;
  }

  ground(color: Color): string {
    return hexOf(rgbOf(color));
  }

  /** Readable letters on it, where the line says none. */
  onGround(ground: Color): string {
    return luminance(rgbOf(ground)) > 0.18 ? "#000000" : "#ffffff";
  }
}

function rgbOf(color: Color): Rgb {
  if (typeof color === "string") return parsed(color) ?? [128, 128, 128];
  if (color >= 16) return paletteColor(color);
  return themeColor(`--vscode-terminal-ansi${color >= 8 ? "Bright" : ""}${NAMES[color % 8]}`, [128, 128, 128]);
}

function themeColor(name: string, or: Rgb): Rgb {
  return parsed(getComputedStyle(document.body).getPropertyValue(name).trim()) ?? or;
}

function parsed(text: string): Rgb | undefined {
  const digits = /^#([0-9a-f]{6})/i.exec(text)?.[1] ?? /^#([0-9a-f]{3})$/i.exec(text)?.[1]?.replaceAll(/./g, "$&$&");
  if (digits) return [0, 2, 4].map((at) => Number.parseInt(digits.slice(at, at + 2), 16)) as unknown as Rgb;
  const numbers = /^rgba?\((\d+)[, ]+(\d+)[, ]+(\d+)/.exec(text);
  return numbers ? ([Number(numbers[1]), Number(numbers[2]), Number(numbers[3])] as const) : undefined;
}

/** Mixed with white or black, whichever is further from the ground, as much as it takes. */
function readable(ink: Rgb, ground: Rgb): Rgb {
  const strongest = luminance(ground) > 0.18 ? 0 : 255;
  const least = leastContrast();
  for (let share = 0; share < 1; share += 0.1) {
    const mixed = ink.map((value) => value + (strongest - value) * share) as unknown as Rgb;
    if (contrast(mixed, ground) >= least) return mixed;
  }
  return [strongest, strongest, strongest];
}

function contrast(a: Rgb, b: Rgb): number {
  const [low, high] = [luminance(a), luminance(b)].toSorted((one, other) => one - other) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

/** @see https://www.w3.org/TR/WCAG22/#dfn-relative-luminance */
function luminance(rgb: Rgb): number {
  const [red, green, blue] = rgb.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as unknown as Rgb;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
