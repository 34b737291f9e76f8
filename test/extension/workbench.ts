/** VS Code's window as a person sees it: a page object over Chromium. Waits on elements, never on time. */
import type { Browser, FrameLocator, Locator, Page } from "playwright-core";
import { chromium } from "playwright-core";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { which } from "../../scripts/setup.mjs";
import { storedState } from "./stored-state.ts";

/** Nothing waits for so long where all is well: it is what a slow and busy machine may take. */
const LIMIT_MS = Number(process.env["BERTH_UI_TIMEOUT"] ?? 180_000);

/** How long a menu is waited for before it counts as not opened, or closed again. */
const MENU_MS = 10_000;

const FLAGS =
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage".split(
    " ",
  );

/** The machine's own Chromium; none is downloaded. */
export function launchBrowser(): Promise<Browser> {
  const executablePath = which("chromium") ?? which("google-chrome");
  if (!executablePath) throw new Error("Cannot find Chromium: install the package chromium");
  return chromium.launch({ executablePath, headless: true, args: FLAGS });
}

export class Workbench {
  readonly page: Page;

  private constructor(page: Page) {
    this.page = page;
  }

  /** Opens the window and waits until it can be used. */
  static async open(browser: Browser, url: string): Promise<Workbench> {
    const context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
    const page = await context.newPage();
    page.setDefaultTimeout(LIMIT_MS);
    await page.goto(url, { waitUntil: "domcontentloaded" });
    await page.locator(".part.activitybar .action-item").first().waitFor();
    await page.locator(".part.statusbar .statusbar-item").first().waitFor();
    return new Workbench(page);
  }

  /** Shows a view of the activity bar; a click on the icon of the one that is shown would hide it. */
  async openView(name: string): Promise<void> {
    const title = this.page.locator(`.part.sidebar .composite.title:has-text("${name}")`).first();
    await this.page.locator(".part.sidebar .composite.title").first().waitFor();
    if (!(await title.isVisible())) await this.page.locator(`.part.activitybar .action-item a[aria-label^="${name}"]`).first().click();
    await title.waitFor();
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
    const row = this.page.locator(`.explorer-folders-view .monaco-list-row[aria-label^="${file}"]`).first();
    await this.#choose(entry, () => row.click({ button: "right" }));
  }

  /** Opens a file of the explorer in an editor. */
  async openFile(file: string): Promise<void> {
    await this.openView("Explorer");
    await this.page.locator(`.explorer-folders-view .monaco-list-row[aria-label^="${file}"]`).first().dblclick();
    await this.page.locator(".editor-instance .view-lines").first().waitFor();
  }

  /** Opens a menu and takes an entry. Whatever gets the focus meanwhile closes a menu: then it is opened again, as a person does. */
  async #choose(entry: string, open: () => Promise<void>): Promise<void> {
    const item = this.page.locator(".monaco-menu .action-item").filter({ hasText: entry }).first();
    const focused = this.page.locator(".monaco-menu .action-item.focused").filter({ hasText: entry }).first();
    const ready = async (): Promise<void> => {
      await open();
      await item.hover({ timeout: MENU_MS });
      await focused.waitFor({ timeout: MENU_MS });
    };
    for (const deadline = Date.now() + LIMIT_MS; ; await this.page.keyboard.press("Escape"))
      try {
        await ready();
        // A menu takes a click that comes too soon for the end of the right-click, so it is chosen by the keyboard.
        return await this.page.keyboard.press("Enter");
      } catch (error) {
        if (Date.now() > deadline) throw error;
      }
  }

  /** Does something until it shows, as a person does: what is pressed while the editor draws itself anew is lost. */
  async until(shown: Locator, act: () => Promise<void>): Promise<void> {
    for (const deadline = Date.now() + LIMIT_MS; ; )
      try {
        await act();
        return await shown.waitFor({ timeout: MENU_MS });
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await this.page.keyboard.press("Escape");
      }
  }

  /** Opens a row that has rows below it. */
  async expand(title: string, label: string): Promise<void> {
    await this.#turn(this.row(title, label), "true");
  }

  async collapse(title: string, label: string): Promise<void> {
    await this.#turn(this.row(title, label), "false");
  }

  async #turn(row: Locator, expanded: "true" | "false"): Promise<void> {
    await row.waitFor();
    if ((await row.getAttribute("aria-expanded")) !== expanded) await row.locator(".monaco-tl-twistie").click();
    await row.and(this.page.locator(`[aria-expanded="${expanded}"]`)).waitFor();
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
    if ((await header.getAttribute("aria-expanded")) !== expanded) await header.click();
    await header.and(this.page.locator(`[aria-expanded="${expanded}"]`)).waitFor();
  }

  /** A button of a view's title bar. */
  async titleAction(title: string, action: string): Promise<void> {
    await this.pane(title).locator(".pane-header").first().hover();
    await this.pane(title).locator(`.pane-header .actions [aria-label^="${action}"]`).first().click();
    // The button's name hovers over the first row for as long as the mouse stays.
    await this.page.locator(".part.statusbar").hover({ position: { x: 700, y: 5 } });
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
    const before = await tabs.count();
    await this.page.locator(".tabs-container .tab.active .tab-actions .action-label").first().click();
    await tabs.nth(before - 1).waitFor({ state: "detached" });
  }

  /** Through the machine's settings file, as a person's choice would end up. */
  async setTheme(dataDir: string, theme: string): Promise<void> {
    const file = join(dataDir, "data/Machine/settings.json");
    const settings = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
    writeFileSync(file, JSON.stringify({ ...settings, "workbench.colorTheme": theme }));
    const type = theme.includes("High Contrast") ? ".hc-black" : theme.includes("Light") ? ".vs:not(.vs-dark)" : ".vs-dark";
    await this.page.locator(`.monaco-workbench${type}`).waitFor();
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

  async rowAction(title: string, label: string, action: string): Promise<void> {
    const row = this.row(title, label);
    await row.hover();
    await row.locator(`.actions [aria-label^="${action}"]`).first().click();
  }

  /** VS Code's input box. */
  input(): Locator {
    return this.page.locator(".quick-input-widget:visible input.input").first();
  }

  /** Answers VS Code's input box; gives what it proposed. */
  async answer(text?: string): Promise<string> {
    const input = this.input();
    await input.waitFor();
    const proposed = await input.inputValue();
    if (text !== undefined) await input.fill(text);
    await input.press("Enter");
    return proposed;
  }

  /** Runs a command of the palette by its title. */
  async command(title: string): Promise<void> {
    // What has the focus in an editor that is closing would take the palette with it.
    await this.page.locator(".part.sidebar .composite.title").first().click();
    await this.page.keyboard.press("F1");
    const input = this.page.locator(".quick-input-widget:visible input.input").first();
    await input.waitFor();
    await input.fill(`>${title}`);
    await this.page.locator(".quick-input-list .monaco-list-row").filter({ hasText: title }).first().waitFor();
    await input.press("Enter");
  }

  /** The notification that holds this text. */
  toast(text: string | RegExp): Locator {
    return this.page.locator(".notification-toast").filter({ hasText: text }).last();
  }

  statusItem(text: string | RegExp): Locator {
    return this.page.locator(".part.statusbar .statusbar-item").filter({ hasText: text }).first();
  }

  terminal(): Locator {
    return this.page.locator(".terminal-wrapper.active .xterm-rows").last();
  }

  /** Waits until the active terminal shows the text. */
  async terminalShows(text: RegExp): Promise<void> {
    const rows = this.page.locator(".terminal-wrapper.active .xterm-rows").last();
    await rows.filter({ hasText: text }).waitFor();
  }

  /** Opens a shell of busybox and waits for its prompt in a terminal that is new: keys go to the one that is shown, and an earlier one shows a prompt too. */
  async shell(open: () => Promise<void>): Promise<void> {
    await this.page.locator(".terminal-wrapper").evaluateAll((all) => all.forEach((one) => one.setAttribute("data-earlier", "")));
    await open();
    const rows = this.page.locator(".terminal-wrapper.active:not([data-earlier]) .xterm-rows").last();
    await rows.filter({ hasText: /BusyBox v[\s\S]*#/ }).waitFor();
  }

  async type(text: string): Promise<void> {
    await this.page.locator(".terminal-wrapper.active .xterm-helper-textarea").last().focus();
    await this.page.keyboard.type(text);
  }

  /** The page inside the active panel: VS Code puts it two frames deep. */
  panel(): FrameLocator {
    return this.page.frameLocator("iframe.webview.ready:visible").last().frameLocator("#active-frame");
  }

  dialog(): Locator {
    return this.page.locator(".monaco-dialog-box");
  }
}
