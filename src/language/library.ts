/**
 * The client's library, in a piece of its own that is read when it is needed. It is CommonJS: imported by its name at run time
 * it would hide all that it exports behind `default`.
 */
export { CloseAction, ErrorAction, LanguageClient, TransportKind } from "vscode-languageclient/node";
