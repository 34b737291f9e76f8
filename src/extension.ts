/**
 * Berth in VS Code. Activated by its views, its commands or a Dockerfile; the engine starts later, when it is needed.
 */
import { join } from "node:path";
import * as vscode from "vscode";
import { registerCommands } from "./commands/command.ts";
import { containerCommands } from "./commands/container.ts";
import { dockerfileCommands } from "./commands/dockerfile.ts";
import { engineCommands } from "./commands/engine.ts";
import { imageCommands } from "./commands/image.ts";
import { registerInspect } from "./commands/inspect.ts";
import { sampleCommands } from "./commands/sample.ts";
import type { Context } from "./context.ts";
import { Engine } from "./engine/engine.ts";
import { showStatus } from "./status-bar.ts";
import { containersTree } from "./tree/containers-tree.ts";
import { imagesTree } from "./tree/images-tree.ts";
import { createViews } from "./views.ts";

/** Called once by VS Code. */
export function activate(extension: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel("Berth", { log: true });
  const engine = new Engine(log, join(extension.extensionPath, "dist"));
  const containers = containersTree(engine, log);
  const images = imagesTree(engine, log);
  const context: Context = { extension, log, engine, containers, images };
  extension.subscriptions.push(log, engine, containers, images, registerInspect(engine));
  registerCommands(context, { ...dockerfileCommands, ...containerCommands, ...imageCommands, ...sampleCommands, ...engineCommands });
  showStatus(context);
  createViews(context);
  extension.subscriptions.push(
    vscode.workspace.onDidChangeConfiguration((change) => {
      const settings = ["berth.endpoint", "berth.engine.root", "berth.engine.nodePath"];
      if (settings.some((setting) => change.affectsConfiguration(setting))) void engine.reset();
    }),
  );
}
