/** Completion of what follows an instruction's name: images, stages, paths, users, ports, signals. */
import type { CompletionItem } from "vscode-languageserver";
import { CompletionItemKind, InsertTextFormat } from "vscode-languageserver";
import type { Keyword } from "../../../../engine/syntax/dockerfile/problems.ts";
import { item } from "./completion-item.ts";
import type { Asked } from "./completion-item.ts";
import * as docs from "./docs.ts";
import { stageAt } from "./document.ts";
import { settingsAt } from "./names.ts";
import { t } from "../words.ts";

/** @param what asks for something else than the instruction's next argument: the value of `--from` or `--chown` */
export async function completeArguments(asked: Asked, keyword: Keyword, what?: "from" | "user"): Promise<CompletionItem[]> {
  if (what === "from") return [...stages(asked), ...(await images(asked))];
  if (what === "user") return users(asked);
  const { words } = asked.cursor;
  switch (keyword) {
    case "FROM":
      return words.length === 0 ? [...stages(asked), ...scratch(asked), ...(await images(asked))] : fromRest(asked);
    case "COPY":
    case "ADD":
      return /(^|\s)--from=/.test(asked.cursor.before) ? [] : paths(asked);
    case "USER":
      return words.length === 0 ? users(asked) : [];
    case "WORKDIR":
      return workdirs(asked);
    case "EXPOSE":
      return ports(asked);
    case "STOPSIGNAL":
      return docs.signals.map((label) => item(asked, asked.cursor.word, { label, kind: CompletionItemKind.Constant }));
    case "HEALTHCHECK":
      return words.length === 0 ? healthchecks(asked) : [];
    case "SHELL":
      return shells(asked);
    case "ARG":
      return args(asked);
    default:
      return [];
  }
}

function stages(asked: Asked): CompletionItem[] {
  const { document, position, cursor } = asked;
  const here = stageAt(document, position.line);
  const isFrom = cursor.keyword === "FROM";
  const before = document.tree.stages.filter((stage) => stage.from.range.start.line < position.line && (isFrom || stage !== here));
  return before.flatMap(({ name, from }) =>
    name === undefined
      ? []
      : [
          item(asked, cursor.word, {
            label: name,
            kind: CompletionItemKind.Class,
            detail: t("Stage, line {0}", from.range.start.line + 1),
            documentation: from.original.trim(),
            sortText: `0${name}`,
          }),
        ],
  );
}

const scratch = (asked: Asked): CompletionItem[] => [
  item(asked, asked.cursor.word, { label: "scratch", kind: CompletionItemKind.Class, detail: t("The empty image"), sortText: "2scratch" }),
];

/** Repositories first; behind a colon the tags. */
async function images(asked: Asked): Promise<CompletionItem[]> {
  const { cursor, surroundings } = asked;
  const tagged = /^(.+?):([\w.-]*)$/.exec(cursor.word);
  if (tagged && !tagged[2]!.includes("/")) {
    const tags = await surroundings.tags(tagged[1]!);
    return tags.map((label, index) =>
      item(asked, tagged[2]!, { label, kind: CompletionItemKind.EnumMember, detail: tagged[1]!, sortText: String(index).padStart(5, "0") }),
    );
  }
  return (await surroundings.images(cursor.word)).map((label) =>
    item(asked, cursor.word, { label, kind: CompletionItemKind.Module, detail: t("Image"), sortText: `1${label}`, filterText: label }),
  );
}

function fromRest(asked: Asked): CompletionItem[] {
  if (asked.cursor.words.length !== 1) return [];
  const lower = asked.cursor.before.startsWith("from");
  const label = lower ? "as" : "AS";
  return [
    item(asked, asked.cursor.word, {
      label,
      kind: CompletionItemKind.Keyword,
      detail: t("Names the stage"),
      insertTextFormat: InsertTextFormat.Snippet,
      insertText: `${label} \${1:build}`,
    }),
  ];
}

/** Paths of the context that are sent, one directory at a time. */
async function paths(asked: Asked): Promise<CompletionItem[]> {
  const { cursor, surroundings } = asked;
  const typed = cursor.word.replace(/^["[]+/, "");
  const slash = typed.lastIndexOf("/") + 1;
  const folder = typed.slice(0, slash).replace(/^(\.?\/)+/, "");
  const entries = await surroundings.list(folder.replace(/\/$/, ""));
  const sent = entries.filter(({ name, directory }) => {
    const path = folder + name;
    return !surroundings.ignored.excludedBy(path) || (directory && surroundings.ignored.mayHoldExceptions(path));
  });
  return sent.map(({ name, directory }) => {
    const label = directory ? `${name}/` : name;
    return item(asked, typed.slice(slash), {
      label,
      kind: directory ? CompletionItemKind.Folder : CompletionItemKind.File,
      insertText: label.replaceAll(" ", "\\ "),
      ...(directory && { command: { title: "", command: "editor.action.triggerSuggest" } }),
    });
  });
}

/** Users that the file itself makes, and those that most images have. */
function users(asked: Asked): CompletionItem[] {
  const made = asked.document.tree.instructions.flatMap((instruction) =>
    instruction.kind === "RUN"
      ? [...instruction.rest.matchAll(/\b(?:useradd|adduser)\b((?:\s+-{1,2}\S+(?:[ =](?!-)\S+)?)*)\s+([\w-]+)/g)]
      : [],
  );
  const names = new Set([...made.map((match) => /([\w-]+)$/.exec(match[0])![1]!), ...usedUsers(asked), "root", "nobody"]);
  return [...names].map((label) => item(asked, asked.cursor.word, { label, kind: CompletionItemKind.Constant, detail: t("User") }));
}

function usedUsers({ document, position }: Asked): string[] {
  return document.tree.instructions.flatMap((instruction) =>
    instruction.kind === "USER" && instruction.range.start.line !== position.line && !instruction.value.includes("$")
      ? [instruction.value.split(":")[0]!]
      : [],
  );
}

function workdirs(asked: Asked): CompletionItem[] {
  const { document, position, cursor } = asked;
  const used = document.tree.instructions.flatMap((instruction) =>
    instruction.kind === "WORKDIR" && instruction.range.start.line !== position.line ? [instruction.value] : [],
  );
  return [...new Set([...used, "/app", "/src", "/usr/src/app"])].map((label) =>
    item(asked, cursor.word, { label, kind: CompletionItemKind.Folder }),
  );
}

function ports(asked: Asked): CompletionItem[] {
  const [, port, protocol] = /^(\d+)(\/.*)?$/.exec(asked.cursor.word) ?? [];
  const labels = port === undefined ? ["80", "443", "3000", "5000", "5432", "6379", "8000", "8080"] : [`${port}/tcp`, `${port}/udp`];
  if (port !== undefined && protocol === undefined) labels.unshift(port);
  return labels.map((label) => item(asked, asked.cursor.word, { label, kind: CompletionItemKind.Value }));
}

function healthchecks(asked: Asked): CompletionItem[] {
  return [
    ["CMD", "CMD ${1:command}", t("The command that finds out")],
    ["NONE", "NONE", t("No health check, also not the base image's")],
  ].map(([label, insertText, detail]) =>
    item(asked, asked.cursor.word, {
      label: label!,
      kind: CompletionItemKind.Keyword,
      insertText: insertText!,
      detail: detail!,
      insertTextFormat: InsertTextFormat.Snippet,
    }),
  );
}

function shells(asked: Asked): CompletionItem[] {
  if (asked.cursor.words.length > 0 || asked.cursor.word.length > 1) return [];
  return ['["/bin/bash", "-o", "pipefail", "-c"]', '["/bin/sh", "-c"]', '["/bin/ash", "-eo", "pipefail", "-c"]'].map((label) =>
    item(asked, asked.cursor.word, { label, kind: CompletionItemKind.Snippet, filterText: `${asked.cursor.word}${label}` }),
  );
}

/** In a stage those declared before the first FROM, which count only when they are declared again, and the platform's. */
function args(asked: Asked): CompletionItem[] {
  const { document, position, cursor } = asked;
  if (!stageAt(document, position.line) || cursor.word.includes("=")) return [];
  const known = settingsAt(document, position.line);
  const globals = document.tree.globalArgs.flatMap(({ pairs }) => pairs.map(({ key, value }) => ({ key, detail: value ?? "" })));
  const platform = Object.entries(docs.predefined)
    .filter(([key]) => /^(BUILD|TARGET)/.test(key))
    .map(([key, detail]) => ({ key, detail }));
  return [...globals, ...platform]
    .filter(({ key }) => !known.has(key))
    .map(({ key, detail }) => item(asked, cursor.word, { label: key, kind: CompletionItemKind.Variable, detail }));
}
