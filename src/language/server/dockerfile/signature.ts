/** Signature help: which argument of which form is being typed. */
import type { ParameterInformation, Position, SignatureHelp } from "vscode-languageserver";
import * as docs from "./docs.ts";
import { cursorAt } from "./document.ts";
import type { DockerfileDocument } from "./document.ts";

export function signatureHelp(document: DockerfileDocument, position: Position): SignatureHelp | undefined {
  const cursor = cursorAt(document, position);
  if (!cursor?.keyword) return undefined;
  const { forms, summary } = docs.instructions[cursor.keyword];
  const json = /^\S+\s+(--\S+\s+)*\[/.test(cursor.before);
  const suited = forms.findIndex((form) => /\s\[["]/.test(form) === json);
  const signatures = forms.map((label) => ({ label, documentation: summary, parameters: parametersOf(label) }));
  const activeSignature = Math.max(suited, 0);
  const parameters = signatures[activeSignature]!.parameters;
  const position_ = activeParameter(cursor.words.length, cursor.word.startsWith("--"), parameters, forms[activeSignature]!);
  return { signatures, activeSignature, activeParameter: position_ };
}

/** The words of a form after its name. */
function parametersOf(form: string): ParameterInformation[] {
  return [...form.matchAll(/\S+/g)].slice(1).map((match) => ({ label: [match.index, match.index + match[0].length] }));
}

/** Flags come first; a repeated argument takes what follows it. */
function activeParameter(index: number, isFlag: boolean, parameters: readonly ParameterInformation[], form: string): number {
  const words = form.split(/\s+/).slice(1);
  const flagged = words[0]?.startsWith("[flags]") || words[0]?.startsWith("[--") ? 1 : 0;
  if (isFlag) return 0;
  const repeated = words.findIndex((word) => word.endsWith("..."));
  const wanted = index + flagged;
  if (repeated >= 0 && wanted > repeated) return Math.min(repeated, parameters.length - 1);
  return Math.min(wanted, parameters.length - 1);
}
