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
import { endProgram } from "../support/processes.ts";
import { testUser } from "../support/user.ts";
import { Walk } from "./steps.ts";
import { packageVsix } from "./vsix.ts";
import { launchBrowser, Workbench } from "./workbench.ts";

/** It runs until somebody ends it: no time is long enough for every machine. */
const STEP = "RUN cat /app.txt > /seen.txt; sleep 987 || true";
const COMPOSE = [
  "services:",
  "  web:",
  "    image: busybox:latest",
  '    command: sh -c "echo web is up; sleep 1000"',
  "    stop_grace_period: 0s",
];

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
const settings = {
  // What is offered may come up at any moment: a line that ends is not to take it.
  "editor.acceptSuggestionOnEnter": "off",
  ...(theme ? { "workbench.colorTheme": theme } : {}),
};
const server = await startVscode({ folder: work, vsix: await packageVsix(), env, settings });
const browser = await launchBrowser();
let opened: Workbench | undefined;
const walk = new Walk(() => opened);
const window = (): Workbench => opened!;
const page = (): Workbench["page"] => window().page;
const suggestion = (label: string): Locator =>
  page().locator(".suggest-widget.visible .monaco-list-row").filter({ hasText: label }).first();
const line = (text: string | RegExp): Locator => page().locator(".editor-instance .view-line").filter({ hasText: text }).first();
const rerun = (): Locator => page().locator('.view-overlays [class*="ced-"]').first();

/** Clicks a lens right above a line. The editor keeps lenses in no order, and those of a new line come later, so it is known by its place. */
async function clickLens(title: string, below: string | RegExp): Promise<void> {
  const id = await line(below).evaluate((found) => {
    const { top, height } = found.getBoundingClientRect();
    const lenses = [...found.closest(".editor-instance")!.querySelectorAll(".codelens-decoration")];
    const own = lenses.find((lens) => Math.abs(lens.getBoundingClientRect().bottom - top) < height / 2);
    return own?.getAttribute("widgetid");
  });
  assert.ok(id, `no lens is above ${below} yet`);
  await page().locator(`.codelens-decoration[widgetid="${id}"] a`).filter({ hasText: title }).first().click();
}

/** Types in the editor, and takes the suggestion that is named. */
async function complete(typed: string, label: string): Promise<void> {
  await page().keyboard.type(typed);
  const widget = page().locator(".suggest-widget.visible");
  const none = widget.locator(".message:visible").filter({ hasText: "No suggestions" });
  const take = async (): Promise<void> => {
    if (!(await suggestion(label).isVisible())) await page().keyboard.press("Control+Space");
    await suggestion(label).or(none).first().waitFor();
    await suggestion(label).click({ timeout: 1000 });
  };
  // A server that starts, or starts again, has nothing to say yet: the editor is asked until it has. Escape would end a snippet, too.
  await window().until(line(label), take, async () => {
    if (await widget.isVisible()) await page().keyboard.press("Escape");
  });
}

/** Saves what is typed, and waits until the file has it: what is built and brought up is the file. */
async function saved(name: string, text: string): Promise<void> {
  const same = (): boolean => readFileSync(join(work, name), "utf8") === text;
  await window().until(
    () => window().holds(same),
    () => page().keyboard.press("Control+S"),
  );
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
    await complete("FR", "FROM");
    await complete("busy", "busybox:latest");
    await page().keyboard.press("End");
    await page().keyboard.type("\n");
    await complete("COP", "COPY");
    await complete("ap", "app.txt");
    await page().keyboard.press("Tab");
    await page().keyboard.type("/app.txt");
    await line(/^COPY\sapp\.txt\s\/app\.txt$/).waitFor();
    await page().keyboard.press("Escape");
    await page().keyboard.press("Escape");
    await page().keyboard.press("End");
    await page().keyboard.type(`\n${STEP}\n`);
    await saved("Dockerfile", `FROM busybox:latest\nCOPY app.txt /app.txt\n${STEP}\n`);
    await walk.picture("30-written");
  });

  await walk.step("It is broken, and a quick fix mends it", async () => {
    await page().keyboard.type("CDM sh");
    await page().keyboard.press("Escape");
    await page().locator(".squiggly-error").first().waitFor();
    await walk.picture("31-broken");
    const fix = page().locator(".action-widget .monaco-list-row.focused").filter({ hasText: "Change it to CMD" }).first();
    await window().until(line("CMD sh"), async () => {
      if (!(await fix.isVisible())) await page().keyboard.press("Control+.");
      await fix.waitFor();
      await walk.picture("32-quick-fix");
      await page().keyboard.press("Enter");
    });
    await page().locator(".squiggly-error").first().waitFor({ state: "detached" });
    await saved("Dockerfile", `FROM busybox:latest\nCOPY app.txt /app.txt\n${STEP}\nCMD sh`);
  });

  await walk.step("It is built by the lens above it, and says behind each line what that took", async () => {
    await window().opensTerminal(/Building shop:latest/, async () => {
      await window().until(window().input(), () => clickLens("Build", /^FROM/));
      await window().answer("shop:latest");
    });
    await line(/sleep\s987.*building…/).waitFor();
    await walk.picture("33-building");
    // It runs until this has been seen.
    // On a slow machine a build that was slow to show has been begun twice: each ends so.
    await window().holds(async () => {
      endProgram(join(folder, "engine"), "sleep 987");
      return line(/sleep\s987.*\d\s(ms|s|m)\b/).isVisible();
    });
    await window()
      .toast(/Building shop/)
      .waitFor({ state: "detached" });
    await walk.picture("33-results");
  });

  await walk.step("A file of the context that another program changes marks what will run again", async () => {
    await rerun().waitFor({ state: "detached" });
    await window().until(
      () => rerun().waitFor({ state: "attached" }),
      async () => writeFileSync(join(work, "app.txt"), "hello again\n"),
    );
    await walk.picture("34-changed-file");
    await window().until(
      () => rerun().waitFor({ state: "detached" }),
      async () => writeFileSync(join(work, "app.txt"), "hello\n"),
    );
  });

  await walk.step("A change takes the result away and marks what will run again", async () => {
    await line(/sleep\s987/).click();
    await page().keyboard.press("Home");
    await page().keyboard.press("Shift+End");
    await page().keyboard.type("RUN cat /app.txt > /other.txt && sleep 1");
    await line(/other\.txt\s&&\ssleep\s1\s*$/).waitFor();
    await rerun().waitFor({ state: "attached" });
    await walk.picture("34-prediction");
  });

  await walk.step("A shell opens at a step, which is built first", async () => {
    await window().shell(
      () => clickLens("Open Shell Here", /other\.txt/),
      async (says) => {
        await says("echo in-$((40+2)) $(cat /other.txt)", /in-42 hello/);
        await walk.picture("35-shell");
      },
    );
  });

  await walk.step("A shell opens at a step that fails, as it was when it failed", async () => {
    await line(/^CMD\ssh/).click();
    await page().keyboard.press("Home");
    await page().keyboard.type("RUN echo half > /half.txt && cat /missing.txt\n");
    await page().keyboard.press("Escape");
    await window().shell(
      () => clickLens("Open Shell Here", /missing\.txt/),
      async (says) => {
        await says("echo at-$((40+3)) $(cat /half.txt)", /at-43 half/);
        await line(/missing\.txt.*FAILED/).waitFor();
        await walk.picture("35-failed-step");
      },
    );
    await line(/missing\.txt/).click();
    await page().keyboard.press("Control+Shift+K");
    await line(/missing\.txt/).waitFor({ state: "detached" });
  });

  await walk.step("The files of a step are listed", async () => {
    await window().until(window().row("Files of a Step", "bin"), () => clickLens("Browse Files Here", /other\.txt/));
    // The view is low, so its last row is not drawn yet.
    await window().until(window().row("Files of a Step", "other.txt"), async () => {
      await window().pane("Files of a Step").locator(".monaco-list").focus();
      await page().keyboard.press("End");
    });
    await walk.picture("36-files");
  });

  await walk.step("A .dockerignore says what its rules keep out", async () => {
    await window().openFile(".dockerignore");
    await line(/logs.*keeps\sout\s1\sfile\s·\s50\skB/).waitFor();
    await line(/nothing.*keeps\snothing\sout/).waitFor();
    await walk.picture("37-dockerignore");
  });

  await walk.step("The build context is a tree, and what is too much in it is ignored there", async () => {
    const data = window().row("Build Context", "data");
    await window().command("Show Build Context", data);
    await walk.picture("37-context");
    await window().until(
      () => data.waitFor({ state: "detached" }),
      () => window().rowAction("Build Context", "data", "Ignore This"),
    );
    await window().holds(() => readFileSync(join(work, ".dockerignore"), "utf8").endsWith("nothing\ndata\n"));
    await line(/data.*keeps\sout\s1\sfile\s·\s70\skB/).waitFor();
    await walk.picture("37-ignored");
  });

  await walk.step("A killed language server is back by itself", async () => {
    const before = languageServer();
    process.kill(before, "SIGKILL");
    await window().openFile("Dockerfile");
    await page().keyboard.press("Control+End");
    await page().keyboard.press("Enter");
    await complete("HEAL", "HEALTHCHECK");
    assert.notEqual(languageServer(), before);
    await page().keyboard.press("Control+Z");
    await walk.picture("38-restarted");
  });

  await walk.step("A compose file is written, and brought up by a lens", async () => {
    await window().openFile("compose.yaml");
    await complete("serv", "services");
    await page().keyboard.type("\n  web:\n  ");
    await complete("ima", "image");
    await complete("busy", "busybox:latest");
    await page().keyboard.type('\ncommand: sh -c "echo web is up; sleep 1000"\nstop_grace_period: 0s');
    await page().keyboard.press("Escape");
    await saved("compose.yaml", COMPOSE.join("\n"));
    await window().until(line(/web:.*running\s1\/1/), () => clickLens("Up", /^\s*web:/));
    await walk.picture("39-compose-up");
  });

  await walk.step("Drift is shown beside the service", async () => {
    await line(/command:/).click();
    await page().keyboard.press("End");
    await page().keyboard.type("\nenvironment:\n  A: b");
    await page().keyboard.press("Escape");
    await saved("compose.yaml", COMPOSE.toSpliced(4, 0, "    environment:", "      A: b").join("\n"));
    await line(/web:.*needs\srecreate/).waitFor();
    await walk.picture("40-drift");
  });

  await walk.step("A shell opens in a service", async () => {
    await window().shell(
      () => clickLens("Shell", /^\s*web:/),
      async (says) => {
        await says("echo service-$((40+2))", /service-42/);
        await walk.picture("40-service-shell");
      },
    );
  });

  await walk.step("Its logs open", async () => {
    await window().opensTerminal(/web is up/, () => clickLens("Logs", /^\s*web:/));
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
