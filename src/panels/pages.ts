/** All panels, so that they are there again after a reload. */
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import { registerPage } from "./page.ts";

export function registerPages(context: Context): vscode.Disposable {
  return vscode.Disposable.from(
    registerPage(context, "logs", async () => (await import("./logs.ts")).logsPage),
    registerPage(context, "stats", async () => (await import("./stats.ts")).statsPage),
    registerPage(context, "image", async () => (await import("./image.ts")).imagePage),
    registerPage(context, "build", async () => (await import("./build.ts")).buildPage),
    registerPage(context, "doctor", async () => (await import("./doctor.ts")).doctorPage),
    registerPage(context, "run", async () => (await import("./run.ts")).runPage),
  );
}
