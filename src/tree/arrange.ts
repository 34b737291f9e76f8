/** Filter, order and groups of a view's rows. Pure. */
import type { GroupNode, Icon, Node } from "./node.ts";

/** How the rows of one noun can be arranged; the keys are the values of the view's settings. */
export interface Arrangeable<N extends Node> {
  /** What a row is grouped under; undefined leaves it on its own. `label:NAME` is understood where `label` is given. */
  readonly groups?: Readonly<Record<string, (node: N) => string | undefined>>;
  readonly label?: (node: N, label: string) => string | undefined;
  readonly orders: Readonly<Record<string, (a: N, b: N) => number>>;
  /** A group's icon, and what menus match on behind `group;`. */
  readonly group?: (by: string) => GroupLook<N>;
}

interface GroupLook<N extends Node> {
  readonly icon: Icon;
  readonly context: string;
  /** A row within a group says less; a row that would be alone in one stands among the groups instead. */
  readonly within?: (node: N) => N;
}

export interface Arrangement {
  /** Words that all must occur in what is said of a row; empty shows everything. */
  readonly filter: string;
  readonly groupBy: string;
  readonly sortBy: string;
}

/** Rows that pass the filter, in order, under their groups. */
export function arrange<N extends Node>(nodes: readonly N[], noun: Arrangeable<N>, arrangement: Arrangement): Node[] {
  const order = noun.orders[arrangement.sortBy] ?? Object.values(noun.orders)[0]!;
  const shown = nodes.filter((node) => passes(node, arrangement.filter)).toSorted(order);
  const keyOf = groupKey(noun, arrangement.groupBy);
  if (!keyOf) return shown;
  const groups = new Map<string, N[]>();
  const alone: N[] = [];
  for (const node of shown) {
    const key = keyOf(node);
    if (key === undefined) alone.push(node);
    else if (groups.has(key)) groups.get(key)!.push(node);
    else groups.set(key, [node]);
  }
  const look = noun.group?.(arrangement.groupBy);
  const rows = [...groups]
    .toSorted(([a], [b]) => compareText(a, b))
    .map(([key, members]) =>
      look?.within && members.length === 1
        ? members[0]!
        : group(key, look?.within ? members.map(look.within) : members, { by: arrangement.groupBy, ...look }),
    );
  return [...rows, ...alone];
}

function groupKey<N extends Node>(noun: Arrangeable<N>, by: string): ((node: N) => string | undefined) | undefined {
  const { label } = noun;
  if (label && by.startsWith("label:")) return (node) => label(node, by.slice("label:".length));
  return noun.groups?.[by];
}

function passes({ shown }: Node, filter: string): boolean {
  const text = `${shown.label} ${shown.description} ${shown.spoken}`.toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

function group(key: string, members: readonly Node[], how: { by: string; icon?: Icon; context?: string }): GroupNode {
  const description = String(members.length);
  const states = members.map(({ shown }) => shown.context.split(";")[1]);
  const running = states.filter((state) => state === "running").length;
  const words = running > 0 ? `${running}/${description}` : description;
  return {
    kind: "group",
    by: how.by,
    key,
    members,
    expanded: true,
    shown: {
      id: `group ${how.by} ${key}`,
      label: key,
      description: words,
      icon: how.icon ?? { id: "folder" },
      context: `group;${how.context ?? how.by}`,
      spoken: `${key}, ${words}`,
    },
    children: () => members,
  };
}

/** As people sort: `web2` before `web10`. */
export function compareText(a: string, b: string): number {
  return a.localeCompare(b, undefined, { numeric: true });
}
