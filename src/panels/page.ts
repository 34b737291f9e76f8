/** What every panel shares: one page a subject, a strict policy, messages, and the same page again after a reload. */
import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import { ConnectionError } from "../../engine/client/errors.ts";
import type { Context } from "../context.ts";

/** Between a panel's code and its page. */
export interface Channel<To, From> {
  /** Resolves when the page has it: who says much waits. */
  say(message: To): PromiseLike<unknown>;
  onMessage(listener: (message: From) => void): void;
  /** Called when the panel is closed by someone, not when the window ends. */
  onClose(listener: () => void): void;
  /** Aborted when the panel closes. */
  readonly signal: AbortSignal;
}

/** A kind of panel; its script is `dist/webviews/<name>.js`. */
export interface Page<State, To, From> {
  readonly name: string;
  readonly icon: string;
  readonly title: (state: State) => string;
  /** The page lives on while it is hidden: for what could not be told again, such as the lines of a container that is gone. */
  readonly lasting?: boolean;
  /** VS Code's would find only what is in the page, which of a long list is what is in sight. */
  readonly ownSearch?: boolean;
  /** Panels of the same key are one. */
  readonly key: (state: State) => string;
  /**
   * The page is ready: tell it all, and go on telling until the signal. What it throws is shown in the page, and it is called again
   * when the engine is back: a page takes what it is told once more.
   */
  readonly serve: (context: Context, state: State, channel: Channel<To, From>) => Promise<void>;
}

const shown = new Map<string, vscode.WebviewPanel>();

/** Opens the panel, or brings it to the front. */
export function showPage<State, To, From>(context: Context, page: Page<State, To, From>, state: State): void {
  const present = shown.get(`${page.name} ${page.key(state)}`);
  if (present) return present.reveal();
  const panel = vscode.window.createWebviewPanel(`berth.${page.name}`, page.title(state), vscode.ViewColumn.Active, {
    enableFindWidget: page.ownSearch !== true,
    retainContextWhenHidden: page.lasting ?? false,
  });
  fill(context, { page, panel, state });
}

/** After a reload VS Code gives back each panel with the state that its page kept. */
export function registerPage<State, To, From>(
  context: Context,
  name: string,
  load: () => Promise<Page<State, To, From>>,
): vscode.Disposable {
  return vscode.window.registerWebviewPanelSerializer(`berth.${name}`, {
    deserializeWebviewPanel: async (panel: vscode.WebviewPanel, state: State | undefined) => {
      try {
        if (!state) return panel.dispose();
        fill(context, { page: await load(), panel, state });
      } catch (error) {
        // What another version has kept may mean nothing to this one.
        context.log.warn((error as Error).message);
        panel.dispose();
      }
    },
  });
}

interface Filled<State, To, From> {
  readonly page: Page<State, To, From>;
  readonly panel: vscode.WebviewPanel;
  readonly state: State;
}

function fill<State, To, From>(context: Context, { page, panel, state }: Filled<State, To, From>): void {
  const key = `${page.name} ${page.key(state)}`;
  const { extensionUri } = context.extension;
  const folder = vscode.Uri.joinPath(extensionUri, "dist", "webviews");
  panel.webview.options = { enableScripts: true, localResourceRoots: [folder] };
  panel.iconPath = vscode.Uri.joinPath(extensionUri, "media", `panel-${page.icon}.svg`);
  shown.set(key, panel);
  let abort = new AbortController();
  let listeners: ((message: From) => void)[] = [];
  let closed: (() => void) | undefined;
  panel.onDidDispose(() => {
    abort.abort();
    closed?.();
    if (shown.get(key) === panel) shown.delete(key);
  });
  const say = (message: unknown): PromiseLike<unknown> => panel.webview.postMessage(message);
  panel.webview.onDidReceiveMessage((message: From & { type: string }) => {
    if (message.type !== "ready") return listeners.forEach((listener) => listener(message));
    // A page that was hidden has been thrown away, and asks for all of it again.
    abort.abort();
    abort = new AbortController();
    listeners = [];
    const { signal } = abort;
    say({ type: "init", state, words: vscode.l10n.bundle ?? {} });
    const channel = {
      say,
      signal,
      onMessage: (listener: (message: From) => void) => void listeners.push(listener),
      onClose: (listener: () => void) => void (closed = listener),
    };
    void keepServing(context, { page, state, channel, again: () => (listeners = []) });
  });
  panel.webview.html = html(panel.webview, { folder, name: page.name, title: page.title(state) });
}

interface Served<State, To, From> {
  readonly page: Page<State, To, From>;
  readonly state: State;
  readonly channel: Channel<To, From>;
  readonly again: () => void;
}

/** What failed is said in the page, and tried again when the engine is back. */
async function keepServing<State, To, From>(context: Context, { page, state, channel, again }: Served<State, To, From>): Promise<void> {
  const { signal } = channel;
  while (!signal.aborted) {
    const back = nextRunning(context, signal);
    try {
      return await page.serve(context, state, channel);
    } catch (error) {
      if (signal.aborted) return;
      channel.say({ type: "note", text: wordsOf(error as Error) } as To);
    }
    await back;
    again();
  }
}

/** What an engine answers is for people to read; what a broken connection says is not. */
function wordsOf(error: Error): string {
  const lost = error instanceof ConnectionError || "code" in error;
  return lost ? vscode.l10n.t("The connection to the engine is lost: this goes on when it is back") : error.message;
}

/** The engine was lost and is back. */
function nextRunning({ engine }: Context, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      subscription.dispose();
      resolve();
    };
    const subscription = engine.onDidChangeState(({ kind }) => kind === "running" && done());
    signal.addEventListener("abort", done, { once: true });
  });
}

/** Nothing but the page's own script and style runs; all text goes in as text. */
function html(webview: vscode.Webview, { folder, name, title }: { folder: vscode.Uri; name: string; title: string }): string {
  const nonce = randomBytes(16).toString("base64url");
  const uri = (file: string): string => webview.asWebviewUri(vscode.Uri.joinPath(folder, file)).toString();
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${webview.cspSource}`,
    `font-src ${webview.cspSource}`,
    // A worker of the page's own making, for what may have to be ended.
    `worker-src blob:`,
  ].join("; ");
  const escaped = title.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<!doctype html>
<html lang="${vscode.env.language}">
  <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="${policy}">
    <title>${escaped}</title>
    <link rel="stylesheet" href="${uri(`${name}.css`)}">
  </head>
  <body>
    <main></main>
    <script nonce="${nonce}" src="${uri(`${name}.js`)}"></script>
  </body>
</html>`;
}
