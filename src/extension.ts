/**
 * Berth in VS Code. Activated by its views, its commands or a Dockerfile; the engine starts later, when it is needed.
 */
import { join } from "node:path";
import * as vscode from "vscode";
import { registerTools } from "./assistant/register.ts";
import { registerCommands } from "./commands/command.ts";
import type { CommandTable } from "./commands/command.ts";
import { registerInspect } from "./commands/inspect.ts";
import type { Context } from "./context.ts";
import { Engine } from "./engine/engine.ts";
import { EngineFiles } from "./files/provider.ts";
import { SCHEME } from "./files/uris.ts";
import { LanguageFeatures } from "./language/client.ts";
import { setWords } from "./language/server/words.ts";
import { Accounts } from "./registries/accounts.ts";
import { ImageUpdates } from "./registries/updates.ts";
import { registerPages } from "./panels/pages.ts";
import { registerTasks } from "./tasks/register.ts";
import { keepTerminals } from "./terminals/environment.ts";
import { registerProfile } from "./terminals/profile.ts";
import { showStatus } from "./status-bar.ts";
import { makeTrees } from "./tree/trees.ts";
import { createViews } from "./views.ts";

/**
 * Called once by VS Code: it only registers. What anything of it does is read from disk when it is done first.
 * @returns its own parts, to tests only
 */
export function activate(extension: vscode.ExtensionContext): Context | undefined {
  setWords(vscode.l10n.bundle ?? {});
  const log = vscode.window.createOutputChannel("Berth", { log: true });
  const engine = new Engine(log, join(extension.extensionPath, "dist"));
  const accounts = new Accounts(extension);
  const updates = new ImageUpdates();
  const changed = new vscode.EventEmitter<"endpoints" | "registries">();
  const trees = makeTrees({ engine, log, accounts, changed, updates, subscriptions: extension.subscriptions });
  const views = new Map<string, vscode.TreeView<unknown>>();
  const selection: Context["selection"] = (name) => (views.get(name)?.selection ?? []) as ReturnType<Context["selection"]>;
  const context: Context = { extension, log, engine, accounts, changed, updates, ...trees, said: [], selection };
  extension.subscriptions.push(log, engine, accounts, updates, changed, registerInspect(engine));
  const files = new EngineFiles(engine);
  extension.subscriptions.push(files, vscode.workspace.registerFileSystemProvider(SCHEME, files, { isCaseSensitive: true }));
  const language = new LanguageFeatures(context);
  extension.subscriptions.push(language);
  let table: Promise<CommandTable> | undefined;
  registerCommands(context, () => (table ??= readCommands(context, language)));
  extension.subscriptions.push(registerPages(context), registerProfile(context), ...registerTasks(context), ...registerTools(context));
  keepTerminals(context);
  showStatus(context);
  createViews(context, views);
  extension.subscriptions.push(
    vscode.workspace.onDidChangeConfiguration((change) => {
      const settings = ["berth.endpoint", "berth.engine.root", "berth.engine.nodePath"];
      if (settings.some((setting) => change.affectsConfiguration(setting))) void engine.reset().then(() => changed.fire("endpoints"));
    }),
  );
  return extension.extensionMode === vscode.ExtensionMode.Test ? context : undefined;
}

async function readCommands(context: Context, language: LanguageFeatures): Promise<CommandTable> {
  const [{ commands }, { languageCommands }] = await Promise.all([import("./commands/commands.ts"), import("./language/commands.ts")]);
  return { ...commands, ...languageCommands(context, language) };
}
