/** All panels, so that they are there again after a reload. */
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import { buildPage } from "./build.ts";
import { imagePage } from "./image.ts";
import { logsPage } from "./logs.ts";
import { registerPage } from "./page.ts";
import { runPage } from "./run.ts";
import { statsPage } from "./stats.ts";

export function registerPages(context: Context): vscode.Disposable {
  return vscode.Disposable.from(
    registerPage(context, logsPage),
    registerPage(context, statsPage),
    registerPage(context, imagePage),
    registerPage(context, buildPage),
    registerPage(context, runPage),
  );
}
