/** The Logs panel: a page to search what a container printed. The terminal shows the same with its colors. */
import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import type { FromLogsPage, LogRecord, ToLogsPage } from "../../webviews/protocol.ts";
import type { Context } from "../context.ts";
import type { Target } from "../terminals/shell.ts";
import { parseStampedLines } from "./stamped.ts";

const shown = new Map<string, vscode.WebviewPanel>();

/** Opens the panel of a container, or brings it to the front. */
export function openLogsPanel(context: Context, target: Target): void {
  const present = shown.get(target.id);
  if (present) return present.reveal();
  const folder = vscode.Uri.joinPath(context.extension.extensionUri, "dist", "webviews");
  const title = vscode.l10n.t("Logs: {0}", target.name);
  const panel = vscode.window.createWebviewPanel("berth.logs", title, vscode.ViewColumn.Active, {
    enableScripts: true,
    localResourceRoots: [folder],
    retainContextWhenHidden: true,
  });
  shown.set(target.id, panel);
  const abort = new AbortController();
  panel.onDidDispose(() => {
    abort.abort();
    shown.delete(target.id);
  });
  const say = (message: ToLogsPage): void => void panel.webview.postMessage(message);
  panel.webview.onDidReceiveMessage((message: FromLogsPage) => {
    if (message.type !== "ready") return;
    follow(context, target, { say, signal: abort.signal }).catch((error: Error) => {
      if (!abort.signal.aborted) say({ type: "note", text: error.message });
    });
  });
  panel.webview.html = html(panel.webview, folder);
}

/** Everything that was printed, then what comes, until the container ends. */
async function follow(
  { engine }: Context,
  { id }: Target,
  { say, signal }: { say: (message: ToLogsPage) => void; signal: AbortSignal },
): Promise<void> {
  const client = await engine.client();
  const { Config } = await client.containers.inspect(id, { signal });
  const logs = await client.containers.logs(id, { follow: true, timestamps: true, tail: "20000", tty: Config.Tty ?? false, signal });
  const rest = { stdout: "", stderr: "" };
  const text = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  for await (const { stream, data } of logs.frames()) {
    const { lines, unfinished } = parseStampedLines(rest[stream] + text[stream].decode(data, { stream: true }));
    rest[stream] = unfinished;
    const records: LogRecord[] = lines.map((line) => ({ stream, ...line }));
    if (records.length > 0) say({ type: "lines", lines: records });
  }
  say({ type: "note", text: vscode.l10n.t("The container has stopped") });
}

/** Nothing but the page's own script and style runs; all text goes in as text. */
function html(webview: vscode.Webview, folder: vscode.Uri): string {
  const nonce = randomBytes(16).toString("base64url");
  const uri = (file: string): string => webview.asWebviewUri(vscode.Uri.joinPath(folder, file)).toString();
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${webview.cspSource} 'unsafe-inline'`,
    `font-src ${webview.cspSource}`,
  ].join("; ");
  return `<!doctype html>
<html lang="${vscode.env.language}">
  <head>
    <meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="${policy}">
    <link rel="stylesheet" href="${uri("logs.css")}">
  </head>
  <body>
    <div class="toolbar" role="toolbar">
      <vscode-text-field id="search" placeholder="${vscode.l10n.t("Search (regular expression)")}" aria-label="${vscode.l10n.t("Search")}"></vscode-text-field>
      <vscode-checkbox id="follow" checked>${vscode.l10n.t("Follow")}</vscode-checkbox>
      <vscode-checkbox id="times" checked>${vscode.l10n.t("Times")}</vscode-checkbox>
      <span class="count" aria-live="polite"></span>
    </div>
    <div class="lines" role="log" tabindex="0"></div>
    <script nonce="${nonce}" src="${uri("logs.js")}"></script>
  </body>
</html>`;
}
