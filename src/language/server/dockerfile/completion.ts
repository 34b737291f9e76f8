/** Completion in a Dockerfile. */
import type { CompletionItem, Position } from "vscode-languageserver";
import { CompletionItemKind, InsertTextFormat } from "vscode-languageserver";
import { rules } from "../../../../engine/syntax/dockerfile/checks/rules.ts";
import { instructionFlags } from "../../../../engine/syntax/dockerfile/flags.ts";
import { keywords } from "../../../../engine/syntax/dockerfile/problems.ts";
import type { Keyword } from "../../../../engine/syntax/dockerfile/problems.ts";
import type { Surroundings } from "../surroundings.ts";
import { completeArguments } from "./completion-arguments.ts";
import { item } from "./completion-item.ts";
import type { Asked } from "./completion-item.ts";
import * as docs from "./docs.ts";
import { cursorAt, stageAt } from "./document.ts";
import type { DockerfileDocument } from "./document.ts";
import { platformArguments, proxyArguments, settingsAt } from "./names.ts";
import { t } from "../words.ts";

/** Items for the position; never throws. */
export async function complete(document: DockerfileDocument, position: Position, surroundings: Surroundings): Promise<CompletionItem[]> {
  const line = (document.lines[position.line] ?? "").slice(0, position.character);
  const directive = completeDirective(document, position, line);
  if (directive) return directive;
  const cursor = cursorAt(document, position);
  if (!cursor) return [];
  const asked = { document, position, cursor, surroundings };
  const variable = /\$\{?(\w*)$/.exec(line);
  if (variable && cursor.keyword) return completeVariables(asked, variable);
  if (cursor.keyword === undefined) return cursor.before.includes(" ") ? [] : completeKeywords(asked);
  if (cursor.word.startsWith("--")) return completeFlags(asked, cursor.keyword);
  return completeArguments(asked, cursor.keyword);
}

/** `# syntax=`, `# escape=` and `# check=` at the very top. */
function completeDirective(document: DockerfileDocument, position: Position, line: string): CompletionItem[] | undefined {
  const match = /^\s*#\s*(\w*)(?:=(.*))?$/.exec(line);
  const above = document.lines.slice(0, position.line);
  if (!match || !above.every((text) => /^\s*#\s*(syntax|escape|check)\s*=/i.test(text))) return undefined;
  const [, name = "", value] = match;
  if (value === undefined) {
    return Object.entries(docs.directives)
      .filter(([directive]) => !above.some((text) => text.toLowerCase().includes(`${directive}=`)))
      .map(([directive, { description }]) =>
        item({ position }, name, {
          label: `${directive}=`,
          kind: CompletionItemKind.Property,
          detail: description,
          command: { title: "", command: "editor.action.triggerSuggest" },
        }),
      );
  }
  const skip = /skip=(?:[^;]*,)?(\w*)$/.exec(value);
  if (name.toLowerCase() === "check" && skip) {
    return Object.entries(rules).map(([rule, { description }]) =>
      item({ position }, skip[1]!, { label: rule, kind: CompletionItemKind.EnumMember, detail: description }),
    );
  }
  return (docs.directives[name.toLowerCase()]?.values ?? []).map((label) =>
    item({ position }, value, { label, kind: CompletionItemKind.Value }),
  );
}

function completeKeywords(asked: Asked): CompletionItem[] {
  const { cursor, document, position } = asked;
  const begun = document.tree.stages.some((stage) => stage.range.start.line < position.line);
  const lower = /^[a-z]/.test(cursor.word) && document.tree.instructions.some(({ name }) => name !== name.toUpperCase());
  return keywords
    .filter((keyword) => (cursor.trigger ? !["FROM", "ONBUILD", "MAINTAINER"].includes(keyword) : keyword !== "MAINTAINER"))
    .filter((keyword) => begun || keyword === "FROM" || keyword === "ARG")
    .map((keyword) => {
      const doc = docs.instructions[keyword];
      const label = lower ? keyword.toLowerCase() : keyword;
      return item(asked, cursor.word, {
        label,
        kind: CompletionItemKind.Keyword,
        detail: doc.forms[0]!,
        documentation: { kind: "markdown", value: doc.summary },
        insertTextFormat: InsertTextFormat.Snippet,
        insertText: `${label} ${doc.snippet}`,
        sortText: keyword === "FROM" && !begun ? "0" : keyword,
      });
    });
}

function completeFlags(asked: Asked, keyword: Keyword): CompletionItem[] | Promise<CompletionItem[]> {
  const { cursor } = asked;
  const [, name, value] = /^--([\w-]*)(?:=(.*))?$/.exec(cursor.word) ?? [];
  if (name === undefined) return [];
  if (value === undefined) return completeFlagNames(asked, keyword);
  if (name === "from") return completeArguments({ ...asked, cursor: { ...cursor, word: value } }, keyword, "from");
  if (name === "mount" && keyword === "RUN") return completeMount(asked, value);
  if (name === "chown") return completeArguments({ ...asked, cursor: { ...cursor, word: value } }, keyword, "user");
  const values = [...(docs.flagValues[`${keyword} ${name}`] ?? [])];
  return values.map((label) => item(asked, value, { label, kind: CompletionItemKind.Value }));
}

function completeFlagNames(asked: Asked, keyword: Keyword): CompletionItem[] {
  const { cursor } = asked;
  const given = new Set([...cursor.before.matchAll(/\s--([\w-]+)=?/g)].map((match) => match[1]));
  return Object.entries(instructionFlags[keyword] ?? {})
    .filter(([name, type]) => type === "texts" || !given.has(name) || cursor.word === `--${name}`)
    .map(([name, type]) =>
      item(asked, cursor.word, {
        label: type === "switch" ? `--${name}` : `--${name}=`,
        kind: CompletionItemKind.Field,
        ...doc(docs.flags[keyword]?.[name]),
        ...(type !== "switch" && { command: { title: "", command: "editor.action.triggerSuggest" } }),
      }),
    );
}

function doc(text: string | undefined): Pick<CompletionItem, "documentation"> {
  return text === undefined ? {} : { documentation: { kind: "markdown", value: text } };
}

function completeMount(asked: Asked, value: string): CompletionItem[] | Promise<CompletionItem[]> {
  const field = value.split(",").at(-1)!;
  const [key, typed] = field.split("=", 2) as [string, string?];
  const values = (labels: readonly string[]): CompletionItem[] =>
    labels.map((label) => item(asked, typed ?? "", { label, kind: CompletionItemKind.EnumMember }));
  if (typed === undefined) {
    const given = new Set(value.split(",").map((part) => part.split("=", 1)[0]));
    return Object.entries(docs.mountKeys)
      .filter(([name]) => !given.has(name) || name === key)
      .map(([name, text]) => {
        const label = ["readonly", "readwrite", "required"].includes(name) ? name : `${name}=`;
        return item(asked, field, { label, kind: CompletionItemKind.Property, ...doc(text) });
      });
  }
  if (key === "type") return values(docs.mountTypes);
  if (key === "sharing") return values(["shared", "private", "locked"]);
  if (key === "from") return completeArguments({ ...asked, cursor: { ...asked.cursor, word: typed } }, "COPY", "from");
  return [];
}

function completeVariables(asked: Asked, match: RegExpExecArray): CompletionItem[] {
  const { document, position } = asked;
  const braced = match[0].startsWith("${");
  const settings = settingsAt(document, position.line);
  const known = [...settings.values()].map(({ name, value, kind, line }) => ({
    name,
    detail: t("{0} {1} (line {2})", kind, value ?? "", line + 1),
  }));
  const image = stageAt(document, position.line)?.from.image.text;
  const base = image === undefined || asked.cursor.keyword === "FROM" ? [] : (asked.surroundings.baseVariables(image) ?? []);
  const others = [...base, ...(asked.cursor.keyword === "FROM" ? platformArguments : proxyArguments)]
    .filter((name) => !settings.has(name))
    .map((name) => ({ name, detail: docs.predefined[name] ?? "Set by the base image" }));
  const after = (document.lines[position.line] ?? "").slice(position.character);
  return [...known, ...others].map(({ name, detail }) =>
    item(asked, match[1]!, {
      label: name,
      kind: CompletionItemKind.Variable,
      detail,
      insertText: braced && !after.startsWith("}") ? `${name}}` : name,
      filterText: name,
    }),
  );
}
