/** What is wrong with a compose file, in the sentences of `berth compose config`. */
import type { Diagnostic, Range } from "vscode-languageserver";
import { DiagnosticSeverity } from "vscode-languageserver";
import type { ComposeError, SourcePosition } from "../../../../engine/compose/project.ts";
import { SOURCE, SYNTAX } from "../dockerfile/diagnostics.ts";
import type { ComposeDocument } from "./document.ts";
import { EDITED } from "./project.ts";
import type { Loaded } from "./project.ts";

export function diagnostics(document: ComposeDocument, loaded: Loaded): Diagnostic[] {
  if (document.text.trim() === "") return [];
  const syntax = document.tree.problems.map(({ message, start, end }): Diagnostic => {
    const range = { start: document.positionAt(start), end: document.positionAt(Math.max(end, start + 1)) };
    return { message, range, severity: DiagnosticSeverity.Error, source: SOURCE, code: SYNTAX };
  });
  if (syntax.length > 0) return syntax;
  if ("error" in loaded) {
    const others = loaded.error.others.filter(({ position, via }) => (via ?? position)?.file === EDITED);
    return [loaded.error, ...others].map((one) => diagnosticOf(document, placed(one), DiagnosticSeverity.Error));
  }
  return loaded.warnings.map((one) => diagnosticOf(document, one, DiagnosticSeverity.Warning));
}

/** What is wrong in a file that this one names is told where it is named. */
function placed(error: ComposeError): Pick<ComposeError, "message" | "position"> {
  return error.via?.file === EDITED ? { message: error.located, position: error.via } : error;
}

function diagnosticOf(
  document: ComposeDocument,
  { message, position }: { readonly message: string; readonly position?: SourcePosition | undefined },
  severity: DiagnosticSeverity,
): Diagnostic {
  return { message: sentence(message), range: rangeAt(document, position), severity, source: SOURCE, code: "compose" };
}

/** The editor says by itself which file it is. */
function sentence(message: string): string {
  return message.replace(/^(validating )?-: /, "").trim();
}

/** The word that begins at the place; the first line when the place is in another file or unknown. */
function rangeAt({ lines }: ComposeDocument, position: SourcePosition | undefined): Range {
  const line = position?.file === EDITED ? position.line - 1 : 0;
  const character = position?.file === EDITED ? position.column - 1 : 0;
  const text = lines[line] ?? "";
  const word = /^("[^"]*"|'[^']*'|[^\s:#,\]}]+(?::[^\s#,\]}]+)*)/.exec(text.slice(character))?.[0] ?? text.slice(character);
  return { start: { line, character }, end: { line, character: character + Math.max(word.length, 1) } };
}
