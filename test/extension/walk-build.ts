/** The Build panel: a build while it runs, and when it has failed. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { endProgram } from "../support/processes.ts";
import type { Stage } from "./stage.ts";
import type { Workbench } from "./workbench.ts";

/** A step that goes on until somebody ends it: no time is long enough for every machine. */
const WAITING = "sleep 98765";

const DOCKERFILE = `FROM busybox
RUN echo begun; ${WAITING} || echo woken
RUN echo half > /half.txt && cat /missing.txt
`;

export async function walkBuild({ walk, window, start, env }: Stage): Promise<void> {
  await walk.step("A running build is a timeline that grows, and a shell opens in the step that failed", async () => {
    const context = join(env.folder, "..", "broken");
    mkdirSync(context);
    writeFileSync(join(context, "Dockerfile"), DOCKERFILE);
    const build = start("build", "--progress", "plain", "-t", "broken", context);
    const ended = once(build, "exit");
    let said = "";
    await new Promise<void>((began, fail) => {
      build.stderr!.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        if (/\d begun/.test(said)) began();
      });
      build.once("exit", () => fail(new Error(said)));
    });
    const page = window.panel();
    const running = page.locator(".step.running", { hasText: "begun" });
    await window.until(running, () => showBuild(window));
    // Whoever presses slowly does so while the page is drawn anew, twice a second.
    const show = running.getByRole("button", { name: /Show output/ });
    await window.until(running.locator("pre", { hasText: "begun" }), () => show.click({ delay: 1200 }));
    await page.locator(".step.waiting", { hasText: "missing.txt" }).waitFor();
    await walk.picture("23-build-running");
    await window.holds(() => endProgram(join(env.folder, "../engine"), WAITING));
    await page.locator(".step.done", { hasText: "begun" }).waitFor();
    await page.locator(".step.done pre", { hasText: "woken" }).waitFor();
    const failed = page.locator(".step.failed", { hasText: "missing.txt" });
    await failed.waitFor();
    assert.deepEqual([(await ended)[0], /missing\.txt/.test(said)], [1, true]);
    await walk.picture("23-build-failed");
    await window.shell(
      () => failed.getByRole("button", { name: /Open shell here/ }).click(),
      (says) => says("cat /half.txt", /half\.txt\s*half/),
    );
    await window.closeEditor();
  });
}

/** Shows the newest build. The palette comes first: a page that takes the focus would close it. */
export async function showBuild(window: Workbench): Promise<void> {
  const title = "Show which build?";
  await window.command("Berth: Show Build…", window.page.locator(".quick-input-title", { hasText: title }));
  await window.takeFirst(title);
}
