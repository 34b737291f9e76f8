/** How many columns of a terminal a text takes. Where terminals disagree (emoji of several parts), the most that one takes. */

/** Blocks that terminals show in two columns: Hangul, CJK with its marks, kana, fullwidth forms, and pictures. */
const WIDE =
  /[\u1100-\u115f\u231a\u231b\u2329\u232a\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{16fe0}-\u{18aff}\u{1aff0}-\u{1b2ff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;

/** What joins the character before it; a variation selector may make that wide. */
const JOINED = /[\p{M}\p{Cf}\u1160-\u11ff]/u;
const MAKES_WIDE = "\ufe0f";

function charWidth(char: string): number {
  if (char < "\u0300") return char === "\u00ad" ? 0 : 1;
  if (char === MAKES_WIDE) return 1;
  if (JOINED.test(char)) return 0;
  return WIDE.test(char) ? 2 : 1;
}

export function textWidth(text: string): number {
  let width = 0;
  for (const char of text) width += charWidth(char);
  return width;
}

/** The beginning of a text that fits; `mark` at its end when something is missing. */
export function cutToWidth(text: string, columns: number, mark = ""): string {
  if (textWidth(text) <= columns) return text;
  const room = columns - textWidth(mark);
  let [width, end] = [0, 0];
  for (const char of text) {
    width += charWidth(char);
    if (width > room) break;
    end += char.length;
  }
  return text.slice(0, end) + mark;
}

/** Exactly as wide as asked for: cut, or filled with spaces. */
export function fitToWidth(text: string, columns: number, mark = ""): string {
  const cut = cutToWidth(text, columns, mark);
  return cut + " ".repeat(Math.max(0, columns - textWidth(cut)));
}
