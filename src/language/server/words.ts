/** What the server says, in the editor's language. Problems stay in the builder's own words, and documentation in its authors'. */

let bundle: Readonly<Record<string, string>> = {};

/** Takes the translations that the editor has; English is its own key. */
export function setWords(words: Readonly<Record<string, string>>): void {
  bundle = words;
}

/** A sentence with `{0}`, `{1}`, … in it. */
export function t(text: string, ...values: readonly (string | number)[]): string {
  return (bundle[text] ?? text).replaceAll(/\{(\d+)\}/g, (whole, index: string) => String(values[Number(index)] ?? whole));
}
