/** The files of a build's step: a tree in the explorer, and documents `berth-step:/<build>/<step>/path` to read. */
import * as vscode from "vscode";
import type { StepFile } from "../../engine/api/types/builds.ts";
import type { Context } from "../context.ts";

const SCHEME = "berth-step";

interface Root {
  readonly build: string;
  readonly step: string;
  readonly name: string;
}

interface Node {
  readonly path: string;
  readonly file: StepFile;
}

export class StepFiles implements vscode.TreeDataProvider<Node>, vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #context: Context;
  readonly #changed = new vscode.EventEmitter<undefined>();
  readonly #view: vscode.TreeView<Node>;
  readonly #provider: vscode.Disposable;
  #root: Root | undefined;

  readonly onDidChangeTreeData = this.#changed.event;

  constructor(context: Context) {
    this.#context = context;
    this.#provider = vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);
    this.#view = vscode.window.createTreeView("berth.stepFiles", { treeDataProvider: this, showCollapseAll: true });
  }

  /** Shows the files as they are after the step. */
  async show(root: Root): Promise<void> {
    this.#root = root;
    this.#view.description = root.name;
    await vscode.commands.executeCommand("setContext", "berth.stepFiles", true);
    this.#changed.fire(undefined);
    await vscode.commands.executeCommand("berth.stepFiles.focus");
  }

  async getChildren(node?: Node): Promise<Node[]> {
    const root = this.#root;
    const client = this.#context.engine.runningClient;
    if (!root || !client) return [];
    const directory = node?.path ?? "/";
    const files = await client.buildRecords.files(root.build, root.step, { path: directory });
    const isFile = ({ type }: StepFile): number => (type === "directory" ? 0 : 1);
    return files
      .toSorted((a, b) => isFile(a) - isFile(b))
      .map((file) => ({ file, path: `${directory === "/" ? "" : directory}/${file.name}` }));
  }

  getTreeItem({ path, file }: Node): vscode.TreeItem {
    const { Collapsed, None } = vscode.TreeItemCollapsibleState;
    const item = new vscode.TreeItem(file.name, file.type === "directory" ? Collapsed : None);
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${this.#root!.build}/${this.#root!.step}${path}` });
    item.resourceUri = uri;
    item.description = file.type === "symlink" ? `→ ${file.target ?? ""}` : file.mode.toString(8);
    item.tooltip = `${path}\n${file.uid}:${file.gid} ${file.mode.toString(8)} ${file.sizeBytes} B`;
    if (file.type === "file") item.command = { title: vscode.l10n.t("Open"), command: "vscode.open", arguments: [uri] };
    return item;
  }

  async provideTextDocumentContent({ path }: vscode.Uri): Promise<string> {
    const [, build = "", step = "", ...rest] = path.split("/");
    const client = await this.#context.engine.client();
    const bytes = await client.buildRecords.readFile(build, step, { path: `/${rest.join("/")}` });
    return bytes.includes(0) ? vscode.l10n.t("{0} bytes that are no text", bytes.length) : bytes.toString("utf8");
  }

  dispose(): void {
    this.#view.dispose();
    this.#provider.dispose();
    this.#changed.dispose();
  }
}
