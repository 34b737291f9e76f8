/** What the server asks of each kind of file; what a kind does not do, it leaves out. */
import type {
  CodeAction,
  CodeLens,
  CompletionItem,
  Diagnostic,
  DocumentHighlight,
  DocumentLink,
  DocumentSymbol,
  FoldingRange,
  FormattingOptions,
  Hover,
  InlayHint,
  Location,
  Position,
  Range,
  SignatureHelp,
  TextEdit,
  WorkspaceEdit,
} from "vscode-languageserver";
import type { Token } from "./dockerfile/tokens.ts";

/** An open document, as it is now. */
export interface OpenDocument {
  readonly uri: string;
  /** Absolute path; of an unsaved document the one that it would have. */
  readonly path: string;
  readonly text: string;
  readonly version: number;
}

type Answer<T> = T | undefined | Promise<T | undefined>;

export interface Language {
  diagnostics?(document: OpenDocument): Answer<Diagnostic[]>;
  /** @param diagnostics of this text, those that the range touches */
  actions?(document: OpenDocument, range: Range, diagnostics: readonly Diagnostic[]): Answer<CodeAction[]>;
  completion?(document: OpenDocument, position: Position): Answer<CompletionItem[]>;
  hover?(document: OpenDocument, position: Position): Answer<Hover>;
  /** What only Berth knows, where somebody else tells the rest. */
  resultHover?(document: OpenDocument, position: Position): Answer<Hover>;
  signature?(document: OpenDocument, position: Position): Answer<SignatureHelp>;
  definition?(document: OpenDocument, position: Position): Answer<Location[]>;
  references?(document: OpenDocument, position: Position, declaration: boolean): Answer<Location[]>;
  highlights?(document: OpenDocument, position: Position): Answer<DocumentHighlight[]>;
  prepareRename?(document: OpenDocument, position: Position): Answer<{ range: Range; placeholder: string }>;
  /** @throws {Error} a sentence that says why not */
  rename?(document: OpenDocument, position: Position, name: string): Answer<WorkspaceEdit>;
  symbols?(document: OpenDocument): Answer<DocumentSymbol[]>;
  folding?(document: OpenDocument): Answer<FoldingRange[]>;
  links?(document: OpenDocument): Answer<DocumentLink[]>;
  tokens?(document: OpenDocument): Answer<Token[]>;
  format?(document: OpenDocument, options: FormattingOptions, range?: Range): Answer<TextEdit[]>;
  /** Whether a line is formatted as soon as the next one begins. */
  readonly formatsWhileTyping?: true;
  lenses?(document: OpenDocument): Answer<CodeLens[]>;
  inlays?(document: OpenDocument): Answer<InlayHint[]>;
  /** Hints on values that another file replaces. */
  overrides?(document: OpenDocument): Answer<InlayHint[]>;
  /** Marks that no protocol has: lines of dividers, and lines that the next build runs again. */
  marks?(document: OpenDocument): Answer<Marks>;
}

export interface Marks {
  readonly dividers: readonly number[];
  readonly rerun: readonly { readonly startLine: number; readonly endLine: number; readonly reason: string }[];
}

/** Notifications and requests beside the protocol's. */
export const messages = {
  /** To the server: where a running engine is reached, or null. */
  engine: "berth/engine",
  /** To the client: `{ uri, marks }`. */
  marks: "berth/marks",
  /** To the client, answered: what the user's account at a registry is, by its domain, or null. */
  credentials: "berth/credentials",
  /** To the server: which features somebody else answers. */
  stepBack: "berth/stepBack",
  /** To the server, answered: what a Dockerfile's build sends. */
  context: "berth/context",
} as const;
