/**
 * The language features' side in the extension host: starts the server when the first of its files is opened, tells it where
 * a running engine is, and draws what the protocol has no words for. Nothing here starts an engine.
 */
import { join } from "node:path";
import * as vscode from "vscode";
import type * as protocol from "vscode-languageclient/node";
import type { Context } from "../context.ts";
import { Decorations } from "./decorations.ts";
import { stepBack } from "./neighbors.ts";
import { messages } from "./server/feature.ts";
import type { Marks } from "./server/feature.ts";

const selector: vscode.DocumentSelector = [
  { language: "dockerfile" },
  { language: "dockercompose" },
  { pattern: "**/.dockerignore" },
  { pattern: "**/*.dockerignore" },
];

/** Files of a context, by whichever program they are changed; folders that the editor does not watch are not watched. */
const CONTEXT = "**/*";

/** Files change in bursts: a checkout, a package manager. */
const BURST_MS = 300;

/** A server that ends this often within a minute is left alone. */
const RESTARTS_A_MINUTE = 10;

export class LanguageFeatures implements vscode.Disposable {
  readonly #context: Context;
  #decorations: Decorations | undefined;
  readonly #disposables: vscode.Disposable[] = [];
  #client: protocol.LanguageClient | undefined;
  #starting = false;
  #burst: NodeJS.Timeout | undefined;
  readonly #changed = new vscode.EventEmitter<void>();

  /** Files of the workspace have changed, by whichever program; while the server runs. */
  readonly onDidChangeFiles = this.#changed.event;

  constructor(context: Context) {
    this.#context = context;
    this.#disposables.push(
      this.#changed,
      vscode.workspace.onDidOpenTextDocument((document) => this.#startFor(document)),
      vscode.workspace.onDidSaveTextDocument(() => this.#filesChanged()),
      vscode.extensions.onDidChange(() => this.#sendStepBack()),
      vscode.workspace.onDidChangeConfiguration(() => this.#sendStepBack()),
      context.engine.onDidChangeState(() => this.#sendEngine()),
    );
    for (const document of vscode.workspace.textDocuments) this.#startFor(document);
  }

  /** Asks the server; undefined while none runs. */
  async request<T>(method: string, parameters: unknown): Promise<T | undefined> {
    return this.#client?.sendRequest<T>(method, parameters);
  }

  dispose(): void {
    clearTimeout(this.#burst);
    for (const disposable of this.#disposables) disposable.dispose();
    void this.#client?.dispose();
  }

  #startFor(document: vscode.TextDocument): void {
    if (this.#starting || vscode.languages.match(selector, document) === 0) return;
    this.#starting = true;
    this.#start().catch((error: Error) => this.#context.log.error(error));
  }

  async #start(): Promise<void> {
    // The client is bigger than all the rest of the extension: who opens none of these files never reads it.
    const library = await import("./library.ts");
    const { LanguageClient, TransportKind } = library;
    const decorations = (this.#decorations = new Decorations());
    this.#disposables.push(decorations);
    const module = join(this.#context.extension.extensionPath, "dist", "language-server.cjs");
    const client = new LanguageClient(
      "berth.language",
      "Berth Language Server",
      { module, transport: TransportKind.ipc },
      {
        documentSelector: selector as never,
        initializationOptions: { words: vscode.l10n.bundle ?? {} },
        errorHandler: restartAlways(library),
        initializationFailedHandler: () => false,
      },
    );
    this.#client = client;
    this.#watchContext();
    // After a restart the server knows nothing: it is told again.
    client.onNotification(messages.marks, ({ uri, marks }: { uri: string; marks: Marks }) => decorations.set(uri, marks));
    client.onRequest(messages.credentials, async (domain: string) => (await this.#context.accounts.auth(domain)) ?? null);
    this.#disposables.push(
      client.onDidChangeState(({ newState }) => {
        if (newState !== 2) return;
        this.#sendEngine();
        this.#sendStepBack();
      }),
    );
    await client.start();
  }

  #sendEngine(): void {
    const endpoint = this.#context.engine.runningClient?.connection.endpoint.url ?? null;
    this.#notify(messages.engine, endpoint);
  }

  #sendStepBack(): void {
    const neighborhood = {
      installed: (id: string) => vscode.extensions.getExtension(id) !== undefined,
      enabled: (setting: string) => vscode.workspace.getConfiguration().get<boolean>(setting, true),
    };
    const features = stepBack(neighborhood);
    const settings = vscode.workspace.getConfiguration("berth.editor");
    const off = [...(settings.get("codeLens", true) ? [] : ["lenses"]), ...(settings.get("buildResults", true) ? [] : ["inlays"])];
    if (this.#decorations) {
      this.#decorations.dividers = !features["dockerfile"]!.includes("dividers") && settings.get("stageDividers", true);
      this.#decorations.predictions = settings.get("predictions", true);
    }
    this.#notify(
      messages.stepBack,
      Object.fromEntries(Object.entries(features).map(([language, names]) => [language, [...names, ...off]])),
    );
  }

  /** What a build sends, and with it what the next one runs, changes with any of the files. */
  #watchContext(): void {
    const watcher = vscode.workspace.createFileSystemWatcher(CONTEXT);
    const soon = ({ path }: vscode.Uri): void => {
      if (path.includes("/.git/")) return;
      this.#burst ??= setTimeout(() => {
        this.#burst = undefined;
        this.#filesChanged();
      }, BURST_MS);
    };
    this.#disposables.push(watcher, watcher.onDidChange(soon), watcher.onDidCreate(soon), watcher.onDidDelete(soon));
  }

  #filesChanged(): void {
    this.#notify("workspace/didChangeWatchedFiles", { changes: [] });
    this.#changed.fire();
  }

  #notify(method: string, parameters: unknown): void {
    if (this.#client?.isRunning())
      this.#client.sendNotification(method, parameters).catch((error: Error) => this.#context.log.debug(error.message));
  }
}

/** A server that was killed or has crashed is started again, unless it does nothing else. */
function restartAlways({ CloseAction, ErrorAction }: Pick<typeof protocol, "CloseAction" | "ErrorAction">): protocol.ErrorHandler {
  let ends: number[] = [];
  return {
    error: () => ({ action: ErrorAction.Continue, handled: true }),
    closed: () => {
      const now = Date.now();
      ends = [...ends.filter((time) => now - time < 60_000), now];
      return { action: ends.length > RESTARTS_A_MINUTE ? CloseAction.DoNotRestart : CloseAction.Restart, handled: true };
    },
  };
}
