/** The Logs panel: what a container or a whole project printed, to search and to follow. The terminal shows the same with its colors. */
import * as vscode from "vscode";
import type { FromLogsPage, LogLines, LogsState, ToLogsPage } from "../../webviews/protocol.ts";
import type { Context } from "../context.ts";
import { LogFeed } from "./log-feed.ts";
import type { LogBatch } from "./log-merge.ts";
import { showPage } from "./page.ts";
import type { Page } from "./page.ts";
import { RemovedLogs } from "./removed-logs.ts";

export const logsPage: Page<LogsState, ToLogsPage, FromLogsPage> = {
  name: "logs",
  icon: "logs",
  lasting: true,
  ownSearch: true,
  title: ({ name }) => vscode.l10n.t("Logs: {0}", name),
  key: ({ id, service = "" }) => `${id} ${service}`,
  serve: async ({ engine, extension }, subject, { say, onMessage, onClose, signal }) => {
    const pieces: string[] = [];
    onMessage((message) => {
      if (message.type !== "save") return;
      pieces.push(message.text);
      if (!message.more) void save(subject.name, pieces.splice(0).join(""));
    });
    const removed = new RemovedLogs(extension, `${subject.id} ${subject.service ?? ""}`);
    onClose(() => void removed.forget());
    const tail = vscode.workspace.getConfiguration("berth").get("logs.history", 1_000_000);
    const words = {
      stopped: (name: string) => vscode.l10n.t("{0} has stopped", name),
      removed: (name: string) => vscode.l10n.t("{0} was removed", name),
      lost: () => vscode.l10n.t("The connection to the engine is lost: lines go on when it is back"),
      back: () => vscode.l10n.t("The engine is back"),
    };
    const listener = {
      sources: (names: readonly string[]) => void say({ type: "sources", names: [...names] }),
      lines: ({ lines, marks }: LogBatch) => say({ type: "lines", lines: { text: lines.join("\n"), marks: shortened(marks) } }),
      note: (text: string) => void say({ type: "note", text }),
      caughtUp: () => void say({ type: "caughtUp" }),
    };
    await new LogFeed(engine, listener, { subject, tail, removed, signal, words }).run();
  },
};

/** Most pieces are of one stream of one container. */
const shortened = (marks: readonly number[]): LogLines["marks"] => (marks.every((mark) => mark === marks[0]) ? (marks[0] ?? 0) : marks);

/** Opens the panel of a container or a project. */
export function openLogsPanel(context: Context, subject: LogsState): void {
  showPage(context, logsPage, subject);
}

async function save(name: string, text: string): Promise<void> {
  const workspace = vscode.workspace.workspaceFolders?.[0]?.uri;
  const uri = await vscode.window.showSaveDialog(workspace ? { defaultUri: vscode.Uri.joinPath(workspace, `${name}.log`) } : {});
  if (uri)
    await vscode.workspace.fs.writeFile(uri, new TextEncoder().encode(text)).then(undefined, (error: Error) => {
      void vscode.window.showErrorMessage(error.message);
    });
}
