/** VS Code's window as a person sees it: a page object over Chromium. Waits on elements, never on time. */
import type { Browser, FrameLocator, Locator, Page } from "playwright-core";
import { chromium } from "playwright-core";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { which } from "../../scripts/setup.mjs";
import { storedState } from "./stored-state.ts";

/** Nothing waits for so long where all is well: it is what a slow and busy machine may take. */
export const LIMIT_MS = Number(process.env["BERTH_UI_TIMEOUT"] ?? 300_000);

/** How long what is done may take to show before it is done again, as a person does who clicks once more; then twice as long, and so on. */
const PATIENCE_MS = 20_000;

/** How long it is looked whether something that was done has shown in the meantime. */
const GLANCE_MS = 1000;

/** How often it is looked for what tells nobody. */
const LOOK_MS = 100;

/** What shows that something has been done: what can be seen, or what can be waited for. */
export type Shown = Locator | (() => Promise<unknown>);

/** How many times slower the page is made, to find what only shows on a slow machine. */
const SLOWER = Number(process.env["BERTH_UI_THROTTLE"] ?? 1);

const FLAGS =
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage".split(
    " ",
  );

/** The machine's own Chromium; none is downloaded. */
export function launchBrowser(): Promise<Browser> {
  const executablePath = which("chromium") ?? which("google-chrome");
  if (!executablePath) throw new Error("Cannot find Chromium: install the package chromium");
  return chromium.launch({ executablePath, headless: true, args: FLAGS, timeout: LIMIT_MS });
}

export class Workbench {
  readonly page: Page;
  #limitMs = LIMIT_MS;

  private constructor(page: Page) {
    this.page = page;
  }

  /** Opens the window and waits until it can be used. */
  static async open(browser: Browser, url: string): Promise<Workbench> {
    const context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
    const page = await context.newPage();
    page.setDefaultTimeout(LIMIT_MS);
    if (SLOWER > 1) await (await context.newCDPSession(page)).send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
    await page.goto(url, { waitUntil: "domcontentloaded" });
    await page.locator(".part.activitybar .action-item").first().waitFor();
    await page.locator(".part.statusbar .statusbar-item").first().waitFor();
    return new Workbench(page);
  }

  /** Shows a view of the activity bar; a click on the icon of the one that is shown would hide it. */
  async openView(name: string): Promise<void> {
    const title = this.page.locator(`.part.sidebar .composite.title:has-text("${name}")`).first();
    await this.page.locator(".part.sidebar .composite.title").first().waitFor();
    if (await title.isVisible()) return;
    await this.until(title, () => this.page.locator(`.part.activitybar .action-item a[aria-label^="${name}"]`).first().click());
  }

  pane(title: string): Locator {
    return this.page.locator(`.part.sidebar .pane:has(.pane-header[aria-label*="${title}"])`);
  }

  row(title: string, label: string): Locator {
    return this.pane(title).locator(".monaco-list-row").filter({ hasText: label }).first();
  }

  /** Right-click on a row, then an entry of the menu. */
  async rowMenu(title: string, label: string, entry: string): Promise<void> {
    await this.#choose(entry, () => this.row(title, label).click({ button: "right" }));
  }

  /** Right-click on a file in the explorer, then an entry of the menu. */
  async fileMenu(file: string, entry: string): Promise<void> {
    await this.#choose(entry, () => this.#file(file).click({ button: "right" }));
  }

  /** Opens a file of the explorer in an editor, which has the focus then. */
  async openFile(file: string): Promise<void> {
    await this.openView("Explorer");
    await this.until(this.page.locator(".tab.active").filter({ hasText: file }).first(), () => this.#file(file).dblclick());
    await this.#focusEditor();
  }

  #file(name: string): Locator {
    return this.page.locator(`.explorer-folders-view .monaco-list-row[aria-label^="${name}"]`).first();
  }

  /** Puts the cursor at the end of the editor's text, or where its first line is clicked. */
  async #focusEditor(): Promise<void> {
    const lines = this.page.locator(".editor-instance .view-lines").first();
    await this.until(this.page.locator(".editor-instance .monaco-editor.focused").first(), () => lines.click());
  }

  /** Opens a menu and takes an entry. Whatever gets the focus meanwhile closes a menu: then it is opened again, as a person does. */
  async #choose(entry: string, open: () => Promise<void>): Promise<void> {
    const item = this.page.locator(".monaco-menu .action-item").filter({ hasText: entry }).first();
    const focused = this.page.locator(".monaco-menu .action-item.focused").filter({ hasText: entry }).first();
    await this.until(focused, async () => {
      await open();
      await item.hover();
    });
    // A menu takes a click that comes too soon for the end of the right-click, so it is chosen by the keyboard.
    await this.page.keyboard.press("Enter");
  }

  /**
   * Does something until it shows, as a person does: what is clicked or pressed while the editor draws itself anew is lost. What shows
   * must be what this alone brings about, and doing it again must do no harm where the first time has been enough.
   * @param recover before it is done again; as it is, what has opened instead is closed
   */
  async until(shown: Shown, act: () => Promise<unknown>, recover = (): Promise<void> => this.#stepBack()): Promise<void> {
    const deadline = Date.now() + this.#limitMs;
    for (let patience = PATIENCE_MS; ; patience *= 2)
      try {
        await this.#within(patience, act);
        return void (await this.#within(patience, () => seen(shown)));
      } catch (error) {
        // It fails, too, when what it is done to has gone because it has been done.
        if (await this.#shows(shown)) return;
        if (Date.now() > deadline) throw error;
        await this.#within(PATIENCE_MS, recover).catch(() => undefined);
      }
  }

  /** Waits for what no element shows, such as a file. */
  async holds(check: () => boolean | Promise<boolean>): Promise<void> {
    for (const deadline = Date.now() + this.#limitMs; !(await check()); await wait(LOOK_MS))
      if (Date.now() > deadline) throw new Error(`This has not come true within ${this.#limitMs} ms: ${check}`);
  }

  async #shows(shown: Shown): Promise<boolean> {
    return this.#within(GLANCE_MS, () => seen(shown)).then(
      () => true,
      () => false,
    );
  }

  /** With a limit for all that is waited for meanwhile. */
  async #within<T>(limitMs: number, work: () => Promise<T>): Promise<T> {
    const before = this.#limitMs;
    this.#limitMs = Math.min(before, limitMs);
    this.page.setDefaultTimeout(this.#limitMs);
    try {
      return await work();
    } finally {
      this.#limitMs = before;
      this.page.setDefaultTimeout(before);
    }
  }

  /** Closes a menu or a box, and takes the mouse away from what it makes float over other things. */
  async #stepBack(): Promise<void> {
    await this.page.keyboard.press("Escape");
    await this.#parkMouse();
  }

  async #parkMouse(): Promise<void> {
    await this.page.locator(".part.statusbar").hover({ position: { x: 700, y: 5 } });
  }

  /** Opens a row that has rows below it. */
  async expand(title: string, label: string): Promise<void> {
    await this.#turn(this.row(title, label), "true");
  }

  async collapse(title: string, label: string): Promise<void> {
    await this.#turn(this.row(title, label), "false");
  }

  async #turn(row: Locator, expanded: "true" | "false"): Promise<void> {
    await this.until(row.and(this.page.locator(`[aria-expanded="${expanded}"]`)), async () => {
      await row.waitFor();
      if ((await row.getAttribute("aria-expanded")) !== expanded) await row.locator(".monaco-tl-twistie").click();
    });
  }

  /** Opens a whole view. */
  async unfold(title: string): Promise<void> {
    await this.#turnView(title, "true");
  }

  async fold(title: string): Promise<void> {
    await this.#turnView(title, "false");
  }

  async #turnView(title: string, expanded: "true" | "false"): Promise<void> {
    const header = this.pane(title).locator(".pane-header").first();
    await this.until(header.and(this.page.locator(`[aria-expanded="${expanded}"]`)), async () => {
      if ((await header.getAttribute("aria-expanded")) !== expanded) await header.click();
    });
  }

  /** A button of a view's title bar. */
  async titleAction(title: string, action: string): Promise<void> {
    await this.pane(title).locator(".pane-header").first().hover();
    await this.pane(title).locator(`.pane-header .actions [aria-label^="${action}"]`).first().click();
    // The button's name hovers over the first row for as long as the mouse stays.
    await this.#parkMouse();
  }

  /** An entry of the menu behind a view's three dots. */
  async moreActions(title: string, entry: string): Promise<void> {
    await this.pane(title).locator(".pane-header").first().hover();
    const more = this.pane(title).locator('.pane-header .actions [aria-label*="More Actions"]').first();
    await this.#choose(entry, () => more.click());
  }

  /** Closes the active editor. One that is behind it may take the focus at any later time: close all before what is typed. */
  async closeEditor(): Promise<void> {
    const tabs = this.page.locator(".tabs-container .tab");
    const left = (await tabs.count()) - 1;
    await this.until(
      () => tabs.nth(left).waitFor({ state: "detached" }),
      async () => {
        if ((await tabs.count()) > left) await this.page.locator(".tabs-container .tab.active .tab-actions .action-label").first().click();
      },
    );
  }

  /** Through the machine's settings file, as a person's choice would end up. */
  async setTheme(dataDir: string, theme: string): Promise<void> {
    const file = join(dataDir, "data/Machine/settings.json");
    const settings = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
    const strong = theme.includes("High Contrast");
    const light = theme.includes("Light");
    const type = strong ? (light ? ".hc-light" : ".hc-black") : light ? ".vs:not(.vs-dark)" : ".vs-dark";
    await this.until(this.page.locator(`.monaco-workbench${type}`), async () =>
      writeFileSync(file, JSON.stringify({ ...settings, "workbench.colorTheme": theme })),
    );
  }

  /**
   * Reloads the window once it has written down what it is to come back with: VS Code in a browser does that every few seconds,
   * when it is idle, and not when it ends.
   * @param keeps texts of what it keeps, such as an editor's title
   */
  async reload(...keeps: readonly string[]): Promise<void> {
    await this.page.evaluate(storedState, { keeps, limitMs: LIMIT_MS });
    await this.page.reload({ waitUntil: "domcontentloaded" });
    await this.page.locator(".part.activitybar .action-item").first().waitFor();
  }

  /** A button that shows on a row while the mouse is there. */
  async rowAction(title: string, label: string, action: string): Promise<void> {
    const row = this.row(title, label);
    await row.hover();
    await row.locator(`.actions [aria-label^="${action}"]`).first().click();
  }

  /** VS Code's input box. */
  input(): Locator {
    return this.page.locator(".quick-input-widget:visible input.input").first();
  }

  /** Answers VS Code's input box, which asks for one thing; gives what it proposed. */
  async answer(text?: string): Promise<string> {
    const input = this.input();
    await input.waitFor();
    const proposed = await input.inputValue();
    if (text !== undefined) await input.fill(text);
    await this.close("Enter");
    return proposed;
  }

  /** Takes the first of what is offered, under this title. */
  async takeFirst(title: string): Promise<void> {
    const box = this.page
      .locator(".quick-input-widget:visible")
      .filter({ has: this.page.locator(".quick-input-title", { hasText: title }) });
    await box.locator(".quick-input-list .monaco-list-row").first().waitFor();
    await this.close("Enter");
  }

  /** Presses Enter, or Escape, until the box has gone; it takes none while it is busy. */
  async close(key: "Enter" | "Escape"): Promise<void> {
    await this.until(
      () => this.input().waitFor({ state: "hidden" }),
      () => this.input().press(key),
      async () => {},
    );
  }

  /** Runs a command of the palette by its title, until what it does shows. */
  async command(title: string, shown: Shown): Promise<void> {
    const input = this.input();
    const found = this.page.locator(".quick-input-list .monaco-list-row.focused").filter({ hasText: title }).first();
    await this.until(shown, async () => {
      // What has the focus in an editor that is closing would take the palette with it.
      await this.page.locator(".part.sidebar .composite.title").first().click();
      await this.page.keyboard.press("F1");
      await input.fill(`>${title}`);
      await found.waitFor();
      await input.press("Enter");
    });
  }

  /** The notification that holds this text. */
  toast(text: string | RegExp): Locator {
    return this.page.locator(".notification-toast").filter({ hasText: text }).last();
  }

  statusItem(text: string | RegExp): Locator {
    return this.page.locator(".part.statusbar .statusbar-item").filter({ hasText: text }).first();
  }

  /** Waits until the active terminal shows the text. */
  async terminalShows(text: RegExp): Promise<void> {
    await this.page.locator(".terminal-wrapper.active .xterm-rows").last().filter({ hasText: text }).waitFor();
  }

  /** Does what opens a terminal, which shows this text; an earlier one may show it, too. Gives the terminal. */
  async opensTerminal(text: RegExp, act: () => Promise<unknown>): Promise<Locator> {
    await this.page.locator(".terminal-wrapper").evaluateAll((all) => all.forEach((one) => one.setAttribute("data-earlier", "")));
    const opened = this.page.locator(".terminal-wrapper.active:not([data-earlier])").last();
    await this.until(opened, act);
    // What it shows may take long: it is not opened twice for that.
    await opened.locator(".xterm-rows").filter({ hasText: text }).waitFor();
    return opened;
  }

  /**
   * Opens a shell of busybox, works in it and ends it; waits until its terminal has gone, which may take the focus with it.
   * What is given to `work` types a line and waits for its answer.
   */
  async shell(open: () => Promise<void>, work: (says: (line: string, answer: RegExp) => Promise<void>) => Promise<void>): Promise<void> {
    const opened = await this.opensTerminal(/BusyBox v[\s\S]*#/, open);
    const keys = opened.locator(".xterm-helper-textarea");
    const type = async (line: string): Promise<void> => {
      await keys.focus();
      await this.page.keyboard.type(`${line}\n`);
    };
    // What has come to the terminal in part is thrown away.
    const cancel = async (): Promise<void> => {
      await keys.focus();
      await this.page.keyboard.press("Control+C");
    };
    await work((line, answer) => this.until(opened.locator(".xterm-rows").filter({ hasText: answer }), () => type(line), cancel));
    await opened.evaluate((terminal) => terminal.setAttribute("data-ending", ""));
    const ended = (): Promise<void> => this.page.locator(".terminal-wrapper[data-ending]").waitFor({ state: "detached" });
    await this.until(ended, () => type("exit 0"), cancel);
  }

  /** The page inside the active panel: VS Code puts it two frames deep. */
  panel(): FrameLocator {
    return this.page.frameLocator("iframe.webview.ready:visible").last().frameLocator("#active-frame");
  }

  dialog(): Locator {
    return this.page.locator(".monaco-dialog-box");
  }
}

function seen(shown: Shown): Promise<unknown> {
  return typeof shown === "function" ? shown() : shown.waitFor();
}
