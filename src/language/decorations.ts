/** What is drawn beside the text of a Dockerfile: lines between stages, and marks of steps that the next build runs again. */
import * as vscode from "vscode";
import type { Marks } from "./server/feature.ts";

export class Decorations implements vscode.Disposable {
  readonly #marks = new Map<string, Marks>();
  readonly #disposables: vscode.Disposable[];
  readonly #divider = vscode.window.createTextEditorDecorationType({
    isWholeLine: true,
    borderWidth: "1px 0 0 0",
    borderStyle: "solid",
    borderColor: new vscode.ThemeColor("editorIndentGuide.activeBackground1"),
  });
  readonly #rerun = vscode.window.createTextEditorDecorationType({
    isWholeLine: true,
    borderWidth: "0 0 0 2px",
    borderStyle: "solid",
    borderColor: new vscode.ThemeColor("editorGutter.modifiedBackground"),
    overviewRulerColor: new vscode.ThemeColor("editorGutter.modifiedBackground"),
    overviewRulerLane: vscode.OverviewRulerLane.Left,
  });
  #showDividers = true;
  #showPredictions = true;

  constructor() {
    this.#disposables = [
      this.#divider,
      this.#rerun,
      vscode.window.onDidChangeVisibleTextEditors(() => this.#draw()),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => this.#marks.delete(uri.toString())),
    ];
  }

  set dividers(show: boolean) {
    this.#showDividers = show;
    this.#draw();
  }

  set predictions(show: boolean) {
    this.#showPredictions = show;
    this.#draw();
  }

  /** Marks of one document, in place of the ones before. */
  set(uri: string, marks: Marks): void {
    this.#marks.set(vscode.Uri.parse(uri).toString(), marks);
    this.#draw();
  }

  dispose(): void {
    for (const disposable of this.#disposables) disposable.dispose();
  }

  #draw(): void {
    for (const editor of vscode.window.visibleTextEditors) {
      const marks = this.#marks.get(editor.document.uri.toString());
      if (!marks) continue;
      editor.setDecorations(this.#divider, this.#showDividers ? marks.dividers.map((line) => new vscode.Range(line, 0, line, 0)) : []);
      editor.setDecorations(
        this.#rerun,
        this.#showPredictions
          ? marks.rerun.map(({ startLine, endLine, reason }) => ({
              range: new vscode.Range(startLine, 0, endLine, 0),
              hoverMessage: vscode.l10n.t("The next build runs this step: {0}", reason),
            }))
          : [],
      );
    }
  }
}
