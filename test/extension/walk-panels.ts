/** Every panel, with what axe-core says of it. */
import assert from "node:assert/strict";
import { checkAccessibility } from "./axe.ts";
import type { Stage } from "./stage.ts";

export async function walkPanels({ walk, window, berth, env }: Stage): Promise<void> {
  await walk.step("A project's logs are merged, filtered by level and by JSON field", async () => {
    await window.rowMenu("Containers", "shop", "Logs of Project");
    const page = window.panel();
    await page.locator(".line", { hasText: "web is up" }).first().waitFor();
    await page.locator(".line", { hasText: "db broke" }).first().waitFor();
    await page.locator(".source", { hasText: "web" }).first().waitFor();
    await walk.picture("20-project-logs");
    await page.locator("#level").selectOption("error");
    await page.locator(".line", { hasText: "web is up" }).first().waitFor({ state: "detached" });
    await page.locator("#level").selectOption("");
    await page.locator("#fields input").fill("status>=500 msg~db");
    await page.locator(".line", { hasText: "web broke" }).first().waitFor({ state: "detached" });
    await page.locator(".line", { hasText: "db broke" }).first().waitFor();
    await checkAccessibility(window, "the logs");
    await window.closeEditor();
  });

  await walk.step("Stats draw curves and a table", async () => {
    await window.titleAction("Containers", "Show Stats of All");
    const page = window.panel();
    await page.locator(".scroll > table tbody tr", { hasText: "shop-web-1" }).waitFor();
    await page.locator(".u-over").first().waitFor();
    await page.locator(".scroll > table tbody tr", { hasText: /B of/ }).first().waitFor();
    await walk.picture("21-stats");
    await checkAccessibility(window, "the stats");
    await window.closeEditor();
  });

  await walk.step("An image's layers show their files, and a click opens one", async () => {
    await window.rowMenu("Images", "sample:latest", "Explore Layers");
    const page = window.panel();
    await page.locator("dd").first().waitFor();
    await page.locator("summary", { hasText: "RUN" }).first().click();
    await page.locator(".files li button", { hasText: "built.txt" }).first().waitFor();
    await walk.picture("22-image");
    await checkAccessibility(window, "the image");
    await page.locator(".files li button", { hasText: "built.txt" }).first().click();
    await window.page.locator(".editor-instance .view-line", { hasText: "Built by Berth" }).first().waitFor();
    await window.closeEditor();
    await window.closeEditor();
  });

  await walk.step("A build is a timeline of its steps", async () => {
    await window.command("Berth: Show Build…");
    await window.page.locator(".quick-input-title", { hasText: "Show which build?" }).waitFor();
    await window.page.keyboard.press("Enter");
    const page = window.panel();
    await page.locator(".step", { hasText: "RUN" }).first().waitFor();
    await walk.picture("23-build");
    await checkAccessibility(window, "the build");
    await window.closeEditor();
  });

  await walk.step("A run form starts a container with its options, and says what is wrong with them", async () => {
    await window.rowMenu("Images", "busybox:latest", "Run with Options");
    const page = window.panel();
    await page.locator("#field-name input").fill("formed");
    await page.locator("#field-command input").fill("sh -c 'trap exit TERM; sleep 1000 & wait'");
    await page.locator("#field-environment textarea").fill("A");
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await page.getByRole("alert").filter({ hasText: '"A" is no variable' }).waitFor();
    await page.locator("#field-environment textarea").fill("A=1");
    await page.locator("#field-memory input").fill("32m");
    await walk.picture("24-run-form");
    await checkAccessibility(window, "the run form");
    await page.getByRole("button", { name: "Run", exact: true }).click();
    await window.row("Containers", "formed").waitFor();
    assert.match(await berth("inspect", "--format", "{{.HostConfig.Memory}} {{.Config.Env}}", "formed"), /33554432 \[.*A=1/);
    await window.closeEditor();
  });

  await walk.step("A container is edited and made anew", async () => {
    const before = await berth("inspect", "--format", "{{.Id}}", "formed");
    await window.rowMenu("Containers", "formed", "Edit and Recreate");
    const page = window.panel();
    await page.locator("#field-memory input").fill("48m");
    await page.getByRole("button", { name: "Recreate" }).click();
    await window.toast(/formed was recreated/).waitFor();
    const after = await berth("inspect", "--format", "{{.Id}} {{.HostConfig.Memory}} {{.State.Status}}", "formed");
    assert.notEqual(after.split(" ")[0], before.trim());
    assert.match(after, / 50331648 running/);
    await window.closeEditor();
  });

  await walk.step("The Doctor says what the machine and the engine are", async () => {
    await window.command("Berth: Doctor");
    await window.page.locator(".editor-instance .view-line", { hasText: "It answers" }).first().waitFor();
    await walk.picture("25-doctor");
    await window.closeEditor();
  });

  await walk.step("Panels are readable in dark, light and high contrast, and come back after a reload", async () => {
    await window.rowMenu("Containers", "shop", "Logs of Project");
    await window.panel().locator(".line", { hasText: "web is up" }).first().waitFor();
    for (const [theme, picture] of [
      ["Default Dark Modern", "29-dark"],
      ["Default Light Modern", "30-light"],
      ["Default High Contrast", "31-high-contrast"],
    ] as const) {
      await window.setTheme(env.dataDir, theme);
      await walk.picture(`${picture}-logs`);
      await checkAccessibility(window, `the logs in ${theme}`);
      await window.titleAction("Containers", "Show Stats of All");
      await window.panel().locator(".u-over").first().waitFor();
      await walk.picture(`${picture}-stats`);
      await checkAccessibility(window, `the stats in ${theme}`);
      await window.closeEditor();
    }
    await window.reload('"title":"Logs: shop"', '"project":"shop"');
    await window.row("Containers", "shop-web-1").waitFor();
    await window.page.locator(".tab", { hasText: "Logs: shop" }).click();
    await window.panel().locator(".line", { hasText: "web is up" }).first().waitFor();
    await walk.picture("32-reloaded");
    await window.closeEditor();
  });
}
