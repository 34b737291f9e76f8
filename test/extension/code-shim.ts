#!/usr/bin/env node
/**
 * Stands in for the `code` program where no desktop VS Code can be had: takes the arguments that @vscode/test-electron
 * gives, opens them in a real VS Code server and Chromium, and ends with the suite's exit code.
 */
import { resolve } from "node:path";
import { format } from "node:util";
import { startVscode } from "../../scripts/vscode.ts";
import { launchBrowser, LIMIT_MS } from "./workbench.ts";

const words = process.argv.slice(2);
const value = (name: string): string | undefined => words.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);

const extension = value("extensionDevelopmentPath");
const tests = value("extensionTestsPath");
const extensionsDir = value("extensions-dir");
const folder = words.find((word) => !word.startsWith("-"));
if (!extension || !tests || !folder) throw new Error(`Cannot run tests without an extension, a suite and a folder: ${words.join(" ")}`);

const server = await startVscode({
  folder: resolve(folder),
  development: { extension, tests },
  workspaceTrust: process.env["BERTH_TEST_UNTRUSTED"] !== undefined,
  ...(extensionsDir && { extensionsDir }),
});
const browser = await launchBrowser();
try {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  let outcome: number | undefined;
  const done = new Promise<number>((end, fail) => {
    void page.exposeFunction("codeAutomationExit", end);
    page.on("crash", () => fail(new Error("The page crashed")));
    // The suite's last words come before its exit code, which a window that closes at once may keep to itself.
    page.on("close", () => (outcome === undefined ? fail(new Error("The page was closed")) : end(outcome)));
  });
  // What the extension host prints arrives as (level, [format, ...values]).
  await page.exposeFunction("codeAutomationLog", (_level: string, values: unknown[]) => {
    const text = format(...values);
    const failed = /^\[berth\]\d+ passed, (\d+) failed/.exec(text)?.[1];
    if (failed !== undefined) outcome = failed === "0" ? 0 : 1;
    if (text.startsWith("[berth]")) console.log(text.slice("[berth]".length));
  });
  await page.goto(server.url, { waitUntil: "domcontentloaded", timeout: LIMIT_MS });
  process.exitCode = await done;
} finally {
  await browser.close().catch(() => undefined);
  await server.stop();
}
