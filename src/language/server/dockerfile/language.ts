/** The Dockerfile language: every feature over one parse of each version. */
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { CodeAction, Diagnostic } from "vscode-languageserver";
import type { BuildResults } from "../build-results.ts";
import { ignoreFileOf, listDirectory, matcherOf } from "../context-files.ts";
import type { EngineLink } from "../engine-link.ts";
import type { ImageNames } from "../image-names.ts";
import type { Language, OpenDocument } from "../feature.ts";
import type { Surroundings } from "../surroundings.ts";
import { complete } from "./completion.ts";
import { diagnostics } from "./diagnostics.ts";
import { readDocument } from "./document.ts";
import type { DockerfileDocument } from "./document.ts";
import { codeActions } from "./fixes.ts";
import { format } from "./format.ts";
import { hover } from "./hover.ts";
import { lenses, resultHover, resultInlays, withResult } from "./live.ts";
import { definition, highlights, prepareRename, references, rename } from "./navigation.ts";
import { folding, links, symbols } from "./outline.ts";
import { signatureHelp } from "./signature.ts";
import { tokens } from "./tokens.ts";

export interface DockerfileRooms {
  readonly engine: EngineLink;
  readonly names: ImageNames;
  readonly results: BuildResults;
  /** The unsaved text of a file that is open. */
  readonly opened: (path: string) => string | undefined;
}

export function dockerfileLanguage(rooms: DockerfileRooms): Language {
  const cache = new WeakMap<OpenDocument, DockerfileDocument>();
  const read = (document: OpenDocument): DockerfileDocument => {
    const known = cache.get(document) ?? readDocument(document.text);
    cache.set(document, known);
    return known;
  };
  const around = (document: OpenDocument): Promise<Surroundings & { ignorePath: string }> => surroundings(document, rooms);
  return {
    diagnostics: async (document) => diagnostics(read(document), await around(document)),
    actions: async (document, range, found) => [
      ...codeActions(read(document), found, { uri: document.uri, range }),
      ...(await ignoreActions(document, found, rooms)),
    ],
    completion: async (document, position) => complete(read(document), position, await around(document)),
    hover: (document, position) =>
      withResult(hover(read(document), position), resultHover(read(document), position, rooms.results.of(document))),
    resultHover: (document, position) => {
      const text = resultHover(read(document), position, rooms.results.of(document));
      return text === undefined ? undefined : { contents: { kind: "markdown", value: text } };
    },
    signature: (document, position) => signatureHelp(read(document), position),
    definition: (document, position) => definition(read(document), position, document.uri),
    references: (document, position, declaration) => references(read(document), position, { uri: document.uri, declaration }),
    highlights: (document, position) => highlights(read(document), position),
    prepareRename: (document, position) => prepareRename(read(document), position),
    rename: (document, position, name) => {
      const edits = rename(read(document), position, name);
      if ("message" in edits) throw new Error(edits.message);
      return { changes: { [document.uri]: edits } };
    },
    symbols: (document) => symbols(read(document)),
    folding: (document) => folding(read(document)),
    links: (document) => links(read(document)),
    tokens: (document) => tokens(read(document)),
    format: (document, options, range) => format(read(document), options, range),
    formatsWhileTyping: true,
    lenses: (document) => lenses(read(document), document.uri, rooms.results.of(document)),
    inlays: (document) => resultInlays(read(document), rooms.results.of(document)),
    marks: (document) => ({
      dividers: read(document)
        .tree.stages.slice(1)
        .map(({ from }) => from.range.start.line),
      rerun: rooms.results.predicted(document),
    }),
  };
}

async function surroundings(
  document: OpenDocument,
  { engine, names, opened }: DockerfileRooms,
): Promise<Surroundings & { ignorePath: string }> {
  const ignore = await ignoreFileOf(document.path, opened);
  const context = dirname(document.path);
  return {
    images: (typed) => names.images(typed),
    tags: (repository) => names.tags(repository),
    list: (directory) => listDirectory(join(context, directory)),
    ignored: matcherOf(ignore?.text),
    ignorePath: ignore?.path ?? join(context, ".dockerignore"),
    baseVariables: (image) => engine.baseVariables(image),
  };
}

/** What is copied although the context leaves it out can be brought back there. */
async function ignoreActions(document: OpenDocument, found: readonly Diagnostic[], rooms: DockerfileRooms): Promise<CodeAction[]> {
  const ignored = found.filter(({ code }) => code === "CopyIgnoredFile");
  if (ignored.length === 0) return [];
  const file = await ignoreFileOf(document.path, rooms.opened);
  if (!file) return [];
  const lines = file.text.split("\n");
  const end = { line: lines.length - 1, character: lines.at(-1)!.length };
  return ignored.flatMap((diagnostic) => {
    const message = typeof diagnostic.message === "string" ? diagnostic.message : diagnostic.message.value;
    const path = /file "([^"]*)"/.exec(message)?.[1];
    if (path === undefined) return [];
    const newText = `${end.character > 0 ? "\n" : ""}!${path}\n`;
    const edit = { changes: { [pathToFileURL(file.path).href]: [{ range: { start: end, end }, newText }] } };
    return [{ title: `Send ${path} although it is ignored`, kind: "quickfix", diagnostics: [diagnostic], edit }];
  });
}
