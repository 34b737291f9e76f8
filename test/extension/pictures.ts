/**
 * Pictures of every view and panel, in four themes and two widths, to be looked at: `node test/extension/pictures.ts [name…]`, after a
 * build. They are in test-output/pictures; with BERTH_PICTURES_README=1 those of the README are made anew, too.
 */
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../scripts/setup.mjs";
import { startVscode } from "../../scripts/vscode.ts";
import type { VscodeServer } from "../../scripts/vscode.ts";
import { removeRoot } from "../support/engine.ts";
import { testUser } from "../support/user.ts";
import { takeFailure, takePictures, WIDTHS } from "./look.ts";
import { fillShowcase, openShowcase } from "./showcase.ts";
import { packageVsix } from "./vsix.ts";
import { launchBrowser, Workbench } from "./workbench.ts";

interface Shot {
  readonly name: string;
  /** Brings it on the screen; the picture is taken when it resolves. */
  readonly show: (window: Workbench) => Promise<void>;
  readonly panel?: boolean;
}

const SHOTS: readonly Shot[] = [
  {
    name: "views",
    show: async (window) => {
      await window.row("Containers", "shop-db-1").filter({ hasText: "unhealthy" }).waitFor();
      await window.row("Images", "busybox").waitFor();
    },
  },
  {
    name: "container",
    show: async (window) => {
      await onlyView(window, "Containers");
      await window.row("Containers", "shop-db-1").filter({ hasText: "unhealthy" }).waitFor();
      await window.expand("Containers", "shop-api-1");
      for (const section of ["Ports", "Mounts", "Networks", "Environment"])
        if ((await window.row("Containers", section).count()) > 0) await window.expand("Containers", section);
    },
  },
  {
    name: "images",
    show: async (window) => {
      await window.collapse("Containers", "shop-api-1");
      await onlyView(window, "Images");
      await window.expand("Images", "shop-web");
    },
  },
  {
    name: "volumes",
    show: async (window) => {
      await onlyView(window, "Volumes");
      await window.unfold("Networks");
      await window.expand("Networks", "shop_front");
      await window.unfold("Projects");
    },
  },
  {
    name: "endpoints",
    show: async (window) => {
      await onlyView(window, "Endpoints");
      await window.unfold("Registries");
      await window.unfold("Projects");
    },
  },
  {
    name: "logs",
    panel: true,
    show: async (window) => {
      await onlyView(window, "Containers");
      const line = window.panel().locator(".line", { hasText: "payment refused" }).first();
      await window.until(line, () => window.rowMenu("Containers", "shop", "Logs of Project"));
    },
  },
  {
    name: "logs-filtered",
    panel: true,
    show: async (window) => {
      const page = window.panel();
      await page.locator("#search input").fill("payment|query");
      await page.locator("#level").selectOption("warn");
      await page.locator("vscode-checkbox", { hasText: "Times" }).click();
      await page.locator("vscode-checkbox", { hasText: "Wrap" }).click();
      await page.locator("#search input").focus();
    },
  },
  {
    name: "logs-endless",
    panel: true,
    show: async (window) => {
      const page = window.panel();
      await page.locator("#search input").fill("^(\\S+\\s?)+\\d{9}x$");
      await page.locator(".error", { hasText: "takes too long" }).waitFor();
      await page.locator("#search input").fill("(pay|slow )+");
      await page.locator(".line mark", { hasText: "slow" }).first().waitFor();
    },
  },
  {
    name: "stats",
    panel: true,
    show: async (window) => {
      const row = window.panel().locator(".numbers table tbody tr", { hasText: "shop-api-1" });
      await window.until(row, () => window.titleAction("Containers", "Show Stats of All"));
      await window.panel().locator(".u-over").first().waitFor();
    },
  },
  {
    name: "stats-table",
    panel: true,
    show: async (window) => {
      await window.panel().locator(".numbers table").scrollIntoViewIfNeeded();
    },
  },
  {
    name: "image",
    panel: true,
    show: async (window) => {
      await onlyView(window, "Images");
      const page = window.panel();
      await window.until(page.locator("dd").first(), () => window.rowMenu("Images", "shop-web:latest", "Explore Layers"));
      const file = page.locator(".files li button", { hasText: "photo-1" }).first();
      await window.until(file, () => page.locator("summary", { hasText: "RUN rm" }).first().click());
    },
  },
  {
    name: "build",
    panel: true,
    show: async (window) => {
      const title = "Show which build?";
      await window.command("Berth: Show Build…", window.page.locator(".quick-input-title", { hasText: title }));
      await window.takeFirst(title);
      await window.panel().locator(".step.failed pre").first().waitFor();
    },
  },
  {
    name: "run",
    panel: true,
    show: async (window) => {
      await onlyView(window, "Images");
      await window.until(window.panel().locator("#field-command input"), () =>
        window.rowMenu("Images", "shop-web:latest", "Run with Options"),
      );
    },
  },
  {
    name: "doctor",
    panel: true,
    show: async (window) => {
      await window.command("Berth: Doctor", window.panel().locator(".good", { hasText: "It answers" }));
      await parked(window);
    },
  },
  {
    name: "status-menu",
    show: async (window) => {
      await window.statusItem(/Berth/).click();
      await window.page.locator(".quick-input-list .monaco-list-row").first().waitFor();
    },
  },
  {
    name: "container-menu",
    show: async (window) => {
      await window.close("Escape");
      await onlyView(window, "Containers");
      await window.row("Containers", "shop-api-1").click({ button: "right" });
      await window.page.locator(".monaco-menu .action-item").first().waitFor();
    },
  },
  {
    name: "walkthrough",
    show: async (window) => {
      await window.page.keyboard.press("Escape");
      const found = window.page.locator(".quick-input-list .monaco-list-row", { hasText: "Containers with Berth" }).first();
      await window.until(found, async () => {
        await window.page.keyboard.press("F1");
        await window.input().fill(">Welcome: Open Walkthrough");
        await window.page.locator(".quick-input-list .monaco-list-row", { hasText: "Welcome: Open Walkthrough" }).last().click();
      });
      await found.click();
      await window.page.locator(".getting-started-step").first().waitFor();
    },
  },
  {
    name: "settings",
    show: async (window) => {
      await window.command("Preferences: Open Remote Settings", window.page.locator(".settings-editor .suggest-input-container").first());
      await window.page.locator(".settings-editor .suggest-input-container").click();
      await window.page.keyboard.type("@ext:berth.berth");
      await window.page.locator(".setting-item-contents", { hasText: "Endpoint" }).first().waitFor();
    },
  },
  {
    name: "dockerfile",
    show: async (window) => {
      await window.page.keyboard.press("Escape");
      await window.openFile("Dockerfile");
      await window.page.locator(".codelens-decoration").first().waitFor();
    },
  },
  {
    name: "main",
    show: async (window) => {
      await window.openFile("Dockerfile");
      await window.page.locator(".codelens-decoration").first().waitFor();
      // The number on the icon is in the way of a click right on it.
      await window.page.locator('.part.activitybar .action-item a[aria-label^="Berth"]').first().click({ force: true });
      for (const view of VIEWS) await (view === "Containers" || view === "Images" ? window.unfold(view) : window.fold(view));
    },
  },
  {
    name: "compose",
    show: async (window) => {
      await window.openFile("compose.yaml");
      await window.page.locator(".codelens-decoration").first().waitFor();
    },
  },
];

/** Those that the README shows: the name in media/, the shot, the theme. */
const README = [
  ["screenshot", "main", "dark"],
  ["logs", "logs-filtered", "light"],
  ["stats", "stats", "dark"],
  ["build", "build", "dark"],
  ["image", "image", "light"],
] as const;

const VIEWS = ["Containers", "Images", "Volumes", "Networks", "Projects", "Registries", "Endpoints"] as const;

async function onlyView(window: Workbench, shown: string): Promise<void> {
  await window.openView("Berth");
  await window.unfold(shown);
  for (const view of VIEWS) if (view !== shown) await window.fold(view);
}

/** The mouse makes things float. */
async function parked(window: Workbench): Promise<void> {
  await window.page.mouse.move(600, 896);
}

const wanted = process.argv.slice(2);
const at = mkdtempSync(join(tmpdir(), "berth-pictures-"));
const { folder, env, berth } = openShowcase(at);
const browser = await launchBrowser();
let server: VscodeServer | undefined;
try {
  await fillShowcase({ folder, env, berth });
  server = await startVscode({ folder, vsix: await packageVsix(), env, settings: { "editor.minimap.enabled": false } });
  const window = await Workbench.open(browser, server.url);
  await window.openView("Berth");
  for (const { name, show, panel } of SHOTS) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    await window.page.setViewportSize({ width: WIDTHS[0], height: 900 });
    await show(window).catch(async (error: Error) => {
      console.log(`${name}: ${error.message.split("\n")[0]}`);
      await takeFailure(window, name);
    });
    const taken = (file: string, theme: string, width: number): void => {
      const shown = README.find(([, shot, kind]) => shot === name && kind === theme);
      if (shown && width === WIDTHS[0] && process.env["BERTH_PICTURES_README"]) copyFileSync(file, join(root, "media", `${shown[0]}.png`));
    };
    await takePictures({ name, window, dataDir: server.dataDir, panel, taken });
    console.log(name);
  }
} finally {
  await browser.close();
  await server?.stop();
  await berth("kill", ...(await berth("ps", "-q")).split("\n").filter(Boolean)).catch(() => undefined);
  await berth("engine", "stop").catch((error: Error) => console.log(error.message));
  await removeRoot(join(at, "engine"), testUser(process.getuid!() === 0 ? "root" : "user"));
  rmSync(at, { recursive: true, force: true });
}
