/** What a command works on: the rows of the view it was called from, else the user's choice. */
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import { containerNode } from "../tree/containers-tree.ts";
import type { LiveTree } from "../tree/live-tree.ts";
import type { GroupNode, Node } from "../tree/node.ts";
import type { ProjectNode } from "../tree/projects-tree.ts";

export interface PickOptions<N> {
  readonly title: string;
  readonly fits?: (node: N) => boolean;
  /** Take one only. */
  readonly one?: boolean;
}

/**
 * A context menu gives the row and, when several are selected, all of them; a key gives `{ selection: true }`; a caller may give a
 * name or an id; the palette gives nothing, so it is asked.
 * @returns empty when the user thought better of it
 */
export async function chosenNodes<N extends Node>(
  context: Context,
  tree: LiveTree<N>,
  args: readonly unknown[],
  { title, fits = () => true, one = false }: PickOptions<N>,
): Promise<N[]> {
  const rows = rowsOf(context, tree, args);
  if (rows) {
    const all = rows.flatMap((row) => within(row, tree)).filter(fits);
    // A group may be selected together with what is in it.
    const nodes = [...new Map(all.map((node) => [subjectOf(node), node])).values()];
    return one ? nodes.slice(0, 1) : nodes;
  }
  await context.engine.client();
  const all = await tree.fresh();
  const [name] = args;
  if (typeof name === "string") return all.filter((node) => isNamed(node, name)).slice(0, 1);
  return pickNodes(all.filter(fits), { title, one });
}

/** What a row is about: a container has a row in several places. */
function subjectOf(node: Node): string {
  return "container" in node ? (node.container as { Id: string }).Id : node.shown.id;
}

/** By the name, the id, or the beginning of one that an engine's sentence has. */
function isNamed({ shown }: Node, name: string): boolean {
  return shown.label === name || shown.id === name || (/^[0-9a-f]{12,}$/.test(name) && shown.id.startsWith(name));
}

/** Asks; says so when there is nothing to choose from. */
export async function pickNodes<N extends Node>(nodes: readonly N[], { title, one }: { title: string; one: boolean }): Promise<N[]> {
  const items = nodes.map((node) => ({
    label: node.shown.label,
    description: node.shown.description,
    iconPath: new vscode.ThemeIcon(node.shown.icon.id),
    node,
  }));
  if (items.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t("There is none"));
    return [];
  }
  const options = { title, matchOnDescription: true };
  if (one) return [await vscode.window.showQuickPick(items, options)].flatMap((item) => (item ? [item.node] : []));
  const chosen = await vscode.window.showQuickPick(items, { ...options, canPickMany: true });
  return (chosen ?? []).map(({ node }) => node);
}

function rowsOf<N extends Node>(context: Context, tree: LiveTree<N>, args: readonly unknown[]): readonly Node[] | undefined {
  const [first, several] = args as [Partial<Node> & { selection?: boolean }, readonly Node[] | undefined];
  if (first?.selection) return context.selection(tree.noun.name);
  if (!first?.shown) return undefined;
  return several && several.length > 0 ? several : [first as Node];
}

/** A group or a project stands for what is in it. */
function within<N extends Node>(row: Node, tree: LiveTree<N>): N[] {
  if (row.kind === tree.noun.kind) return [row as N];
  if (row.kind === "group") return (row as GroupNode).members.flatMap((member) => within(member, tree));
  if ("containers" in row && tree.noun.kind === "container")
    return (row as ProjectNode).containers.map((each) => containerNode(each) as Node as N);
  return [];
}

/** All selected rows of a kind, of a view's menu; empty from anywhere else. */
export function rowsOfKind<N extends Node>(args: readonly unknown[], kind: string): N[] {
  const [first, several] = args as [Node | undefined, readonly Node[] | undefined];
  const rows = several && several.length > 0 ? several : first ? [first] : [];
  return rows.filter((row) => row?.kind === kind) as N[];
}
