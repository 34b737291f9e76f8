/** Every panel in every theme: a picture, and what axe-core says of it. */
import type { FrameLocator } from "playwright-core";
import { checkAccessibility } from "./axe.ts";
import type { Stage } from "./stage.ts";
import { showBuild } from "./walk-build.ts";
import type { Workbench } from "./workbench.ts";

const THEMES = [
  ["Default Dark Modern", "dark", "vscode-dark"],
  ["Default Light Modern", "light", "vscode-light"],
  ["Default High Contrast", "high-contrast", "vscode-high-contrast"],
] as const;

/** The tab, and what is in its page when it can be looked at. */
const PANELS: readonly (readonly [tab: string, name: string, ready: (page: FrameLocator, window: Workbench) => Promise<void>])[] = [
  ["Logs: shop", "logs", (page) => page.locator(".line", { hasText: "web is up" }).first().waitFor()],
  ["Stats: ", "stats", (page) => page.locator(".u-over").first().waitFor()],
  [
    "Image: sample",
    "image",
    async (page, window) => {
      const layer = page.locator("details", { hasText: "RUN" }).first();
      const file = layer.locator(".files li button", { hasText: "built.txt" }).first();
      await window.until(file, async () => {
        if ((await layer.getAttribute("open")) === null) await layer.locator("summary").click();
      });
    },
  ],
  ["Build: ", "build", (page) => page.locator(".step.failed pre").first().waitFor()],
  ["Run busybox", "run", (page) => page.locator("#field-command input").waitFor()],
];

export async function walkThemes({ walk, window, env }: Stage): Promise<void> {
  await walk.step("All panels open beside each other", async () => {
    const open: (readonly [tab: string, open: () => Promise<void>])[] = [
      ["Build: ", () => showBuild(window)],
      ["Logs: shop", () => window.rowMenu("Containers", "shop", "Logs of Project")],
      ["Stats: ", () => window.titleAction("Containers", "Show Stats of All")],
      ["Image: sample", () => window.rowMenu("Images", "sample:latest", "Explore Layers")],
      ["Run busybox", () => window.rowMenu("Images", "busybox:latest", "Run with Options")],
    ];
    for (const [tab, action] of open) {
      await window.until(window.page.locator(".tab.active", { hasText: tab }), action);
      await PANELS.find(([name]) => name === tab)![2](window.panel(), window);
    }
  });

  for (const [theme, picture, kind] of THEMES)
    await walk.step(`Every panel is readable and accessible in ${theme}`, async () => {
      await window.setTheme(env.dataDir, theme);
      for (const [tab, name, ready] of PANELS) {
        await window.until(window.page.locator(".tab.active", { hasText: tab }), () =>
          window.page.locator(".tab", { hasText: tab }).click(),
        );
        const page = window.panel();
        await page.locator(`body.${kind}`).waitFor();
        await ready(page, window);
        await walk.picture(`29-${picture}-${name}`);
        await checkAccessibility(page, `the panel ${name} in ${theme}`);
      }
    });

  await walk.step("All of them close", async () => {
    for (let left = PANELS.length; left > 0; left--) await window.closeEditor();
  });
}
