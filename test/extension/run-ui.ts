/**
 * Berth as a person uses it: the built VSIX in a real VS Code, in Chromium, on a real engine; no docker anywhere.
 * Screenshots of every stage go to test-output/screenshots.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { busyboxTar } from "../../scripts/base-image.ts";
import { page } from "../../scripts/page.ts";
import { command, root } from "../../scripts/setup.mjs";
import { setLanguage, startVscode } from "../../scripts/vscode.ts";
import { removeRoot } from "../support/engine.ts";
import { testUser } from "../support/user.ts";
import { Walk } from "./steps.ts";
import { walkBuild } from "./walk-build.ts";
import { walkPanels } from "./walk-panels.ts";
import { walkThemes } from "./walk-themes.ts";
import { walkViews } from "./walk-views.ts";
import { packageVsix } from "./vsix.ts";
import { launchBrowser, LIMIT_MS, Workbench } from "./workbench.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-ui-"));
const env = { ...process.env, BERTH_ROOT: join(folder, "engine"), BERTH_NODE: process.execPath };
const berth = (...args: string[]): Promise<string> => command([join(root, "dist/berth"), ...args], { env });
cpSync(join(root, "media/sample"), join(folder, "sample"), { recursive: true });

await berth("engine", "start");
await command([join(root, "dist/berth"), "import", "--change", 'CMD ["sh"]', "-", "busybox:latest"], { env, input: await busyboxTar() });
await berth("engine", "stop");

const server = await startVscode({ folder: join(folder, "sample"), vsix: await packageVsix(), env, settings: { "files.autoSave": "off" } });
const browser = await launchBrowser();
let window: Workbench | undefined;
const walk = new Walk(() => window);
let url = "";

try {
  await walk.step("VS Code opens the sample, and Berth has not been asked for an engine yet", async () => {
    window = await Workbench.open(browser, server.url);
    await window.page.locator('.explorer-folders-view .monaco-list-row[aria-label^="Dockerfile"]').first().waitFor();
  });

  await walk.step("The view starts the engine by itself and says that there are no containers", async () => {
    await window!.openView("Berth");
    await window!.statusItem(/Berth: 0 running/).waitFor();
    await window!
      .pane("Containers")
      .locator(".welcome-view-content")
      .filter({ hasText: /container/i })
      .first()
      .waitFor();
    await window!.row("Images", "busybox").waitFor();
    await walk.picture("1-welcome");
  });

  await walk.step("Right-click on the Dockerfile builds an image, with a line a step", async () => {
    await window!.openView("Explorer");
    await window!.opensTerminal(/Building sample/, async () => {
      await window!.fileMenu("Dockerfile", "Build Image…");
      assert.match(await window!.answer(), /^sample(:latest)?$/);
    });
    await window!.toast(/Built sample/).waitFor();
    await window!.terminalShows(/RUN echo/);
    await walk.picture("2-build");
  });

  await walk.step("Right-click on the Dockerfile runs it: the tree shows the container", async () => {
    await window!.opensTerminal(/Building sample/, () => window!.fileMenu("Dockerfile", "Run"));
    await window!.toast(/answers at http/).waitFor();
    await window!.toast(/Building sample/).waitFor({ state: "detached" });
    await window!.openView("Berth");
    await window!.row("Containers", "sample").waitFor();
    await window!.statusItem(/Berth: 1 running/).waitFor();
    await window!.row("Images", "sample").waitFor();
    await walk.picture("3-running");
  });

  await walk.step("Its page answers", async () => {
    url = `http://${(await berth("port", "sample", "8080/tcp")).trim()}`;
    assert.match(await page(url), /Berth works/);
    const tab = await browser.newPage();
    tab.setDefaultTimeout(LIMIT_MS);
    await tab.goto(url);
    assert.equal(await tab.locator("h1").innerText(), "Berth works");
    await tab.close();
  });

  await walk.step("A shell in it works, with its own size", async () => {
    await window!.openFile("Dockerfile");
    await window!.openView("Berth");
    await window!.shell(
      () => window!.rowAction("Containers", "sample", "Open Shell"),
      async (says) => {
        await says("echo in-$((40+2)) $(cat built.txt)", /in-42 Built by Berth/);
        await walk.picture("4-shell");
      },
    );
    await window!.closeEditor();
  });

  await walk.step("Its logs follow", async () => {
    await window!.opensTerminal(/listening on port 8080/, () => window!.rowMenu("Containers", "sample", "View Logs"));
    await page(`${url}/style.css`);
    await window!.terminalShows(/style\.css/);
    await walk.picture("5-logs");
  });

  await walk.step("Its logs can be searched in a panel", async () => {
    const page = window!.panel();
    const listening = page.locator(".line", { hasText: "listening on port 8080" });
    await window!.until(listening, () => window!.rowMenu("Containers", "sample", "Search Logs"));
    await page.locator("#search input").fill("style.css");
    await page.locator(".line", { hasText: "listening" }).waitFor({ state: "detached" });
    await page.locator(".line", { hasText: "url:/style.css" }).first().waitFor();
    await walk.picture("6-search-logs");
    await window!.closeEditor();
  });

  const start = (...args: string[]): ChildProcess => spawn(join(root, "dist/berth"), args, { env });
  const stage = { walk, window: window!, berth, start, env: { dataDir: server.dataDir, folder: join(folder, "sample") } };
  await walkViews(stage);
  await walkPanels(stage);
  await walkBuild(stage);
  await walkThemes(stage);
  for (const name of (await berth("ps", "-aq", "--filter", "name=shop", "--filter", "name=formed")).split("\n").filter(Boolean))
    await berth("rm", "-f", name);

  await walk.step("The tree follows what a terminal does", async () => {
    await berth("run", "-d", "--name", "from-terminal", "busybox", "sleep", "1000");
    await window!.row("Containers", "from-terminal").waitFor();
    await window!.statusItem(/Berth: 2 running/).waitFor();
    await berth("rm", "-f", "from-terminal");
    await window!.row("Containers", "from-terminal").waitFor({ state: "detached" });
  });

  await walk.step("A killed engine is back by itself, with its container, and open panels go on", async () => {
    const listening = window!.panel().locator(".line", { hasText: "listening on port 8080" });
    await window!.until(listening, () => window!.rowMenu("Containers", "sample", "Search Logs"));
    const stats = window!.panel().locator(".numbers table tbody tr");
    await window!.until(stats.filter({ hasText: "sample" }), () => window!.titleAction("Containers", "Show Stats of All"));
    // The command says by its exit code that no engine runs.
    const pidOf = async (): Promise<number> =>
      (JSON.parse(await berth("engine", "status", "--format", "json").catch(() => '{ "pid": 0 }')) as { pid: number }).pid;
    const killed = await pidOf();
    process.kill(killed, "SIGKILL");
    // Only the window wants an engine here, and it alone starts the next one.
    await window!.holds(async () => ![0, killed].includes(await pidOf()));
    await window!.statusItem(/Berth: 1 running/).waitFor();
    assert.match(await page(url), /Berth works/);
    await berth("run", "-d", "--name", "newcomer", "busybox", "sleep", "1000");
    await stats.filter({ hasText: "newcomer" }).waitFor();
    await window!.row("Containers", "newcomer").waitFor();
    await window!.closeEditor();
    await page(`${url}/index.html`);
    await window!.panel().locator(".line", { hasText: "url:/index.html" }).first().waitFor();
    await walk.picture("33-recovered");
    await window!.closeEditor();
    await berth("rm", "-f", "newcomer");
    await window!.row("Containers", "newcomer").waitFor({ state: "detached" });
  });

  await walk.step("Stop, start and remove from its menu", async () => {
    await window!.until(window!.statusItem(/Berth: 0 running/), () => window!.rowMenu("Containers", "sample", "Stop"));
    await window!.row("Containers", "exited (0)").waitFor();
    await walk.picture("7-stopped");
    await window!.until(window!.statusItem(/Berth: 1 running/), () => window!.rowAction("Containers", "sample", "Start"));
    await window!.until(
      () => window!.row("Containers", "sample").waitFor({ state: "detached" }),
      async () => {
        await window!.rowMenu("Containers", "sample", "Remove");
        await window!.dialog().getByRole("button", { name: "Remove" }).click();
      },
    );
    assert.equal(await berth("ps", "-aq"), "");
  });

  await walk.step("A stopped engine is said to be stopped, and a button starts it", async () => {
    await berth("engine", "stop");
    await window!.statusItem(/Berth: stopped/).waitFor();
    await walk.picture("8-engine-stopped");
    const start = window!.pane("Containers").getByRole("button", { name: /Start/ }).first();
    await window!.until(window!.statusItem(/Berth: 0 running/), () => start.click());
  });

  await walk.step("In a German window Berth speaks German", async () => {
    await setLanguage(server.dataDir, "de");
    await window!.reload();
    await window!.openView("Berth");
    await window!.pane("Netzwerke").waitFor();
    await window!
      .pane("Container")
      .getByRole("button", { name: "Ein Beispiel starten" })
      .or(window!.pane("Container").getByText("Ein Beispiel starten"))
      .first()
      .waitFor();
    await window!.statusItem(/Berth: 0 laufen/).waitFor();
    await walk.picture("40-german");
  });
} finally {
  await browser.close();
  await server.stop();
  await berth("engine", "stop").catch((error: Error) => console.log(error.message));
  // What other ids own in an unprivileged user's engine, only that engine's programs can delete.
  await removeRoot(join(folder, "engine"), testUser(process.getuid!() === 0 ? "root" : "user"));
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = walk.end();
