/** Every panel, with what axe-core says of it. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Locator } from "playwright-core";
import type { Stage } from "./stage.ts";

export async function walkPanels({ walk, window, berth, env }: Stage): Promise<void> {
  // Without root a machine with older cgroups lets nobody limit memory, and the engine says so.
  const limitsMemory = async (): Promise<boolean> => (await berth("info", "--format", "{{.MemoryLimit}}")).trim() === "true";

  await walk.step("A project's logs are merged, filtered by level and by JSON field", async () => {
    const page = window.panel();
    await window.until(page.locator(".line", { hasText: "web is up" }).first(), () =>
      window.rowMenu("Containers", "shop", "Logs of Project"),
    );
    await page.locator(".line", { hasText: "db broke" }).first().waitFor();
    await page.locator(".source", { hasText: "web" }).first().waitFor();
    await walk.picture("20-project-logs");
    await page.locator("#level").selectOption("error");
    await page.locator(".line", { hasText: "web is up" }).first().waitFor({ state: "detached" });
    await page.locator("#level").selectOption("");
    await page.getByRole("textbox", { name: "JSON fields" }).fill("status>=500 msg~db");
    await page.locator(".line", { hasText: "web broke" }).first().waitFor({ state: "detached" });
    await page.locator(".line", { hasText: "db broke" }).first().waitFor();
    await page.getByRole("textbox", { name: "JSON fields" }).fill("");
    await page.locator(".line", { hasText: "web broke" }).first().waitFor();
    await window.closeEditor();
  });

  await walk.step("Logs are shown with times, wrapped, and downloaded as they are shown", async () => {
    const page = window.panel();
    await window.until(page.locator(".line", { hasText: "db broke" }).first(), () =>
      window.rowMenu("Containers", "shop", "Logs of Project"),
    );
    assert.equal(await page.locator(".line .time").count(), 0);
    const time = page.locator(".line .time", { hasText: /^\d{4}-\d\d-\d\d \d\d:/ }).first();
    await window.until(time, () => page.locator("vscode-checkbox", { hasText: "Times" }).click());
    const wrapped = page.locator(".lines.wrap .line", { hasText: "db broke" }).first();
    await window.until(wrapped, () => page.locator("vscode-checkbox", { hasText: "Wrap" }).click());
    await walk.picture("20-wrapped");
    await page.getByRole("textbox", { name: "Search" }).fill("db is");
    await page.locator(".line", { hasText: "db broke" }).waitFor({ state: "detached" });
    const saved = (): string => (existsSync(join(env.folder, "shop.log")) ? readFileSync(join(env.folder, "shop.log"), "utf8") : "");
    await window.until(
      () => window.holds(() => saved().endsWith("\n")),
      async () => {
        await window.until(window.input(), () => page.getByRole("button", { name: "Download" }).click());
        await window.answer();
      },
    );
    assert.match(saved(), /^\S+Z db \| \{.*db is up.*\}\n$/);
    await window.closeEditor();
  });

  await walk.step("Stats draw curves and a table", async () => {
    const page = window.panel();
    const row = page.locator(".numbers table tbody tr", { hasText: "shop-web-1" });
    await window.until(row, () => window.titleAction("Containers", "Show Stats of All"));
    await page.locator(".u-over").first().waitFor();
    await page.locator(".numbers table tbody tr", { hasText: /B of/ }).first().waitFor();
    await walk.picture("21-stats");
    await window.closeEditor();
  });

  await walk.step("An image's layers show their files, and a click opens one", async () => {
    const page = window.panel();
    await window.until(page.locator("dd").first(), () => window.rowMenu("Images", "sample:latest", "Explore Layers"));
    const file = page.locator(".files li button", { hasText: "built.txt" }).first();
    await window.until(file, () => page.locator("summary", { hasText: "RUN" }).first().click());
    await walk.picture("22-image");
    const opened = window.page.locator(".editor-instance .view-line", { hasText: "Built by Berth" }).first();
    await window.until(opened, () => file.click());
    await window.closeEditor();
    await window.closeEditor();
  });

  await walk.step("A run form starts a container with its options, and says what is wrong with them", async () => {
    const page = window.panel();
    await window.until(page.locator("#field-name input"), () => window.rowMenu("Images", "busybox:latest", "Run with Options"));
    await page.locator("#field-name input").fill("formed");
    await page.locator("#field-command input").fill("sh -c 'trap exit TERM; sleep 1000 & wait'");
    await page.locator("#field-environment textarea").fill("A");
    const problem = page.getByRole("alert").filter({ hasText: '"A" is no variable' });
    await window.until(problem, () => page.getByRole("button", { name: "Run", exact: true }).click());
    await page.locator("#field-environment textarea").fill("A=1");
    await page.getByRole("textbox", { name: /^Memory limit/ }).fill("32m");
    await walk.picture("24-run-form");
    await window.until(window.row("Containers", "formed"), () => page.getByRole("button", { name: "Run", exact: true }).click());
    assert.match(
      await berth("inspect", "--format", "{{.HostConfig.Memory}} {{.Config.Env}}", "formed"),
      (await limitsMemory()) ? /33554432 \[.*A=1/ : /^0 \[.*A=1/,
    );
    await window.closeEditor();
  });

  await walk.step("A container is edited and made anew", async () => {
    const before = await berth("inspect", "--format", "{{.Id}}", "formed");
    const page = window.panel();
    const heading = page.getByRole("heading", { name: "Edit formed" });
    await window.until(heading, () => window.rowMenu("Containers", "formed", "Edit and Recreate"));
    await page.getByRole("textbox", { name: /^Memory limit/ }).fill("48m");
    await page.getByRole("button", { name: "Recreate" }).click();
    await window.toast(/formed was recreated/).waitFor();
    const after = await berth("inspect", "--format", "{{.Id}} {{.HostConfig.Memory}} {{.State.Status}}", "formed");
    assert.notEqual(after.split(" ")[0], before.trim());
    assert.match(after, (await limitsMemory()) ? / 50331648 running/ : / 0 running/);
    await window.closeEditor();
  });

  await walk.step("The Doctor says what the machine and the engine are", async () => {
    await window.command("Berth: Doctor", window.panel().locator(".good", { hasText: "It answers" }));
    await walk.picture("25-doctor");
    await window.closeEditor();
  });

  await walk.step("Logs go on over a restart, and are there after a removal and a reload", async () => {
    await berth("run", "-d", "--name", "shop-gone-1", "--label", "com.docker.compose.project=shop", "busybox", "sh", "-c", SHORT);
    const lines = (text: string): Locator => window.panel().locator(".line", { hasText: text });
    await window.until(lines("gone was here").first(), () => window.rowMenu("Containers", "shop", "Logs of Project"));
    await berth("restart", "-t", "0", "shop-web-1");
    await lines("web is up").nth(1).waitFor();
    await berth("rm", "-f", "shop-gone-1");
    await lines("shop-gone-1 was removed").waitFor();
    await window.reload('"title":"Logs: shop"', '"project":"shop"');
    await window.row("Containers", "shop-web-1").waitFor();
    await window.until(lines("web is up").nth(1), () => window.page.locator(".tab", { hasText: "Logs: shop" }).click());
    await lines("gone was here").first().waitFor();
    await walk.picture("32-reloaded");
    await window.closeEditor();
  });
}

const SHORT = "echo gone was here; sleep 1000";
