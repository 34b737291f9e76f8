/** The Dockerfile language: every feature over one parse of each version. */
import { dirname, join } from "node:path";
import type { CodeAction, Diagnostic, Range } from "vscode-languageserver";
import { cleanPattern } from "../../../../engine/syntax/dockerignore.ts";
import type { BuildResults } from "../build-results.ts";
import { ignoreFileOf, listDirectory, matcherOf } from "../context-files.ts";
import type { Walk } from "../context-files.ts";
import type { EngineLink } from "../engine-link.ts";
import { appendRule, ignoreHeaviest } from "../ignore-fixes.ts";
import type { ImageNames } from "../image-names.ts";
import type { Language, OpenDocument } from "../feature.ts";
import { overlaps } from "../positions.ts";
import type { Surroundings } from "../surroundings.ts";
import { complete } from "./completion.ts";
import { diagnostics } from "./diagnostics.ts";
import { documentOf } from "./document.ts";
import type { DockerfileDocument } from "./document.ts";
import { codeActions } from "./fixes.ts";
import { format } from "./format.ts";
import { hover } from "./hover.ts";
import { lenses, resultHover, resultInlays, withResult } from "./live.ts";
import { definition, highlights, prepareRename, references, rename } from "./navigation.ts";
import { folding, links, symbols } from "./outline.ts";
import { signatureHelp } from "./signature.ts";
import { tokens } from "./tokens.ts";
import { t } from "../words.ts";

export interface DockerfileRooms {
  readonly engine: EngineLink;
  readonly names: ImageNames;
  readonly results: BuildResults;
  /** All files of a context. */
  readonly walk: (directory: string) => Promise<Walk>;
  /** The unsaved text of a file that is open. */
  readonly opened: (path: string) => string | undefined;
}

export function dockerfileLanguage(rooms: DockerfileRooms): Language {
  const read = documentOf;
  const around = (document: OpenDocument): Promise<Surroundings & { ignorePath: string }> => surroundings(document, rooms);
  return {
    diagnostics: async (document) => diagnostics(read(document), await around(document)),
    actions: async (document, range, found) => [
      ...codeActions(read(document), found, { uri: document.uri, range }),
      ...(await ignoreActions(document, found, rooms)),
      ...(await ignoreHeaviest(document.path, copiedFolders(read(document), range), rooms)),
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
  return ignored.flatMap((diagnostic) => {
    const message = typeof diagnostic.message === "string" ? diagnostic.message : diagnostic.message.value;
    const path = /file "([^"]*)"/.exec(message)?.[1];
    if (path === undefined) return [];
    const edit = appendRule(file, `!${path}`);
    return [{ title: t("Send {0} although it is ignored", path), kind: "quickfix", diagnostics: [diagnostic], edit }];
  });
}

/** Folders of the context that the instruction at the range copies, `""` for all of it; files are named on purpose. */
function copiedFolders({ tree }: DockerfileDocument, range: Range): string[] {
  const instruction = tree.instructions.find((one) => overlaps(one.range, range));
  if ((instruction?.kind !== "COPY" && instruction?.kind !== "ADD") || instruction.from) return [];
  return instruction.sources
    .map(({ text }) => text)
    .filter((source) => !/[$*?[]|:\/\//.test(source))
    .map((source) => cleanPattern(source))
    .map((source) => (source === "." ? "" : source));
}
