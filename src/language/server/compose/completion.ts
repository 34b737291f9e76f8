/** Completion in a compose file. */
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { CompletionItem, Position } from "vscode-languageserver";
import { CompletionItemKind } from "vscode-languageserver";
import { parseDockerfile } from "../../../../engine/syntax/dockerfile/parse.ts";
import { listDirectory } from "../context-files.ts";
import { onLine } from "../positions.ts";
import { cursorAt } from "./cursor.ts";
import type { YamlCursor } from "./cursor.ts";
import { follow, scalarText } from "./document.ts";
import type { ComposeDocument } from "./document.ts";
import { namesOf } from "./names.ts";
import type { Kind } from "./names.ts";
import type { Related } from "./related.ts";
import { propertiesAt, valuesAt } from "./schema.ts";

export interface ComposeSurroundings {
  readonly path: string;
  readonly related: readonly Related[];
  readonly environment: Readonly<Record<string, string>>;
  images(typed: string): Promise<readonly string[]>;
  tags(repository: string): Promise<readonly string[]>;
}

interface Asked {
  readonly document: ComposeDocument;
  readonly position: Position;
  readonly cursor: YamlCursor;
  readonly around: ComposeSurroundings;
}

export async function complete(document: ComposeDocument, position: Position, around: ComposeSurroundings): Promise<CompletionItem[]> {
  const line = (document.lines[position.line] ?? "").slice(0, position.character);
  const cursor = cursorAt(document.lines, position);
  if (!cursor) return [];
  const asked = { document, position, cursor, around };
  const variable = /\$\{?(\w*)$/.exec(line);
  if (variable) return variables(asked, variable[1]!);
  if (cursor.key !== undefined) return values(asked, [...cursor.path, cursor.key]);
  const here = named(asked);
  const inList = cursor.path.at(-1) === "-";
  if (inList) return [...here, ...(await values(asked, cursor.path)), ...keys(asked)];
  return [...here, ...keys(asked)];
}

const item = ({ position }: Asked, typed: string, fields: CompletionItem): CompletionItem => ({
  ...fields,
  textEdit: {
    range: onLine(position.line, position.character - typed.length, position.character),
    newText: fields.insertText ?? fields.label,
  },
});

const schemaPath = (path: readonly string[]): (string | number)[] => path.map((step) => (step === "-" ? 0 : step));

function keys(asked: Asked): CompletionItem[] {
  const { path, siblings, typed } = asked.cursor;
  const shapes = { scalar: ": ", map: ":", list: ":" };
  return propertiesAt(schemaPath(path))
    .filter(({ name, deprecated }) => !siblings.has(name) && !deprecated)
    .map(({ name, description, shape }) =>
      item(asked, typed, {
        label: name,
        kind: CompletionItemKind.Property,
        insertText: name + shapes[shape],
        ...(description !== undefined && { documentation: { kind: "markdown" as const, value: description } }),
      }),
    );
}

/** Which names a map or a list below a service holds. */
const kinds: Readonly<Record<string, Kind>> = {
  depends_on: "services",
  links: "services",
  networks: "networks",
  volumes: "volumes",
  secrets: "secrets",
  configs: "configs",
  profiles: "profiles",
};

/** Names as keys (`networks:` with settings) or as items of a list. */
function named(asked: Asked): CompletionItem[] {
  const { path } = asked.cursor;
  const kind = path[0] === "services" && (path.length === 3 || (path.length === 4 && path[3] === "-")) ? kinds[path[2]!] : undefined;
  if (!kind) return [];
  const inList = path.length === 4;
  if (!inList && (kind === "volumes" || kind === "profiles" || kind === "secrets" || kind === "configs")) return [];
  const after = kind === "volumes" ? ":" : inList ? "" : ":";
  return names(asked, kind, after).filter(({ label }) => label !== path[1]);
}

function names(asked: Asked, kind: Kind, after = ""): CompletionItem[] {
  const all = [asked.document, ...asked.around.related.map(({ document }) => document)].flatMap((document) => namesOf(document, kind));
  return [...new Set(all)]
    .filter((name) => !asked.cursor.siblings.has(name))
    .map((name) =>
      item(asked, asked.cursor.typed, {
        label: name,
        kind: CompletionItemKind.Reference,
        detail: kind,
        insertText: name + after,
        sortText: `0${name}`,
      }),
    );
}

async function values(asked: Asked, path: readonly string[]): Promise<CompletionItem[]> {
  const typed = asked.cursor.typed.replace(/^["']/, "");
  const field = path
    .filter((step) => step !== "-")
    .slice(2)
    .join(".");
  const plain = (list: readonly string[], kind: CompletionItemKind): CompletionItem[] =>
    list.map((label) => item(asked, typed, { label, kind }));
  if (
    path[0] === "include" ||
    field === "env_file" ||
    field === "extends.file" ||
    field === "build" ||
    field === "build.context" ||
    field === "label_file"
  )
    return paths(asked, typed, dirname(asked.around.path));
  if (field === "volumes" && /^[./~]/.test(typed)) return paths(asked, typed, dirname(asked.around.path));
  if (field === "build.dockerfile") return paths(asked, typed, await contextOf(asked, path[1]!));
  if (field === "build.target") return plain(await stages(asked, path[1]!), CompletionItemKind.Class);
  if (field === "image") return imageValues(asked, typed);
  if (field === "extends.service" || field === "extends") return names(asked, "services");
  if (field === "restart") return plain(["no", "always", "on-failure", "unless-stopped"], CompletionItemKind.EnumMember);
  if (field === "pull_policy") return plain(["always", "missing", "never", "build"], CompletionItemKind.EnumMember);
  if (field === "network_mode")
    return [
      ...plain(["bridge", "host", "none"], CompletionItemKind.EnumMember),
      ...names(asked, "services").map((one) => item(asked, typed, { label: `service:${one.label}`, kind: CompletionItemKind.Reference })),
    ];
  return plain(valuesAt(schemaPath(path)), CompletionItemKind.EnumMember);
}

async function imageValues(asked: Asked, typed: string): Promise<CompletionItem[]> {
  const tagged = /^(.+?):([\w.-]*)$/.exec(typed);
  if (tagged && !tagged[2]!.includes("/"))
    return (await asked.around.tags(tagged[1]!)).map((label) => item(asked, tagged[2]!, { label, kind: CompletionItemKind.EnumMember }));
  return (await asked.around.images(typed)).map((label) => item(asked, typed, { label, kind: CompletionItemKind.Module }));
}

async function paths(asked: Asked, typed: string, base: string): Promise<CompletionItem[]> {
  const slash = typed.lastIndexOf("/") + 1;
  const entries = await listDirectory(resolve(base, typed.slice(0, slash)));
  return entries.map(({ name, directory }) =>
    item(asked, typed.slice(slash), {
      label: directory ? `${name}/` : name,
      kind: directory ? CompletionItemKind.Folder : CompletionItemKind.File,
    }),
  );
}

/** The directory that a service is built from. */
function contextOf({ document, around }: Asked, service: string): Promise<string> {
  const build = follow(document.root, ["services", service, "build"]);
  return Promise.resolve(resolve(dirname(around.path), scalarText(build) ?? scalarText(follow(build, ["context"])) ?? "."));
}

async function stages(asked: Asked, service: string): Promise<string[]> {
  const file = scalarText(follow(asked.document.root, ["services", service, "build", "dockerfile"])) ?? "Dockerfile";
  const text = await readFile(join(await contextOf(asked, service), file), "utf8").catch(() => "");
  return parseDockerfile(text).stages.flatMap(({ name }) => name ?? []);
}

/** Variables of `.env` and of the environment; the file's own come first. */
function variables(asked: Asked, typed: string): CompletionItem[] {
  const after = (asked.document.lines[asked.position.line] ?? "").slice(asked.position.character);
  const braced =
    /\$\{\w*$/.test((asked.document.lines[asked.position.line] ?? "").slice(0, asked.position.character)) && !after.startsWith("}");
  return Object.entries(asked.around.environment).map(([label, detail]) =>
    item(asked, typed, { label, detail, kind: CompletionItemKind.Variable, insertText: braced ? `${label}}` : label }),
  );
}
