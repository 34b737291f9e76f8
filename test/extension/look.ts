/** Pictures of what is on the screen, in four themes and two widths, with what axe-core says of a panel. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../scripts/setup.mjs";
import { checkAccessibility } from "./axe.ts";
import type { Workbench } from "./workbench.ts";

const THEMES = [
  ["Default Dark Modern", "dark"],
  ["Default Light Modern", "light"],
  ["Default High Contrast", "hc-dark"],
  ["Default High Contrast Light", "hc-light"],
] as const;

/** The last one leaves a panel about 400 pixels, as a window zoomed to 200 % does. */
export const WIDTHS = [1400, 760] as const;

/** Only these; all of them without the variable. */
const wanted = process.env["BERTH_PICTURE_THEMES"]?.split(",");
const output = join(root, "test-output/pictures");

export interface Subject {
  readonly name: string;
  readonly window: Workbench;
  /** The server's. */
  readonly dataDir: string;
  readonly panel?: boolean | undefined;
  /** Times as high as a window is. */
  readonly tall?: number;
  /** Called with each picture's file. */
  readonly taken?: (file: string, theme: string, width: number) => void;
}

export async function takePictures({ name, window, dataDir, panel = false, tall = 1, taken }: Subject): Promise<void> {
  mkdirSync(output, { recursive: true });
  for (const [theme, word] of THEMES) {
    if (wanted && !wanted.includes(word)) continue;
    await window.setTheme(dataDir, theme);
    for (const width of WIDTHS) {
      await window.page.setViewportSize({ width, height: 900 * tall });
      await window.page.evaluate(() => new Promise((drawn) => setTimeout(drawn, 600)));
      const file = join(output, `${name}-${word}-${width}.png`);
      await window.page.screenshot({ path: file });
      taken?.(file, word, width);
      if (panel) await checkPanel(window, `${name} in ${theme}, ${width} wide`);
    }
  }
}

/** Nothing of a page is to be cut or beside it, and axe-core has nothing to say. */
async function checkPanel(window: Workbench, what: string): Promise<void> {
  await checkAccessibility(window.panel(), what).catch((error: Error) => console.log(error.message.slice(0, 800)));
  const beside = await window.panel().locator("body").evaluate(reachesBeside);
  if (beside.length > 0) console.log(`${what}: reaches beside the page: ${beside.join(", ")}`);
}

/** Runs in the page. */
function reachesBeside(body: { ownerDocument: PageDocument }): string[] {
  const { documentElement } = body.ownerDocument;
  if (documentElement.scrollWidth <= documentElement.clientWidth) return [];
  return [`${documentElement.scrollWidth} of ${documentElement.clientWidth} pixels`];
}

interface PageDocument {
  readonly documentElement: { readonly scrollWidth: number; readonly clientWidth: number };
}

/** Of a picture that could not be taken. */
export async function takeFailure(window: Workbench, name: string): Promise<void> {
  mkdirSync(output, { recursive: true });
  await window.page.screenshot({ path: join(output, `${name}-failed.png`) });
}
