/**
 * A view that follows the engine: one list when it connects, and one more after a burst of events that change it.
 */
import * as vscode from "vscode";
import type { EventMessage } from "../../engine/api/types/system.ts";
import type { DockerClient } from "../../engine/client/client.ts";
import type { Engine } from "../engine/engine.ts";
import type { Shown } from "./container.ts";

/** Events come in bursts (a start is four): long enough to catch one, too short to be seen. */
const BURST_MS = 30;

export interface LiveTreeOptions<Node extends { readonly shown: Shown }> {
  /** Whether an event changes what is shown. */
  readonly concerns: (event: EventMessage) => boolean;
  /** All rows, in order. */
  readonly list: (client: DockerClient) => Promise<Node[]>;
  readonly tooltip: (node: Node) => vscode.MarkdownString;
}

/** Rows keep their ids from one list to the next, so that selection and focus stay where they are. */
export class LiveTree<Node extends { readonly shown: Shown }> implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  readonly #engine: Engine;
  readonly #log: vscode.LogOutputChannel;
  readonly #options: LiveTreeOptions<Node>;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #subscriptions: vscode.Disposable[];
  #nodes: Node[] = [];
  #timer: NodeJS.Timeout | undefined;
  #loading: Promise<void> | undefined;
  #stale = false;

  /** The list has been read again. */
  readonly onDidChangeTreeData = this.#changed.event;

  constructor(engine: Engine, log: vscode.LogOutputChannel, options: LiveTreeOptions<Node>) {
    this.#engine = engine;
    this.#log = log;
    this.#options = options;
    this.#subscriptions = [
      engine.onDidChangeState(() => void this.#refresh()),
      engine.onDidHappen((event) => {
        if (options.concerns(event)) this.#timer ??= setTimeout(() => void this.#refresh(), BURST_MS);
      }),
    ];
  }

  /** What is shown now. */
  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  getTreeItem({ shown }: Node): vscode.TreeItem {
    const item = new vscode.TreeItem(shown.label);
    item.id = shown.id;
    item.description = shown.description;
    item.contextValue = shown.context;
    item.iconPath = new vscode.ThemeIcon(shown.icon.id, shown.icon.color ? new vscode.ThemeColor(shown.icon.color) : undefined);
    item.accessibilityInformation = { label: shown.spoken };
    return item;
  }

  resolveTreeItem(item: vscode.TreeItem, node: Node): vscode.TreeItem {
    item.tooltip = this.#options.tooltip(node);
    return item;
  }

  async getChildren(node?: Node): Promise<Node[]> {
    if (node) return [];
    await this.#loading;
    return this.#nodes;
  }

  getParent(): undefined {
    return undefined;
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#changed.dispose();
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  /** A change that arrives while the list is being read makes it old at once: then it is read once more. */
  async #refresh(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#stale = true;
    this.#loading ??= this.#load().finally(() => (this.#loading = undefined));
    await this.#loading;
    this.#changed.fire();
  }

  async #load(): Promise<void> {
    while (this.#stale) {
      this.#stale = false;
      const { runningClient: client, state } = this.#engine;
      try {
        if (client) this.#nodes = await this.#options.list(client);
        // An engine that is on its way back has not lost what was there: the rows stay until it says what there is.
        else if (state.kind !== "starting") this.#nodes = [];
      } catch (error) {
        this.#log.error(`Cannot list: ${(error as Error).message}`);
      }
    }
  }
}
