/**
 * A row of any view: words, icon, what can be done with it, and the rows below it. Every view is made of these alone.
 */
import type * as vscode from "vscode";
import type { DockerClient } from "../../engine/client/client.ts";

/** A codicon and the theme color it is drawn in. */
export interface Icon {
  readonly id: string;
  readonly color?: string;
}

export interface Shown {
  readonly id: string;
  readonly label: string;
  /** Instead of a label that would be cut off where it matters. */
  readonly short?: string | undefined;
  readonly description: string;
  readonly icon: Icon;
  /** What menus match on: noun, state, then traits, separated by `;`. */
  readonly context: string;
  /** What a screen reader says: the state in words, because the icon says nothing there. */
  readonly spoken: string;
}

export interface Node {
  readonly kind: string;
  readonly shown: Shown;
  /** Rows below it, read when it is opened and whenever the view has changed; absent for a leaf. The client is that of the moment. */
  readonly children?: (client: DockerClient | undefined) => Promise<readonly Node[]> | readonly Node[];
  /** Open from the start. */
  readonly expanded?: boolean;
  readonly tooltip?: () => vscode.MarkdownString;
  /** What a click does. */
  readonly open?: vscode.Command;
  /** A file: its icon is the theme's, and it can be dragged. */
  readonly uri?: vscode.Uri;
}

/** Rows that belong together. */
export interface GroupNode extends Node {
  readonly kind: "group";
  /** What they have in common. */
  readonly by: string;
  readonly key: string;
  readonly members: readonly Node[];
}

/** A row that only says something: a port, a variable. `id` must be its own within its view. */
export function property(id: string, label: string, more: Partial<Shown> & Pick<Partial<Node>, "children" | "open" | "uri"> = {}): Node {
  const { children, open, uri, ...shown } = more;
  const description = shown.description ?? "";
  return {
    kind: "property",
    shown: {
      id,
      label,
      description,
      icon: { id: "symbol-property" },
      context: "property",
      spoken: [label, description].filter(Boolean).join(", "),
      ...shown,
    },
    ...(children ? { children } : {}),
    ...(open ? { open } : {}),
    ...(uri ? { uri } : {}),
  };
}
