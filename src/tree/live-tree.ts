/**
 * A view that follows the engine: read when it is looked at, and again after a burst of events that change it. Nothing is polled.
 */
import * as vscode from "vscode";
import type { EventMessage } from "../../engine/api/types/system.ts";
import type { DockerClient } from "../../engine/client/client.ts";
import type { Engine } from "../engine/engine.ts";
import { arrange } from "./arrange.ts";
import type { Arrangeable, Arrangement } from "./arrange.ts";
import type { Node } from "./node.ts";

/** Events come in bursts (a start is four): long enough to catch one, too short to be seen. */
const BURST_MS = 30;

/** What a view lists. One of these is all that makes a view. */
export interface Noun<N extends Node> extends Arrangeable<N> {
  /** The view is `berth.<name>`, its settings are `berth.<name>.groupBy` and so on. */
  readonly name: string;
  readonly kind: N["kind"];
  /** Whether an event changes what is shown. */
  readonly concerns: (event: EventMessage) => boolean;
  /** Everything that there is, in any order. */
  readonly list: (client: DockerClient) => Promise<N[]>;
  /** For views that say something without an engine too. */
  readonly listWithout?: () => Promise<N[]>;
  /** Rows that a switch of the view hides. */
  readonly hidden?: (node: N) => boolean;
  /** Something other than the engine has changed the list. */
  readonly onDidChange?: vscode.Event<unknown>;
}

/** What a filter leaves of a view. */
export interface Narrowed {
  readonly filter: string;
  /** Rows at the top that pass; undefined before they have been read. */
  readonly found: number | undefined;
}

/** Rows keep their ids from one list to the next, so that selection and focus stay where they are. */
export class LiveTree<N extends Node> implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  readonly noun: Noun<N>;
  readonly #engine: Engine;
  readonly #log: vscode.LogOutputChannel;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #narrowed = new vscode.EventEmitter<Narrowed>();
  readonly #subscriptions: vscode.Disposable[];
  #nodes: readonly N[] = [];
  #filter = "";
  #timer: NodeJS.Timeout | undefined;
  #loading: Promise<void> | undefined;
  #stale = true;
  #eager = false;

  /** What is shown may have changed. */
  readonly onDidChangeTreeData = this.#changed.event;
  /** The filter is another one, or its rows have been read. */
  readonly onDidNarrow = this.#narrowed.event;

  constructor(engine: Engine, log: vscode.LogOutputChannel, noun: Noun<N>) {
    this.noun = noun;
    this.#engine = engine;
    this.#log = log;
    const soon = (): void => void (this.#timer ??= setTimeout(() => this.refresh(), BURST_MS));
    this.#subscriptions = [
      engine.onDidChangeState(() => this.refresh()),
      engine.onDidHappen((event) => {
        if (noun.concerns(event)) soon();
      }),
      vscode.workspace.onDidChangeConfiguration((change) => {
        if (change.affectsConfiguration(`berth.${noun.name}`)) this.#changed.fire();
      }),
      ...(noun.onDidChange ? [noun.onDidChange(soon)] : []),
    ];
  }

  /** Also follows what happens while nobody looks. */
  followAlways(): this {
    this.#eager = true;
    return this;
  }

  /** What was listed last. */
  get nodes(): readonly N[] {
    return this.#nodes;
  }

  /** What there is now. */
  async fresh(): Promise<readonly N[]> {
    // An event of what has just happened may still be on its way.
    this.#stale = true;
    await this.#load();
    return this.#nodes;
  }

  get filter(): string {
    return this.#filter;
  }

  set filter(text: string) {
    if (text === this.#filter) return;
    this.#filter = text;
    this.#narrowed.fire({ filter: text, found: undefined });
    this.#changed.fire();
  }

  /** Reads the list again, at once or when somebody looks. */
  refresh(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#stale = true;
    if (this.#eager) void this.#load().then(() => this.#changed.fire());
    else this.#changed.fire();
  }

  getTreeItem({ kind, shown, children, expanded, open, uri }: Node): vscode.TreeItem {
    const { None, Collapsed, Expanded } = vscode.TreeItemCollapsibleState;
    const item = new vscode.TreeItem(shown.short ?? shown.label, children ? (expanded ? Expanded : Collapsed) : None);
    item.id = shown.id;
    item.description = shown.description;
    item.contextValue = shown.context;
    const isFile = kind === "file" && uri !== undefined;
    if (isFile) item.resourceUri = uri;
    item.iconPath = isFile
      ? children
        ? vscode.ThemeIcon.Folder
        : vscode.ThemeIcon.File
      : new vscode.ThemeIcon(shown.icon.id, shown.icon.color ? new vscode.ThemeColor(shown.icon.color) : undefined);
    item.accessibilityInformation = { label: shown.spoken };
    if (open) item.command = open;
    return item;
  }

  resolveTreeItem(item: vscode.TreeItem, { tooltip }: Node): vscode.TreeItem {
    if (tooltip) item.tooltip = tooltip();
    return item;
  }

  async getChildren(node?: Node): Promise<Node[]> {
    if (node) return [...((await node.children?.(this.#engine.runningClient)) ?? [])];
    await this.#load();
    const rows = arrange(this.#visible(), this.noun, this.#arrangement());
    if (this.#filter) this.#narrowed.fire({ filter: this.#filter, found: rows.length });
    return rows;
  }

  #visible(): readonly N[] {
    const hides = vscode.workspace.getConfiguration(`berth.${this.noun.name}`).get("hideUnused", true) && this.noun.hidden;
    return hides ? this.#nodes.filter((each) => !hides(each)) : this.#nodes;
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#changed.dispose();
    this.#narrowed.dispose();
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  #arrangement(): Arrangement {
    const settings = vscode.workspace.getConfiguration(`berth.${this.noun.name}`);
    return { filter: this.#filter, groupBy: settings.get("groupBy", ""), sortBy: settings.get("sortBy", "") };
  }

  /** A change that arrives while the list is being read makes it old at once: then it is read once more. */
  #load(): Promise<void> {
    this.#loading ??= this.#read().finally(() => (this.#loading = undefined));
    return this.#loading;
  }

  async #read(): Promise<void> {
    while (this.#stale) {
      this.#stale = false;
      const { runningClient: client, state } = this.#engine;
      try {
        if (client) this.#nodes = await this.noun.list(client);
        else if (this.noun.listWithout) this.#nodes = await this.noun.listWithout();
        // An engine that is on its way back has not lost what was there: the rows stay until it says what there is.
        else if (state.kind !== "starting") this.#nodes = [];
      } catch (error) {
        this.#log.error(`Cannot list ${this.noun.name}: ${(error as Error).message}`);
      }
    }
  }
}
