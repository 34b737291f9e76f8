/** Every view, as a person goes through them. */
import assert from "node:assert/strict";
import type { Locator } from "playwright-core";
import type { Stage } from "./stage.ts";

export async function walkViews({ walk, window, berth }: Stage): Promise<void> {
  await walk.step("Containers are grouped by compose project, and by any label", async () => {
    const project = (service: string): string[] => [
      "--label",
      "com.docker.compose.project=shop",
      "--label",
      `com.docker.compose.service=${service}`,
    ];
    await berth("volume", "create", "data");
    await berth("network", "create", "front");
    const script = (name: string): string =>
      `echo '{"level":"info","msg":"${name} is up","status":200}'; echo '{"level":"error","msg":"${name} broke","status":503}' >&2; sleep 1000`;
    await berth(
      "run",
      "-d",
      "--name",
      "shop-web-1",
      ...project("web"),
      "--network",
      "front",
      "-e",
      "GREETING=hello",
      "-p",
      "127.0.0.1:0:80",
      "-v",
      "data:/data",
      "busybox",
      "sh",
      "-c",
      script("web"),
    );
    await berth(
      "run",
      "-d",
      "--name",
      "shop-db-1",
      ...project("db"),
      "--memory",
      "64m",
      "--env",
      "MODE=test",
      "busybox",
      "sh",
      "-c",
      script("db"),
    );
    await window.row("Containers", "shop").waitFor();
    await window.row("Containers", "shop-web-1").waitFor();
    await walk.picture("10-groups");
  });

  await walk.step("A container's row opens to ports, mounts, networks, environment and files", async () => {
    for (const view of ["Images", "Projects"]) await window.fold(view);
    await window.expand("Containers", "shop-web-1");
    for (const section of ["Files", "Ports", "Mounts", "Networks", "Environment"]) await window.row("Containers", section).waitFor();
    await window.expand("Containers", "Environment");
    await window.row("Containers", "GREETING").filter({ hasText: "hello" }).waitFor();
    await window.expand("Containers", "Mounts");
    await window.row("Containers", "/data").waitFor();
    await window.collapse("Containers", "Environment");
    await window.expand("Containers", "Files");
    await window.row("Containers", "etc").waitFor();
    await walk.picture("11-container-children");
  });

  await walk.step("A file of a container is opened, changed and saved", async () => {
    await berth("exec", "shop-web-1", "sh", "-c", "echo before > /aaa.txt");
    const file = window.row("Containers", "aaa.txt");
    await window.until(file, () => window.moreActions("Containers", "Refresh"));
    const line = (text: string): Locator => window.page.locator(".editor-instance .view-line", { hasText: text });
    await window.until(line("before"), () => file.click());
    await window.until(window.page.locator(".editor-instance .monaco-editor.focused"), () => line("before").click());
    await window.until(line("after"), async () => {
      await window.page.keyboard.press("Control+A");
      await window.page.keyboard.type("after");
    });
    // A tab is without a mark also before what was typed has arrived.
    await window.page.locator(".tab.active.dirty", { hasText: "aaa.txt" }).waitFor();
    await window.until(window.page.locator(".tab.active:not(.dirty)", { hasText: "aaa.txt" }), () =>
      window.page.keyboard.press("Control+S"),
    );
    assert.equal(await berth("exec", "shop-web-1", "cat", "/aaa.txt"), "after");
    await walk.picture("12-file");
    await window.collapse("Containers", "shop-web-1");
    await window.closeEditor();
  });

  await walk.step("The filter narrows the view as it is typed", async () => {
    const web = window.row("Containers", "shop-web-1");
    await window.until(
      () => web.waitFor({ state: "detached" }),
      async () => {
        await window.titleAction("Containers", "Filter");
        await window.input().fill("db");
      },
    );
    await window.row("Containers", "shop-db-1").waitFor();
    await window.close("Enter");
    await window.until(web, () => window.titleAction("Containers", "Clear Filter"));
  });

  await walk.step("State is said in words to those who cannot see it", async () => {
    const label = await window.row("Containers", "shop-db-1").getAttribute("aria-label");
    assert.match(label ?? "", /shop-db-1, running, busybox/);
  });

  await walk.step("Volumes say how big they are and who uses them, and show their files", async () => {
    await window.unfold("Volumes");
    await window.row("Volumes", "data").filter({ hasText: "used by shop-web-1" }).waitFor();
    await berth("exec", "shop-web-1", "sh", "-c", "echo kept > /data/note.txt");
    await berth("stop", "-t", "0", "shop-web-1");
    await window.expand("Volumes", "data");
    await window.expand("Volumes", "Files");
    await window.row("Volumes", "note.txt").waitFor();
    await walk.picture("13-volumes");
    await berth("start", "shop-web-1");
    await window.fold("Volumes");
  });

  await walk.step("Networks show who is connected, with addresses", async () => {
    await window.unfold("Networks");
    await window.expand("Networks", "front");
    await window
      .row("Networks", "shop-web-1")
      .filter({ hasText: /\d+\.\d+\.\d+\.\d+/ })
      .waitFor();
    await walk.picture("14-networks");
    await window.fold("Networks");
  });

  await walk.step("Projects show their services", async () => {
    await window.unfold("Projects");
    await window.row("Projects", "shop").filter({ hasText: "2 of 2 running" }).waitFor();
    await window.expand("Projects", "shop");
    await window.row("Projects", "db").waitFor();
    await walk.picture("15-projects");
    await window.fold("Projects");
  });

  await walk.step("Images are grouped by repository and say what is in use", async () => {
    await window.unfold("Images");
    await window.row("Images", "busybox:latest").filter({ hasText: "in use" }).waitFor();
    await window.expand("Images", "sample:latest");
    await window.row("Images", "COPY").waitFor();
    await walk.picture("16-images");
    await window.collapse("Images", "sample:latest");
  });

  await walk.step("Endpoints: the one in use, and what else there is", async () => {
    await window.unfold("Endpoints");
    await window.row("Endpoints", "Berth").filter({ hasText: "in use" }).waitFor();
    await walk.picture("17-endpoints");
    await window.fold("Endpoints");
  });

  await walk.step("A container is paused, resumed and renamed from its menu", async () => {
    const row = window.row("Containers", "shop-db-1");
    await window.until(row.filter({ hasText: "paused" }), () => window.rowMenu("Containers", "shop-db-1", "Pause"));
    await window.until(row.filter({ hasNotText: "paused" }), () => window.rowMenu("Containers", "shop-db-1", "Resume"));
    await window.until(window.row("Containers", "shop-store-1"), async () => {
      await window.rowMenu("Containers", "shop-db-1", "Rename");
      await window.answer("shop-store-1");
    });
    assert.match(await berth("ps", "--format", "{{.Names}}"), /shop-store-1/);
  });

  await walk.step("What a terminal would do is copied", async () => {
    const first = window.page.locator(".quick-input-list .monaco-list-row").first();
    await window.until(first, () => window.rowMenu("Containers", "shop-store-1", "Copy Equivalent"));
    assert.match(await first.innerText(), /berth run --detach --name shop-store-1 .*--env MODE=test.* busybox/);
    await walk.picture("18-command");
    await window.close("Escape");
  });
}
