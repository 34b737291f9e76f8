/** What a build sends, as a tree in the explorer: folders with what they weigh, heaviest first; "Ignore This" on each. */
import * as vscode from "vscode";
import type { ContextTree } from "./server/context-tree.ts";
import { rulePattern } from "./server/ignore-fixes.ts";
import { messages } from "./server/feature.ts";
import { humanBytes, humanFiles } from "./server/numbers.ts";

export interface ContextNode {
  readonly name: string;
  readonly path: string;
  files: number;
  sizeBytes: number;
  /** Absent for a file. */
  readonly children?: Map<string, ContextNode>;
}

type Ask = <T>(method: string, parameters: unknown) => Promise<T | undefined>;

/** Folders and files out of a list of paths. */
export function treeOf(files: ContextTree["sent"]): ContextNode {
  const root: ContextNode = { name: "", path: "", files: 0, sizeBytes: 0, children: new Map() };
  for (const { path, sizeBytes } of files) {
    const parts = path.split("/");
    let at = root;
    for (const [index, name] of parts.entries()) {
      count(at, sizeBytes);
      const inner = at.children!.get(name) ?? newNode(name, parts.slice(0, index + 1).join("/"), index < parts.length - 1);
      at.children!.set(name, inner);
      at = inner;
    }
    count(at, sizeBytes);
  }
  return root;
}

function count(node: ContextNode, sizeBytes: number): void {
  node.files++;
  node.sizeBytes += sizeBytes;
}

function newNode(name: string, path: string, folder: boolean): ContextNode {
  return { name, path, files: 0, sizeBytes: 0, ...(folder && { children: new Map() }) };
}

export class ContextView implements vscode.TreeDataProvider<ContextNode>, vscode.Disposable {
  readonly #ask: Ask;
  readonly #changed = new vscode.EventEmitter<undefined>();
  readonly #view: vscode.TreeView<ContextNode>;
  #uri: string | undefined;
  #question: symbol | undefined;
  #tree: ContextTree | undefined;
  #root: ContextNode | undefined;

  readonly onDidChangeTreeData = this.#changed.event;

  constructor(ask: Ask) {
    this.#ask = ask;
    this.#view = vscode.window.createTreeView("berth.buildContext", { treeDataProvider: this, showCollapseAll: true });
  }

  /** Shows what a build of this Dockerfile sends, or what this ignore file leaves. */
  async show(uri: vscode.Uri): Promise<void> {
    this.#uri = uri.toString();
    await vscode.commands.executeCommand("setContext", "berth.buildContext", true);
    await this.refresh();
    await vscode.commands.executeCommand("berth.buildContext.focus");
  }

  async refresh(): Promise<void> {
    if (this.#uri === undefined) return;
    const question = (this.#question = Symbol());
    const tree = await this.#ask<ContextTree>(messages.context, this.#uri);
    // A later question is about what is now.
    if (question !== this.#question) return;
    this.#tree = tree;
    this.#root = this.#tree && treeOf(this.#tree.sent);
    this.#view.description = this.#root ? `${humanFiles(this.#root.files)} · ${humanBytes(this.#root.sizeBytes)}` : "";
    const left = this.#tree?.leftOut;
    this.#view.message = left ? vscode.l10n.t("Left out: {0} · {1}", humanFiles(left.files), humanBytes(left.sizeBytes)) : "";
    this.#changed.fire(undefined);
  }

  /** Adds the path to the ignore file, which is made where there is none. */
  async ignore({ path }: ContextNode): Promise<void> {
    if (!this.#tree) return;
    const uri = vscode.Uri.file(this.#tree.ignoreFile);
    const edit = new vscode.WorkspaceEdit();
    edit.createFile(uri, { ignoreIfExists: true });
    const text = await vscode.workspace.openTextDocument(uri).then(
      (document) => document.getText(),
      () => "",
    );
    const lines = text.split("\n");
    const end = new vscode.Position(lines.length - 1, lines.at(-1)!.length);
    edit.insert(uri, end, `${text === "" || text.endsWith("\n") ? "" : "\n"}${rulePattern(path)}\n`);
    await vscode.workspace.applyEdit(edit);
    await (await vscode.workspace.openTextDocument(uri)).save();
    await this.refresh();
  }

  getChildren(node: ContextNode | undefined = this.#root): ContextNode[] {
    return [...(node?.children?.values() ?? [])].toSorted((a, b) => b.sizeBytes - a.sizeBytes);
  }

  getTreeItem(node: ContextNode): vscode.TreeItem {
    const { Collapsed, None } = vscode.TreeItemCollapsibleState;
    const item = new vscode.TreeItem(node.name, node.children ? Collapsed : None);
    const size = humanBytes(node.sizeBytes);
    item.description = node.children ? `${humanFiles(node.files)} · ${size}` : size;
    if (!this.#tree!.always.includes(node.path)) item.contextValue = "contextFile";
    item.iconPath = node.children ? vscode.ThemeIcon.Folder : vscode.ThemeIcon.File;
    item.resourceUri = vscode.Uri.file(`${this.#tree!.directory}/${node.path}`);
    item.accessibilityInformation = { label: `${node.name}, ${item.description}` };
    if (!node.children) item.command = { title: vscode.l10n.t("Open"), command: "vscode.open", arguments: [item.resourceUri] };
    return item;
  }

  dispose(): void {
    this.#view.dispose();
    this.#changed.dispose();
  }
}
