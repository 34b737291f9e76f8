/** What a window shows, in a few lines of text: of a failed run only the end of what it printed may be at hand, and no picture. */
import { setTimeout as wait } from "node:timers/promises";
import type { Page } from "playwright-core";

/** What is looked at, from what says most. Hidden things are left out. */
const PARTS: readonly (readonly [name: string, selector: string, most: number])[] = [
  ["dialog", ".monaco-dialog-box", 1],
  ["input box", ".quick-input-widget .quick-input-title, .quick-input-widget input.input, .quick-input-list .monaco-list-row", 4],
  ["menu", ".monaco-menu .action-item", 8],
  ["notification", ".notification-toast", 3],
  ["suggestion", ".suggest-widget.visible .monaco-list-row, .suggest-widget.visible .message", 4],
  ["quick fix", ".action-widget .monaco-list-row", 4],
  ["tab", ".tabs-container .tab", 6],
  ["lens", ".codelens-decoration", 6],
  ["line", ".editor-instance .view-line", 12],
  ["row", ".part.sidebar .monaco-list-row", 12],
  ["terminal", ".terminal-wrapper.active .xterm-rows > div", 8],
  ["status", ".part.statusbar .statusbar-item[id*=erth]", 2],
];

/** Nobody waits for a window that hangs. */
const LIMIT_MS = 10_000;
const WIDEST = 110;

export async function screenText(page: Page): Promise<string> {
  const late = wait(LIMIT_MS, ["The window does not answer"], { ref: false });
  return (await Promise.race([linesOf(page), late])).map((line) => `    | ${line.slice(0, WIDEST)}`).join("\n");
}

async function linesOf(page: Page): Promise<string[]> {
  const lines = await page.locator("body").evaluate(describe, PARTS);
  const frames = page.frames().filter((frame) => frame.name() === "active-frame" || frame.url().includes("fake.html"));
  for (const frame of frames) {
    const text = await frame.locator("body").innerText({ timeout: 2000 });
    lines.push(`panel: ${text.replaceAll(/\s+/g, " ").slice(0, WIDEST)}`);
  }
  return lines;
}

/** What is needed of a page's elements here; the tests are not compiled for browsers. */
interface Shape {
  readonly tagName: string;
  readonly className: unknown;
  readonly classList: { contains(name: string): boolean };
  readonly innerText: string;
  readonly value?: string;
  readonly ownerDocument: { readonly activeElement: Shape | null };
  checkVisibility(options: { visibilityProperty: boolean }): boolean;
  getBoundingClientRect(): { readonly top: number };
  getAttribute(name: string): string | null;
  querySelectorAll(selector: string): Iterable<Shape>;
}

/** Runs in the page, so it uses nothing from outside. */
function describe(root: unknown, parts: typeof PARTS): string[] {
  const body = root as Shape;
  const focused = body.ownerDocument.activeElement;
  const found = parts.flatMap(([name, selector, most]) =>
    [...body.querySelectorAll(selector)]
      .filter((element) => element.checkVisibility({ visibilityProperty: true }))
      .map((element) => ({ element, top: element.getBoundingClientRect().top }))
      .toSorted((a, b) => a.top - b.top)
      .map(({ element }) => {
        const text = element.value ?? element.innerText;
        const state = ["active", "dirty", "focused"].filter((word) => element.classList.contains(word)).join(" ");
        return `${name}${state && ` (${state})`}: ${text.replaceAll(/\s+/g, " ").trim()}`;
      })
      .filter((line) => !line.endsWith(": "))
      .slice(0, most),
  );
  return [...found, `focus: ${focused?.tagName} ${focused?.className} ${focused?.getAttribute("aria-label") ?? ""}`];
}
