/**
 * The language server: features of each kind of file over the Language Server Protocol, in a process of its own.
 * A request that fails answers with nothing and is logged: what a feature makes of odd text is never the editor's trouble.
 */
import { fileURLToPath } from "node:url";
import type { CodeAction, Connection, Diagnostic, InitializeResult } from "vscode-languageserver";
import { CodeLensRefreshRequest, CompletionItemKind, ResponseError, TextDocumentSyncKind, TextDocuments } from "vscode-languageserver";
import { TextDocument } from "vscode-languageserver-textdocument";
import { SYNTAX } from "./dockerfile/diagnostics.ts";
import { tokenModifiers, tokenTypes } from "./dockerfile/tokens.ts";
import { encodeTokens } from "./encode-tokens.ts";
import { messages } from "./feature.ts";
import type { Language, OpenDocument } from "./feature.ts";
import { overlaps } from "./positions.ts";
import { setWords } from "./words.ts";

/** A document is looked at so long after its last change. */
const QUIET_MS = 120;

export interface ServerOptions {
  /** Which language a document is in, undefined when it is none of ours. */
  readonly languageOf: (document: { uri: string; languageId: string }) => Language | undefined;
  readonly onEngine: (endpoint: string | null) => void;
  readonly onFilesChanged: () => void;
  /** A document has changed or was opened. */
  readonly onDocument: (document: OpenDocument) => void;
  readonly contextTree: (uri: string) => Promise<unknown>;
}

interface Found {
  readonly document: OpenDocument;
  readonly language: Language;
}

export class Server {
  readonly #connection: Connection;
  readonly #options: ServerOptions;
  readonly #documents = new TextDocuments(TextDocument);
  readonly #open = new Map<string, OpenDocument>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** The newest look at each document: one that takes longer than a later one tells what was. */
  readonly #looks = new Map<string, symbol>();
  readonly #marked = new Map<string, string>();
  readonly #stepBack = new Map<string, ReadonlySet<string>>();
  #stepBackText = "";
  #refreshes = false;

  constructor(connection: Connection, options: ServerOptions) {
    this.#connection = connection;
    this.#options = options;
    connection.onInitialize((parameters) => {
      setWords((parameters.initializationOptions as { words?: Record<string, string> } | undefined)?.words ?? {});
      this.#refreshes = parameters.capabilities.workspace?.inlayHint?.refreshSupport === true;
      return capabilities;
    });
    this.#documents.onDidChangeContent(({ document }) => this.#changed(document));
    this.#documents.onDidClose(({ document }) => this.#closed(document.uri));
    connection.onNotification(messages.engine, (endpoint: string | null) => options.onEngine(endpoint));
    connection.onNotification(messages.stepBack, (features: Record<string, string[]>) => this.#setStepBack(features));
    connection.onRequest(messages.context, (uri: string) => options.contextTree(uri));
    connection.onDidChangeWatchedFiles(() => options.onFilesChanged());
    this.#registerFeatures();
    this.#documents.listen(connection);
  }

  /** The unsaved text of an open file. */
  opened(path: string): string | undefined {
    for (const document of this.#open.values()) if (document.path === path) return document.text;
    return undefined;
  }

  /** undefined for a document that is not open, or none of ours. */
  languageOf(uri: string): Language | undefined {
    return this.#find(uri)?.language;
  }

  get documents(): OpenDocument[] {
    return [...this.#open.values()];
  }

  /** Looks at all documents again: something beside them has changed. */
  revalidate(): void {
    for (const document of this.#documents.all()) this.#validateSoon(document.uri);
  }

  /** Results beside the text have changed: hints, lenses and marks are drawn again. */
  refresh(): void {
    for (const document of this.#open.values()) void this.#mark(document);
    if (!this.#refreshes) return;
    this.#connection.languages.inlayHint.refresh().catch(() => undefined);
    this.#connection.sendRequest(CodeLensRefreshRequest.type).catch(() => undefined);
  }

  #changed(document: TextDocument): void {
    const { uri, version } = document;
    const opened = { uri, version, path: pathOf(uri), text: document.getText() };
    this.#open.set(uri, opened);
    this.#options.onDocument(opened);
    this.#validateSoon(uri);
  }

  #closed(uri: string): void {
    this.#open.delete(uri);
    this.#marked.delete(uri);
    this.#looks.delete(uri);
    clearTimeout(this.#timers.get(uri));
    void this.#connection.sendDiagnostics({ uri, diagnostics: [] });
  }

  #validateSoon(uri: string): void {
    clearTimeout(this.#timers.get(uri));
    this.#timers.set(
      uri,
      setTimeout(() => void this.#validate(uri), QUIET_MS),
    );
  }

  async #validate(uri: string): Promise<void> {
    const found = this.#find(uri, "diagnostics");
    const open = this.#open.get(uri);
    if (!found && open) await this.#mark(open);
    if (!found) return;
    const { document } = found;
    const look = Symbol();
    this.#looks.set(uri, look);
    const diagnostics = await this.#diagnostics(found);
    if (this.#looks.get(uri) !== look || this.#open.get(uri) !== document) return;
    await this.#connection.sendDiagnostics({ uri, version: document.version, diagnostics });
    await this.#mark(document);
  }

  async #diagnostics({ document, language }: Found): Promise<Diagnostic[]> {
    if (this.#stepsBack(document.uri, "diagnostics")) return [];
    const all = (await this.#guard("diagnostics", () => language.diagnostics?.(document))) ?? [];
    return this.#stepsBack(document.uri, "syntax") ? all.filter(({ code }) => code !== SYNTAX) : all;
  }

  async #mark(document: OpenDocument): Promise<void> {
    const language = this.#find(document.uri)?.language;
    const marks = await this.#guard("marks", () => language?.marks?.(document));
    const text = JSON.stringify(marks ?? null);
    if (!marks || this.#marked.get(document.uri) === text) return;
    this.#marked.set(document.uri, text);
    await this.#connection.sendNotification(messages.marks, { uri: document.uri, marks });
  }

  #setStepBack(features: Record<string, string[]>): void {
    // Any change of a setting sends this: diagnostics that stay would go and come back before somebody's eyes.
    const text = JSON.stringify(features);
    if (text === this.#stepBackText) return;
    this.#stepBackText = text;
    this.#stepBack.clear();
    for (const [language, names] of Object.entries(features)) this.#stepBack.set(language, new Set(names));
    for (const uri of this.#open.keys()) void this.#connection.sendDiagnostics({ uri, diagnostics: [] });
    this.revalidate();
  }

  /** The document and its language, unless somebody else answers this feature. */
  #find(uri: string, feature?: keyof Language): Found | undefined {
    const text = this.#documents.get(uri);
    const document = this.#open.get(uri);
    const language = text && this.#options.languageOf({ uri, languageId: text.languageId });
    if (!document || !language) return undefined;
    if (feature !== undefined && this.#stepsBack(uri, feature)) return undefined;
    return { document, language };
  }

  #stepsBack(uri: string, feature: string): boolean {
    return this.#stepBack.get(this.#documents.get(uri)?.languageId ?? "")?.has(feature) ?? false;
  }

  async #guard<T>(feature: string, work: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.#connection.console.error(`${feature}: ${(error as Error).stack ?? String(error)}`);
      return undefined;
    }
  }

  async #answer<T>(feature: keyof Language, uri: string, work: (found: Found) => T): Promise<Awaited<T> | null> {
    const found = this.#find(uri, feature);
    if (!found) return null;
    return ((await this.#guard(feature, () => work(found))) as Awaited<T> | undefined) ?? null;
  }

  #registerFeatures(): void {
    const connection = this.#connection;
    connection.onCompletion(async ({ textDocument: { uri }, position }) => {
      const items = await this.#answer("completion", uri, ({ document, language }) => language.completion?.(document, position));
      // What registries have depends on what is typed, so images are asked for again.
      return items && { items, isIncomplete: items.some(({ kind }) => kind === CompletionItemKind.Module) };
    });
    connection.onHover(({ textDocument: { uri }, position }) => {
      const feature = this.#stepsBack(uri, "hover") ? "resultHover" : "hover";
      return this.#answer(feature, uri, ({ document, language }) => language[feature]?.(document, position));
    });
    connection.onSignatureHelp(({ textDocument: { uri }, position }) =>
      this.#answer("signature", uri, ({ document, language }) => language.signature?.(document, position)),
    );
    connection.onDefinition(({ textDocument: { uri }, position }) =>
      this.#answer("definition", uri, ({ document, language }) => language.definition?.(document, position)),
    );
    connection.onReferences(({ textDocument: { uri }, position, context }) =>
      this.#answer("references", uri, ({ document, language }) => language.references?.(document, position, context.includeDeclaration)),
    );
    connection.onDocumentHighlight(({ textDocument: { uri }, position }) =>
      this.#answer("highlights", uri, ({ document, language }) => language.highlights?.(document, position)),
    );
    connection.onPrepareRename(({ textDocument: { uri }, position }) =>
      this.#answer("prepareRename", uri, ({ document, language }) => language.prepareRename?.(document, position)),
    );
    connection.onRenameRequest(async ({ textDocument: { uri }, position, newName }) => {
      const found = this.#find(uri, "rename");
      try {
        return (await found?.language.rename?.(found.document, position, newName)) ?? null;
      } catch (error) {
        throw new ResponseError(-32_803, (error as Error).message);
      }
    });
    this.#registerDocumentFeatures();
  }

  #registerDocumentFeatures(): void {
    const connection = this.#connection;
    connection.onDocumentSymbol(({ textDocument: { uri } }) =>
      this.#answer("symbols", uri, ({ document, language }) => language.symbols?.(document)),
    );
    connection.onFoldingRanges(({ textDocument: { uri } }) =>
      this.#answer("folding", uri, ({ document, language }) => language.folding?.(document)),
    );
    connection.onDocumentLinks(({ textDocument: { uri } }) =>
      this.#answer("links", uri, ({ document, language }) => language.links?.(document)),
    );
    connection.onDocumentFormatting(({ textDocument: { uri }, options }) =>
      this.#answer("format", uri, ({ document, language }) => language.format?.(document, options)),
    );
    connection.onDocumentRangeFormatting(({ textDocument: { uri }, options, range }) =>
      this.#answer("format", uri, ({ document, language }) => language.format?.(document, options, range)),
    );
    connection.onDocumentOnTypeFormatting(({ textDocument: { uri }, options, position: { line } }) => {
      const range = { start: { line: Math.max(0, line - 1), character: 0 }, end: { line: Math.max(0, line - 1), character: 0 } };
      return this.#answer("format", uri, ({ document, language }) =>
        language.formatsWhileTyping ? language.format?.(document, options, range) : undefined,
      );
    });
    connection.onCodeLens(({ textDocument: { uri } }) =>
      this.#answer("lenses", uri, ({ document, language }) => language.lenses?.(document)),
    );
    connection.languages.inlayHint.on(async ({ textDocument: { uri } }) => {
      const live = await this.#answer("inlays", uri, ({ document, language }) => language.inlays?.(document));
      const replaced = await this.#answer("overrides", uri, ({ document, language }) => language.overrides?.(document));
      return [...(live ?? []), ...(replaced ?? [])];
    });
    connection.languages.semanticTokens.on(async ({ textDocument: { uri } }) => {
      const tokens = await this.#answer("tokens", uri, ({ document, language }) => language.tokens?.(document));
      return { data: encodeTokens(tokens ?? []) };
    });
    // The editor sends along the diagnostics that it shows, which may be of the text before: a fix of them would spoil this one.
    connection.onCodeAction(({ textDocument: { uri }, range }) =>
      this.#answer("actions", uri, async (found): Promise<CodeAction[] | undefined> => {
        if (!found.language.actions) return undefined;
        const touched = (await this.#diagnostics(found)).filter((diagnostic) => overlaps(diagnostic.range, range));
        return found.language.actions(found.document, range, touched);
      }),
    );
  }
}

function pathOf(uri: string): string {
  try {
    return fileURLToPath(uri);
  } catch {
    return decodeURIComponent(uri.replace(/^[a-z+-]+:(\/\/[^/]*)?/i, ""));
  }
}

const capabilities: InitializeResult = {
  capabilities: {
    textDocumentSync: TextDocumentSyncKind.Incremental,
    completionProvider: { triggerCharacters: [" ", "$", "{", "=", ":", "/", "-", ",", "#", '"'] },
    hoverProvider: true,
    signatureHelpProvider: { triggerCharacters: [" ", "[", ","] },
    definitionProvider: true,
    referencesProvider: true,
    documentHighlightProvider: true,
    renameProvider: { prepareProvider: true },
    documentSymbolProvider: true,
    foldingRangeProvider: true,
    documentLinkProvider: {},
    documentFormattingProvider: true,
    documentRangeFormattingProvider: true,
    documentOnTypeFormattingProvider: { firstTriggerCharacter: "\n" },
    codeActionProvider: { codeActionKinds: ["quickfix"] },
    codeLensProvider: {},
    inlayHintProvider: {},
    semanticTokensProvider: { legend: { tokenTypes: [...tokenTypes], tokenModifiers: [...tokenModifiers] }, full: true },
  },
};
