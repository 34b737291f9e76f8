/** The Compose language: every feature over one parse of each version, and the live state of open files' projects. */
import { dirname } from "node:path";
import { discover } from "../../../../engine/compose/discover.ts";
import type { EngineLink } from "../engine-link.ts";
import type { ImageNames } from "../image-names.ts";
import type { Language, OpenDocument } from "../feature.ts";
import { complete } from "./completion.ts";
import { diagnostics } from "./diagnostics.ts";
import { readCompose } from "./document.ts";
import type { ComposeDocument } from "./document.ts";
import { format } from "./format.ts";
import { hover } from "./hover.ts";
import { lenses, overrideInlays, serviceStates, stateInlays } from "./live.ts";
import type { ServiceState } from "./live.ts";
import { definition, highlights, prepareRename, references, rename } from "./navigation.ts";
import type { Files } from "./navigation.ts";
import { folding, links, symbols } from "./outline.ts";
import { loadEdited, loadSaved } from "./project.ts";
import type { Loaded } from "./project.ts";
import { relatedTo, siblingsOf } from "./related.ts";

/** Events of containers come in bursts. */
const LOOK_MS = 300;

export interface ComposeRooms {
  readonly engine: EngineLink;
  readonly names: ImageNames;
  /** The unsaved text of a file that is open. */
  readonly opened: (path: string) => string | undefined;
  /** The compose files that are open. */
  readonly documents: () => readonly OpenDocument[];
  /** Called when states have changed. */
  readonly changed: () => void;
}

export class ComposeLanguage implements Language {
  readonly #engine: EngineLink;
  readonly #names: ImageNames;
  readonly #opened: (path: string) => string | undefined;
  readonly #documents: () => readonly OpenDocument[];
  readonly #changed: () => void;
  readonly #parsed = new WeakMap<OpenDocument, ComposeDocument>();
  readonly #loaded = new WeakMap<OpenDocument, Promise<Loaded>>();
  readonly #states = new Map<string, ReadonlyMap<string, ServiceState>>();
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #lookAgain = false;

  constructor({ engine, names, opened, documents, changed }: ComposeRooms) {
    this.#engine = engine;
    this.#names = names;
    this.#opened = opened;
    this.#documents = documents;
    this.#changed = changed;
  }

  /** Looks at the projects of the open files in the engine, a moment later. */
  lookSoon(): void {
    this.#lookAgain = this.#looking;
    if (this.#timer || this.#looking) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#look();
    }, LOOK_MS);
  }

  async diagnostics(document: OpenDocument): Promise<Awaited<ReturnType<NonNullable<Language["diagnostics"]>>>> {
    return diagnostics(this.#read(document), await this.#load(document));
  }

  async completion(document: OpenDocument, position: Position): Promise<Awaited<ReturnType<NonNullable<Language["completion"]>>>> {
    const { path, document: read, related } = await this.#files(document);
    return complete(read, position, {
      path,
      related,
      environment: environmentOf(path),
      images: (typed) => this.#names.images(typed),
      tags: (repository) => this.#names.tags(repository),
    });
  }

  async hover(document: OpenDocument, position: Position): Promise<Awaited<ReturnType<NonNullable<Language["hover"]>>>> {
    return hover(this.#read(document), position, { loaded: await this.#load(document), environment: environmentOf(document.path) });
  }

  async definition(document: OpenDocument, position: Position): Promise<Awaited<ReturnType<NonNullable<Language["definition"]>>>> {
    return definition(await this.#files(document), position);
  }

  async references(
    document: OpenDocument,
    position: Position,
    declaration: boolean,
  ): Promise<Awaited<ReturnType<NonNullable<Language["references"]>>>> {
    return references(await this.#files(document), position, declaration);
  }

  highlights(document: OpenDocument, position: Position): ReturnType<NonNullable<Language["highlights"]>> {
    return highlights({ path: document.path, document: this.#read(document), related: [] }, position);
  }

  prepareRename(document: OpenDocument, position: Position): ReturnType<NonNullable<Language["prepareRename"]>> {
    return prepareRename({ path: document.path, document: this.#read(document), related: [] }, position);
  }

  async rename(document: OpenDocument, position: Position, name: string): Promise<Awaited<ReturnType<NonNullable<Language["rename"]>>>> {
    return rename(await this.#files(document), position, name);
  }

  symbols(document: OpenDocument): ReturnType<NonNullable<Language["symbols"]>> {
    return symbols(this.#read(document));
  }

  folding(document: OpenDocument): ReturnType<NonNullable<Language["folding"]>> {
    return folding(this.#read(document));
  }

  links(document: OpenDocument): ReturnType<NonNullable<Language["links"]>> {
    return links(this.#read(document), document.path);
  }

  format(...[document, options, range]: Parameters<NonNullable<Language["format"]>>): ReturnType<NonNullable<Language["format"]>> {
    return format(this.#read(document), options, range);
  }

  lenses(document: OpenDocument): ReturnType<NonNullable<Language["lenses"]>> {
    return lenses(this.#read(document), document.uri);
  }

  inlays(document: OpenDocument): ReturnType<NonNullable<Language["inlays"]>> {
    return stateInlays(this.#read(document), this.#states.get(document.uri) ?? new Map());
  }

  /** Hints on values that another file replaces. */
  async overrides(document: OpenDocument): Promise<ReturnType<typeof overrideInlays>> {
    const { overrides } = siblingsOf(document.path);
    if (overrides.length === 0) return [];
    const read = this.#read(document);
    const related = await relatedTo(document.path, read, this.#opened);
    return overrideInlays(
      read,
      related.filter(({ path }) => overrides.includes(path)),
    );
  }

  #read(document: OpenDocument): ComposeDocument {
    const known = this.#parsed.get(document) ?? readCompose(document.text);
    this.#parsed.set(document, known);
    return known;
  }

  #load(document: OpenDocument): Promise<Loaded> {
    const known = this.#loaded.get(document) ?? loadEdited(document);
    this.#loaded.set(document, known);
    return known;
  }

  /** Other files have changed: what was loaded may be another now. */
  forget(): void {
    for (const document of this.#documents()) this.#loaded.delete(document);
  }

  async #files(document: OpenDocument): Promise<Files> {
    const read = this.#read(document);
    return { path: document.path, document: read, related: await relatedTo(document.path, read, this.#opened) };
  }

  /** One after the other: what an earlier look has seen would come last where the engine is slow. */
  async #look(): Promise<void> {
    this.#looking = true;
    const { client, signal } = this.#engine;
    for (const document of this.#documents()) {
      const project = client && (await loadSaved(document.path));
      const states = project && (await serviceStates(client, project, signal).catch(() => undefined));
      if (states) this.#states.set(document.uri, states);
      else this.#states.delete(document.uri);
    }
    this.#looking = false;
    this.#changed();
    if (this.#lookAgain) this.lookSoon();
  }
}

type Position = Parameters<NonNullable<Language["completion"]>>[1];

/** What `${VAR}` can be: `.env` of the file's folder, then the editor's own environment. */
function environmentOf(path: string): Record<string, string> {
  try {
    return discover({ cwd: dirname(path), env: process.env, files: [path], projectDirectory: dirname(path) }, []).environment;
  } catch {
    return {};
  }
}
