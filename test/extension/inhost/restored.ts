/** Panels as the editor gives them back, without a page. */
import * as vscode from "vscode";
import { registerPages } from "../../../src/panels/pages.ts";
import { inside } from "./inside.ts";
import { instead, until } from "./prompts.ts";

/** What the extension registers for a kind of panel. */
export async function serializerOf(kind: string): Promise<vscode.WebviewPanelSerializer> {
  const serializers = new Map<string, vscode.WebviewPanelSerializer>();
  const registerWebviewPanelSerializer = (type: string, serializer: vscode.WebviewPanelSerializer): vscode.Disposable => {
    serializers.set(type, serializer);
    return new vscode.Disposable(() => {});
  };
  await instead({ registerWebviewPanelSerializer }, async () => void registerPages(await inside()));
  return serializers.get(`berth.${kind}`)!;
}

/** A panel as the editor gives it back after a reload: its code is the panel's own, its page is none. */
export async function restored(
  kind: string,
  state: object,
): Promise<{ said: (type: string) => Promise<Record<string, unknown>>; close: () => void }> {
  const posted: { type: string }[] = [];
  const [told, heard, closed] = [new vscode.EventEmitter<void>(), new vscode.EventEmitter<unknown>(), new vscode.EventEmitter<void>()];
  const panel = {
    onDidDispose: closed.event,
    webview: {
      cspSource: "self:",
      asWebviewUri: (uri: vscode.Uri) => uri,
      postMessage: async (message: { type: string }) => told.fire(void posted.push(message)),
      onDidReceiveMessage: heard.event,
    },
  };
  const serializer = await serializerOf(kind);
  await serializer.deserializeWebviewPanel(panel as unknown as vscode.WebviewPanel, state);
  heard.fire({ type: "ready" });
  const said = (type: string): Promise<Record<string, unknown>> =>
    until(() => posted.find((message) => message.type === type) as Record<string, unknown> | undefined, told.event);
  return { said, close: () => closed.fire() };
}
