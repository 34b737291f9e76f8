#!/usr/bin/env node
/**
 * What many lines and many containers cost in the window: `node test/extension/bench-ui.ts`, after a build.
 * Prints: the Logs panel of a million lines (first line, all of them, frames while scrolling, filters, memory), and the Containers
 * view of a thousand (from an event to the drawn row, frames while scrolling, and what 200 starts and ends make the window ask).
 */
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FrameLocator, Locator } from "playwright-core";
import { connect } from "../../engine/client/client.ts";
import { busyboxTar } from "../../scripts/base-image.ts";
import { command, root } from "../../scripts/setup.mjs";
import { startVscode } from "../../scripts/vscode.ts";
import { removeRoot } from "../support/engine.ts";
import { testUser } from "../support/user.ts";
import { packageVsix } from "./vsix.ts";
import { launchBrowser, Workbench } from "./workbench.ts";

const LINES = Number(process.env["BERTH_BENCH_LINES"] ?? 1_000_000);
const STORM = Number(process.env["BERTH_BENCH_STORM"] ?? 200);
const CONTAINERS = Number(process.env["BERTH_BENCH_CONTAINERS"] ?? 1000);

const folder = mkdtempSync(join(tmpdir(), "berth-bench-ui-"));
const env = { ...process.env, BERTH_ROOT: join(folder, "engine"), BERTH_NODE: process.execPath };
const berth = (...args: string[]): Promise<string> => command([join(root, "dist/berth"), ...args], { env });

await berth("engine", "start");
await command([join(root, "dist/berth"), "import", "--change", 'CMD ["sh"]', "-", "busybox:latest"], { env, input: await busyboxTar() });
const program = `BEGIN { for (i = 0; i < ${LINES}; i++) printf "{\\"level\\":\\"%s\\",\\"msg\\":\\"request %d of a service\\",\\"status\\":%d}\\n", (i % 50 == 0 ? "error" : "info"), i, (i % 50 == 0 ? 503 : 200) }`;
await berth("run", "--name", "big", "--log-opt", "max-size=1g", "--detach", "busybox", "awk", program);
await berth("wait", "big");

const server = await startVscode({ folder, vsix: await packageVsix(), env });
const browser = await launchBrowser();
try {
  const window = await Workbench.open(browser, server.url);
  await window.openView("Berth");
  await benchLogs(window);
  await benchTree(window);
  await window.page.close();
  await benchStorm();
} finally {
  await browser.close();
  await server.stop();
  await berth("engine", "stop");
  await removeRoot(folder, testUser(process.getuid!() === 0 ? "root" : "user"));
}

async function benchLogs(window: Workbench): Promise<void> {
  await window.row("Containers", "big").waitFor();
  const opened = performance.now();
  await window.rowMenu("Containers", "big", "Search Logs");
  const page = window.panel();
  await page.locator(".line").first().waitFor();
  say("logs: first line", opened);
  const all = `${LINES.toLocaleString("en-US")} / `;
  const count = page.locator(".count");
  await count.filter({ hasText: new RegExp(`^${all}[\\d,]+$`) }).waitFor();
  say(`logs: ${LINES} lines`, opened);
  console.log(`  logs: frames while scrolling ${await framesOf(page.locator(".lines"))}`);
  const heap = await page
    .locator("body")
    .evaluate(() => (performance as unknown as { memory: { usedJSHeapSize: number } }).memory.usedJSHeapSize);
  console.log(`  logs: memory of the page ${(heap / 1e6).toFixed(0)} MB`);
  await jump(page, "Home", "request 0 of");
  await jump(page, "End", `request ${LINES - 1} of`);
  await filter(page, "#search input", `request ${LINES - 1} of`, /^1 \//);
  await filter(page, "#fields input", "status>=500", new RegExp(`^${(LINES / 50).toLocaleString("en-US")} /`));
  await window.closeEditor();
}

/** From the press of a key to the line that it leads to. */
async function jump(page: FrameLocator, key: "Home" | "End", text: string): Promise<void> {
  await page.locator(".lines").focus();
  const pressed = performance.now();
  await page.locator(".lines").press(key);
  await page.locator(".line", { hasText: text }).first().waitFor();
  say(`logs: ${key}`, pressed);
}

async function filter(page: FrameLocator, field: string, text: string, want: RegExp): Promise<void> {
  const started = performance.now();
  await page.locator(field).fill(text);
  await page.locator(".count").filter({ hasText: want }).waitFor();
  say(`logs: filter ${text}`, started);
  await page.locator(field).fill("");
}

async function benchTree(window: Workbench): Promise<void> {
  const client = connect(`unix://${join(env.BERTH_ROOT, "run/berth.sock")}`);
  const started = performance.now();
  for (let at = 0; at < CONTAINERS; at += 20)
    await Promise.all(
      Array.from({ length: Math.min(20, CONTAINERS - at) }, (_, index) =>
        client.containers.create({ Image: "busybox", Cmd: ["true"] }, { name: `many-${at + index}` }),
      ),
    );
  say(`tree: ${CONTAINERS} containers made`, started);
  await window.row("Containers", "many-0").waitFor();
  for (let round = 0; round < 5; round++) {
    const renamed = performance.now();
    await client.containers.rename(`aaa-${round - 1}`, `aaa-${round}`).catch(() => client.containers.rename("many-0", `aaa-${round}`));
    await window.row("Containers", `aaa-${round}`).waitFor();
    say("tree: from a change to its drawn row", renamed);
  }
  console.log(`  tree: frames while scrolling ${await framesOf(window.pane("Containers").locator(".monaco-list").first())}`);
  await client.close();
}

/** Containers that start and end: what the window asks of the engine for it, and when the last one is drawn. */
async function benchStorm(): Promise<void> {
  const relay = await startRelay(join(folder, "relay.sock"), join(env.BERTH_ROOT, "run/berth.sock"));
  const settings = { "berth.endpoint": `unix://${join(folder, "relay.sock")}` };
  const far = await startVscode({ folder, vsix: await packageVsix(), env, settings });
  const client = connect(`unix://${join(env.BERTH_ROOT, "run/berth.sock")}`);
  try {
    const window = await Workbench.open(browser, far.url);
    await window.openView("Berth");
    await window.row("Containers", "many-1").waitFor();
    const before = relay.lists;
    const started = performance.now();
    for (let at = 1; at <= STORM; at += 4)
      await Promise.all(Array.from({ length: Math.min(4, STORM - at + 1) }, (_, index) => client.containers.start(`many-${at + index}`)));
    await client.containers.rename(`many-${STORM + 1}`, "aab");
    say(`tree: ${STORM} containers started and ended`, started);
    await window.row("Containers", "aab").waitFor();
    say("tree: the same, all drawn", started);
    console.log(`  tree: lists that the window asked for meanwhile: ${relay.lists - before}`);
  } finally {
    await far.stop();
    await client.close();
    relay.close();
  }
}

/** Hands everything on to the engine, and counts how often containers are listed. */
async function startRelay(path: string, engine: string): Promise<{ readonly lists: number; close(): void }> {
  let lists = 0;
  const relay = createServer((near) => {
    const far = createConnection(engine);
    near.on("data", (data) => (lists += data.toString("latin1").match(/^GET \S*\/containers\/json/gm)?.length ?? 0));
    near.on("error", () => far.destroy()).on("close", () => far.destroy());
    far.on("error", () => near.destroy()).on("close", () => near.destroy());
    near.pipe(far).pipe(near);
  });
  relay.listen(path);
  await once(relay, "listening");
  return {
    get lists() {
      return lists;
    },
    close: () => relay.close(),
  };
}

function say(what: string, since: number): void {
  console.log(`  ${what}: ${(performance.now() - since).toFixed(0)} ms`);
}

/** Turns the wheel for a while; how far the frames lie from each other. */
async function framesOf(list: Locator): Promise<string> {
  await list.hover();
  const frames = list.evaluate(
    () =>
      new Promise<number[]>((done) => {
        const gaps: number[] = [];
        let last = performance.now();
        const next = (): void => {
          const now = performance.now();
          gaps.push(now - last);
          last = now;
          if (gaps.length < 200) requestAnimationFrame(next);
          else done(gaps.toSorted((a, b) => a - b));
        };
        requestAnimationFrame(next);
      }),
  );
  const { mouse } = list.page();
  let ended = false;
  const gaps = frames.finally(() => (ended = true));
  for (let turn = 0; !ended; turn++) await mouse.wheel(0, turn % 40 < 20 ? -900 : 900);
  const sorted = await gaps;
  const at = (share: number): string => sorted[Math.floor((sorted.length - 1) * share)]!.toFixed(0);
  return `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, worst ${at(1)} ms`;
}

declare function requestAnimationFrame(next: () => void): void;
