/**
 * Dockerfiles and compose files as a person writes them: the built VSIX in a real VS Code, in Chromium, on a real engine.
 * Screenshots go to test-output/screenshots. `BERTH_UI_THEME="Default Dark Modern"` for dark ones.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Locator } from "playwright-core";
import { busyboxTar } from "../../scripts/base-image.ts";
import { command, root } from "../../scripts/setup.mjs";
import { startVscode } from "../../scripts/vscode.ts";
import { removeRoot } from "../support/engine.ts";
import { commandLine, processesOf, sendKill } from "../support/processes.ts";
import { testUser } from "../support/user.ts";
import { Walk } from "./steps.ts";
import { packageVsix } from "./vsix.ts";
import { launchBrowser, Workbench } from "./workbench.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-language-ui-"));
const work = join(folder, "shop");
const env = { ...process.env, BERTH_ROOT: join(folder, "engine"), BERTH_NODE: process.execPath };
const berth = (...args: string[]): Promise<string> => command([join(root, "dist/berth"), ...args], { env });
mkdirSync(join(work, "logs"), { recursive: true });
mkdirSync(join(work, "data"));
for (const [name, text] of Object.entries({
  Dockerfile: "",
  "compose.yaml": "",
  "app.txt": "hello\n",
  "logs/big.log": "x".repeat(50_000),
  "data/old.bin": "x".repeat(70_000),
  ".dockerignore": "*.log\nlogs\nnothing\n",
}))
  writeFileSync(join(work, name), text);

await berth("engine", "start");
await command([join(root, "dist/berth"), "import", "--change", 'CMD ["sh"]', "-", "busybox:latest"], { env, input: await busyboxTar() });

const theme = process.env["BERTH_UI_THEME"];
const settings = theme ? { "workbench.colorTheme": theme } : {};
const server = await startVscode({ folder: work, vsix: await packageVsix(), env, settings });
const browser = await launchBrowser();
let opened: Workbench | undefined;
const walk = new Walk(() => opened);
const window = (): Workbench => opened!;
const page = (): Workbench["page"] => window().page;
const suggestion = (label: string): Locator =>
  page().locator(".suggest-widget.visible .monaco-list-row").filter({ hasText: label }).first();
const line = (text: string | RegExp): Locator => page().locator(".editor-instance .view-line").filter({ hasText: text }).first();
const lens = (title: string, above = ""): Locator =>
  page().locator(".codelens-decoration").filter({ hasText: above }).locator("a").filter({ hasText: title }).first();

/** Types in the editor, and takes the suggestion that is named. */
async function complete(typed: string, label: string): Promise<void> {
  await page().keyboard.type(typed);
  const none = page().locator(".suggest-widget.visible .message:visible").filter({ hasText: "No suggestions" });
  // A server that starts, or starts again, has nothing to say yet: the editor is asked until it has.
  for (const started = performance.now(); ;) {
    assert.ok(performance.now() - started < 180_000, "the language server says nothing");
    if (!(await suggestion(label).isVisible())) await page().keyboard.press("Control+Space");
    await suggestion(label).or(none).first().waitFor();
    if (await suggestion(label).isVisible()) break;
    await page().keyboard.press("Escape");
    await none.waitFor({ state: "hidden" });
  }
  await suggestion(label).click();
}

/** Opens a file; the explorer is shown already, and a second click on its icon would hide it. */
async function openFile(name: string): Promise<void> {
  await page().locator(`.explorer-folders-view .monaco-list-row[aria-label^="${name}"]`).first().dblclick();
  await page().locator(".tab.active").filter({ hasText: name }).first().waitFor();
  await page().locator(".editor-instance .view-lines").first().waitFor();
}

/** The language server of this window, by its command line and this window's data. */
function languageServer(): number {
  for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
    try {
      const text = readFileSync(`/proc/${name}/cmdline`, "utf8");
      if (text.includes("language-server.cjs") && text.includes(server.dataDir)) return Number(name);
    } catch {
      // The process has ended in the meantime.
    }
  }
  throw new Error("No language server runs");
}

try {
  await walk.step("A Dockerfile is written from nothing, with completion", async () => {
    opened = await Workbench.open(browser, server.url);
    await window().openView("Berth");
    await window()
      .statusItem(/Berth: 0 running/)
      .waitFor();
    await window().row("Images", "busybox").waitFor();
    await window().openFile("Dockerfile");
    await page().locator(".editor-instance .view-lines").first().click();
    await complete("FR", "FROM");
    await page().keyboard.press("Control+Space");
    await complete("busy", "busybox:latest");
    await page().keyboard.press("Escape");
    await page().keyboard.press("End");
    await page().keyboard.type("\n");
    await complete("COP", "COPY");
    await complete("ap", "app.txt");
    await page().keyboard.press("Tab");
    await page().keyboard.type("/app.txt");
    await page().keyboard.press("Escape");
    await page().keyboard.press("Escape");
    await page().keyboard.press("End");
    await page().keyboard.type("\nRUN cat /app.txt > /seen.txt; sleep 987 || true\n");
    await page().keyboard.press("Escape");
    await line("COPY app.txt /app.txt").waitFor();
    await walk.picture("30-written");
  });

  await walk.step("It is broken, and a quick fix mends it", async () => {
    await page().keyboard.type("CDM sh");
    await page().keyboard.press("Escape");
    await page().locator(".squiggly-error").first().waitFor();
    await walk.picture("31-broken");
    const fix = page().locator(".action-widget .monaco-list-row").filter({ hasText: "Change it to CMD" }).first();
    await window().until(fix, () => page().keyboard.press("Control+."));
    await walk.picture("32-quick-fix");
    await page().keyboard.press("Enter");
    await line("CMD sh").waitFor();
    await page().locator(".squiggly-error").first().waitFor({ state: "detached" });
    await page().keyboard.press("Control+S");
  });

  await walk.step("It is built by the lens above it, and says behind each line what that took", async () => {
    await window().until(window().input(), () => lens("Build").click());
    await window().answer("shop:latest");
    await line(/sleep\s987.*building…/).waitFor();
    await walk.picture("33-building");
    // It runs until this has been seen.
    for (const pid of processesOf(join(folder, "engine"))) if (commandLine(pid).startsWith("sleep 987")) sendKill(pid);
    await window()
      .toast(/Built shop/)
      .waitFor();
    await line(/sleep\s987.*\d\s(ms|s|m)\b/).waitFor();
    await walk.picture("33-results");
  });

  await walk.step("A file of the context that another program changes marks what will run again", async () => {
    const rerun = page().locator('.view-overlays [class*="ced-"]');
    await rerun.first().waitFor({ state: "detached" });
    writeFileSync(join(work, "app.txt"), "hello again\n");
    await rerun.first().waitFor({ state: "attached" });
    await walk.picture("34-changed-file");
    writeFileSync(join(work, "app.txt"), "hello\n");
    await rerun.first().waitFor({ state: "detached" });
  });

  await walk.step("A change takes the result away and marks what will run again", async () => {
    await line(/sleep\s987/).click();
    await page().keyboard.press("Home");
    await page().keyboard.press("Shift+End");
    await page().keyboard.type("RUN cat /app.txt > /other.txt && sleep 1");
    await line(/other\.txt\s&&\ssleep\s1\s*$/).waitFor();
    await page().locator('.view-overlays [class*="ced-"]').first().waitFor({ state: "attached" });
    await walk.picture("34-prediction");
  });

  await walk.step("A shell opens at a step, which is built first", async () => {
    // The lens of a line that is being changed goes and comes back.
    await page().locator(".codelens-decoration").filter({ hasText: "Build to Here" }).nth(1).waitFor();
    const lenses = page().locator(".codelens-decoration").filter({ hasText: "Build to Here" });
    await window().shell(() => lenses.last().locator("a").filter({ hasText: "Open Shell Here" }).click());
    await window().type("echo in-$((40+2)) $(cat /other.txt)\n");
    await window().terminalShows(/in-42 hello/);
    await walk.picture("35-shell");
    await window().type("exit\n");
  });

  await walk.step("A shell opens at a step that fails, as it was when it failed", async () => {
    await line(/^CMD\ssh/).click();
    await page().keyboard.press("Home");
    await page().keyboard.type("RUN echo half > /half.txt && cat /missing.txt\n");
    await page().keyboard.press("Escape");
    const lenses = page().locator(".codelens-decoration").filter({ hasText: "Build to Here" });
    await lenses.nth(2).waitFor();
    await window().shell(() => lenses.last().locator("a").filter({ hasText: "Open Shell Here" }).click());
    await window().type("echo at-$((40+3)) $(cat /half.txt)\n");
    await window().terminalShows(/at-43 half/);
    await line(/missing\.txt.*FAILED/).waitFor();
    await walk.picture("35-failed-step");
    await window().type("exit\n");
    await line(/missing\.txt/).click();
    await page().keyboard.press("Control+Shift+K");
    await line(/missing\.txt/).waitFor({ state: "detached" });
  });

  await walk.step("The files of a step are listed", async () => {
    await page()
      .locator(".codelens-decoration")
      .filter({ hasText: "Build to Here" })
      .last()
      .locator("a")
      .filter({ hasText: "Browse Files Here" })
      .click();
    // The view is low, so its last row is not drawn yet.
    await window().row("Files of a Step", "bin").click();
    await page().keyboard.press("ArrowLeft");
    await page().keyboard.press("End");
    await window().row("Files of a Step", "other.txt").waitFor();
    await walk.picture("36-files");
  });

  await walk.step("A .dockerignore says what its rules keep out", async () => {
    await openFile(".dockerignore");
    await line(/logs.*keeps\sout\s1\sfile\s·\s50\skB/).waitFor();
    await line(/nothing.*keeps\snothing\sout/).waitFor();
    await walk.picture("37-dockerignore");
  });

  await walk.step("The build context is a tree, and what is too much in it is ignored there", async () => {
    await window().command("Show Build Context");
    await window().row("Build Context", "data").waitFor();
    await walk.picture("37-context");
    await window().rowAction("Build Context", "data", "Ignore This");
    await window().row("Build Context", "data").waitFor({ state: "detached" });
    assert.match(readFileSync(join(work, ".dockerignore"), "utf8"), /^nothing\ndata\n$/m);
    await line(/data.*keeps\sout\s1\sfile\s·\s70\skB/).waitFor();
    await walk.picture("37-ignored");
  });

  await walk.step("A killed language server is back by itself", async () => {
    const before = languageServer();
    process.kill(before, "SIGKILL");
    await openFile("Dockerfile");
    await page().locator(".editor-instance .view-line").first().click();
    await page().keyboard.press("Control+End");
    await page().keyboard.press("Enter");
    await complete("HEAL", "HEALTHCHECK");
    assert.notEqual(languageServer(), before);
    await page().keyboard.press("Control+Z");
    await walk.picture("38-restarted");
  });

  await walk.step("A compose file is written, and brought up by a lens", async () => {
    await openFile("compose.yaml");
    await page().locator(".editor-instance .view-lines").first().click();
    await complete("serv", "services");
    await page().keyboard.type("\n  web:\n  ");
    await complete("ima", "image");
    await complete("busy", "busybox:latest");
    await page().keyboard.type('\ncommand: sh -c "echo web is up; sleep 1000"\nstop_grace_period: 0s');
    await page().keyboard.press("Escape");
    await page().keyboard.press("Control+S");
    await lens("Up", "Shell").click();
    await line(/web:.*running\s1\/1/).waitFor();
    await walk.picture("39-compose-up");
  });

  await walk.step("Drift is shown beside the service", async () => {
    await line(/command:/).click();
    await page().keyboard.press("End");
    await page().keyboard.type("\nenvironment:\n  A: b");
    await page().keyboard.press("Escape");
    await page().keyboard.press("Control+S");
    await line(/web:.*needs\srecreate/).waitFor();
    await walk.picture("40-drift");
  });

  await walk.step("A shell opens in a service", async () => {
    await window().shell(() => lens("Shell", "Shell").click());
    await window().type("echo service-$((40+2))\n");
    await window().terminalShows(/service-42/);
    await walk.picture("40-service-shell");
    await window().type("exit\n");
  });

  await walk.step("Its logs open", async () => {
    await lens("Logs", "Shell").click();
    await window().terminalShows(/web is up/);
    await walk.picture("41-compose-logs");
  });
} finally {
  await browser.close();
  await server.stop();
  await berth("engine", "stop").catch((error: Error) => console.log(error.message));
  // What other ids own in an unprivileged user's engine, only that engine's programs can delete.
  if (existsSync(join(folder, "engine"))) await removeRoot(join(folder, "engine"), testUser(process.getuid!() === 0 ? "root" : "user"));
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = walk.end();
