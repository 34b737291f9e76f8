/** What a command works on: the rows of the view it was called from, else the user's choice. */
import * as vscode from "vscode";
import type { Shown } from "../tree/container.ts";
import type { LiveTree } from "../tree/live-tree.ts";

export interface PickOptions<Node> {
  readonly title: string;
  readonly fits: (node: Node) => boolean;
  /** Take one only. */
  readonly one?: boolean;
}

/**
 * A context menu gives the row and, when several are selected, all of them; the palette gives nothing, so it is asked.
 * @returns empty when the user thought better of it
 */
export async function chosenNodes<Node extends { readonly shown: Shown }>(
  tree: LiveTree<Node>,
  args: readonly unknown[],
  options: PickOptions<Node>,
): Promise<Node[]> {
  const [row, rows] = args as [Node | undefined, readonly Node[] | undefined];
  if (row?.shown) {
    const all = rows && rows.length > 0 ? rows : [row];
    return options.one ? [row] : all.filter(options.fits);
  }
  const items = tree.nodes.filter(options.fits).map((node) => ({
    label: node.shown.label,
    description: node.shown.description,
    iconPath: new vscode.ThemeIcon(node.shown.icon.id),
    node,
  }));
  if (items.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t("There is none"));
    return [];
  }
  const chosen = await vscode.window.showQuickPick(items, { title: options.title, matchOnDescription: true });
  return chosen ? [chosen.node] : [];
}
