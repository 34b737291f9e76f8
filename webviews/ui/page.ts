/** What every page begins with: the channel to the extension, words in the user's language, and elements. */
import "./ui.css";

import { Memory } from "./memory.ts";
import type { Keeper } from "./memory.ts";

declare function acquireVsCodeApi(): Keeper & { postMessage(message: unknown): void };

let words: Readonly<Record<string, string>> = {};

/** Words in the user's language; English is the key, `{0}` takes what follows. */
export function t(text: string, ...values: readonly (string | number)[]): string {
  return (words[text] ?? text).replaceAll(/\{(\d)\}/g, (_, index: string) => String(values[Number(index)] ?? ""));
}

interface Init {
  readonly type: "init";
  readonly state: unknown;
  readonly words: Readonly<Record<string, string>>;
}

/**
 * Tells the extension that the page listens. The state that it gets is kept, so that the page comes back after a reload.
 * @param begin called once, with the state and what was chosen in the page before; gives what hears all other messages
 */
export function startPage<To extends { type: string }, From, View extends object = object>(
  begin: (state: Extract<To, Init>["state"], say: (message: From) => void, memory: Memory<View>) => (message: To) => void,
): void {
  const code = acquireVsCodeApi();
  const say = (message: From): void => code.postMessage(message);
  let hear: ((message: To) => void) | undefined;
  window.addEventListener("message", ({ data }: MessageEvent<To>) => {
    if (data.type !== "init") return hear?.(data);
    const init = data as unknown as Init;
    words = init.words;
    hear = begin(init.state as Extract<To, Init>["state"], say, new Memory<View>(code, init.state as object));
  });
  code.postMessage({ type: "ready" });
}

export type Attributes = Readonly<Record<string, string | boolean | undefined>>;

/** An element with attributes and children; text goes in as text. Undefined and false leave an attribute out. */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Attributes = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  applyAttributes(made, attributes);
  made.append(...children);
  return made;
}

/** Undefined and false leave an attribute out. */
export function applyAttributes(made: Element, attributes: Attributes): void {
  for (const [key, value] of Object.entries(attributes))
    if (value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
}

/** Decimal units, three significant digits. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const unit = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes * 1.0005) / 3), units.length - 1);
  return `${Number((bytes / 1000 ** unit).toPrecision(3))} ${units[unit]}`;
}

/** `0.2 s`, `14 s`, `3 min 5 s`. */
export function formatDuration(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
