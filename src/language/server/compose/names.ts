/** Names in a compose file: services, networks, volumes, secrets, configs, profiles and anchors, and where they are used. */
import type { YamlNode } from "../../../../engine/syntax/compose-tree.ts";
import { entriesOf, placesOf, scalarText } from "./document.ts";
import type { ComposeDocument, Place } from "./document.ts";

export type Kind = "services" | "networks" | "volumes" | "secrets" | "configs" | "profiles" | "anchor";

export interface Occurrence {
  readonly kind: Kind;
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly definition: boolean;
  /** `extends` from another file: the file as it is written. */
  readonly file?: string;
}

const resources: ReadonlySet<string> = new Set(["services", "networks", "volumes", "secrets", "configs"]);

/** All names of the file. */
export function occurrences(document: ComposeDocument): Occurrence[] {
  return [...placesOf(document)].flatMap((place) => [...definitionIn(place), ...useIn(place), ...anchorIn(document, place)]);
}

/** Names that the file defines. */
export function namesOf(document: ComposeDocument, kind: Kind): string[] {
  if (kind === "profiles" || kind === "anchor")
    return [...new Set(occurrences(document).flatMap((one) => (one.kind === kind ? [one.name] : [])))];
  return entriesOf(entriesOf(document.root).find(({ key }) => scalarText(key) === kind)?.value).flatMap(({ key }) => scalarText(key) ?? []);
}

function at(kind: Kind, node: YamlNode | undefined, definition: boolean): Occurrence[] {
  return node?.kind === "scalar" && node.text !== "" ? [part(kind, node, { offset: 0, name: node.text, definition })] : [];
}

/** A name inside of a scalar; quotes shift it by one. */
function part(
  kind: Kind,
  node: YamlNode & { kind: "scalar" },
  { offset, name, definition }: { offset: number; name: string; definition: boolean },
): Occurrence {
  const start = node.start + offset + (!node.plain && node.end - node.start >= node.text.length + 2 ? 1 : 0);
  return { kind, name, start, end: start + name.length, definition };
}

function definitionIn({ path, key }: Place): Occurrence[] {
  return path.length === 2 && resources.has(String(path[0])) ? at(path[0] as Kind, key, true) : [];
}

function useIn({ path, key, node }: Place): Occurrence[] {
  const [top, , field, item, inner] = path;
  if (top !== "services" || path.length < 3) return [];
  const named = key ?? node;
  switch (field) {
    case "depends_on":
      return path.length === 4 ? at("services", named, false) : [];
    case "networks":
      return path.length === 4 ? at("networks", named, false) : [];
    case "volumes":
      return volumeUse(path, node);
    case "secrets":
    case "configs":
      if (path.length === 4) return at(field, node, false);
      return path.length === 5 && inner === "source" ? at(field, node, false) : [];
    case "profiles":
      return path.length === 4 ? at("profiles", node, false) : [];
    case "links":
    case "volumes_from":
      return path.length === 4 ? before(":", node) : [];
    case "extends":
      return path.length === 3 || item === "service" ? at("services", node?.kind === "scalar" ? node : undefined, false) : [];
    case "network_mode":
    case "ipc":
    case "pid":
      return node?.kind === "scalar" && node.text.startsWith("service:")
        ? [part("services", node, { offset: 8, name: node.text.slice(8), definition: false })]
        : [];
    default:
      return [];
  }
}

function before(separator: string, node: YamlNode | undefined): Occurrence[] {
  if (node?.kind !== "scalar" || node.text.startsWith("container:")) return [];
  return [part("services", node, { offset: 0, name: node.text.split(separator, 1)[0]!, definition: false })];
}

/** `data:/var/lib`: a path is no volume. */
function volumeUse(path: Place["path"], node: YamlNode | undefined): Occurrence[] {
  if (path.length === 5 && path[4] === "source")
    return at("volumes", node, false).filter(({ name }) => /^[\w.-]+$/.test(name) && !name.startsWith("."));
  if (path.length !== 4 || node?.kind !== "scalar") return [];
  const name = /^([A-Za-z0-9][\w.-]*):/.exec(node.text)?.[1];
  return name === undefined ? [] : [part("volumes", node, { offset: 0, name, definition: false })];
}

function anchorIn({ text }: ComposeDocument, { node }: Place): Occurrence[] {
  if (!node) return [];
  if (node.kind === "alias") {
    const start = node.start + (text[node.start] === "*" ? 1 : 0);
    return [{ kind: "anchor", name: node.name, start, end: start + node.name.length, definition: false }];
  }
  if (node.anchor === undefined) return [];
  const found = text.lastIndexOf(`&${node.anchor}`, node.start + node.anchor.length + 1);
  return found < 0 ? [] : [{ kind: "anchor", name: node.anchor, start: found + 1, end: found + 1 + node.anchor.length, definition: true }];
}

/** The name that the offset touches. */
export function nameAt(document: ComposeDocument, offset: number): Occurrence | undefined {
  return occurrences(document).find(({ start, end }) => start <= offset && offset <= end);
}
