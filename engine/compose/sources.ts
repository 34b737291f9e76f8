/** The files of a project with their trees: from a place of the model back to a line of a file. */
import type { ComposeTree, YamlEntry, YamlNode } from "../syntax/compose-tree.ts";
import type { ModelPath } from "./paths.ts";
import type { SourcePosition } from "./project.ts";

/** Remembers every file that was read, in order. */
export class Sources {
  readonly #files: { file: string; tree: ComposeTree }[] = [];

  add(file: string, tree: ComposeTree): void {
    this.#files.push({ file, tree });
  }

  /**
   * Where a place of the model was written: in the file that knows most of the path, of several the last one.
   * A list's entry that no file has at that index is looked for in the list; a name may be the text of an entry.
   */
  locate(path: ModelPath, preferred?: string): SourcePosition | undefined {
    let best: { depth: number; file: string; tree: ComposeTree; node: YamlNode } | undefined;
    for (const { file, tree } of this.#files) {
      for (const root of tree.documents) {
        if (!root) continue;
        const found = descend(root, path);
        const depth = found.depth + (file === preferred ? 0.5 : 0);
        if (!best || depth >= best.depth) best = { ...found, depth, file, tree };
      }
    }
    return best && { file: best.file, ...best.tree.positionAt(best.node.start) };
  }
}

/** Follows a path as far as the tree goes; a mapping's entry is found at its key. */
function descend(root: YamlNode, path: ModelPath): { depth: number; node: YamlNode } {
  let node = root;
  let at = root;
  for (const [depth, part] of path.entries()) {
    const step = child(node, part);
    if (!step) return { depth, node: at };
    at = step.at;
    if (!step.node) return { depth: depth + 1, node: at };
    node = step.node;
  }
  return { depth: path.length, node: at };
}

function child(node: YamlNode, part: string): { at: YamlNode; node: YamlNode | undefined } | undefined {
  if (node.kind === "alias") return node.target && child(node.target, part);
  if (node.kind === "seq") {
    const item = node.items[Number(part)] ?? node.items.find((one) => one.kind === "scalar" && one.text === part);
    return item && { at: item, node: item };
  }
  if (node.kind !== "map") return undefined;
  const entry = entryOf(node.entries, part);
  if (entry) return { at: entry.key, node: entry.value };
  for (const merged of node.entries) {
    if (merged.key.kind !== "scalar" || merged.key.text !== "<<" || !merged.value) continue;
    const inherited = child(merged.value, part);
    if (inherited) return inherited;
  }
  return undefined;
}

function entryOf(entries: readonly YamlEntry[], key: string): YamlEntry | undefined {
  return entries.find((entry) => entry.key.kind === "scalar" && entry.key.text === key);
}
