/** What can be done with images. */
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import { openWorkTerminal } from "../terminals/work.ts";
import { formatSize, instructionOf } from "../tree/image.ts";
import type { ImageNode } from "../tree/images-tree.ts";
import type { Command } from "./command.ts";
import { referenceProblem, splitTag } from "./image-name.ts";
import type { NameParts } from "./image-name.ts";
import { checkUpdates, pull, pullFor, push, registriesOf } from "./image-transfer.ts";
import { inspectUri, showText } from "./inspect.ts";
import { busy, confirmed, operationCommands, say } from "./operation.ts";
import type { Operation } from "./operation.ts";
import { chosenNodes } from "./pick.ts";
import { askProposing } from "./propose.ts";
import { runImage } from "./run.ts";
import { saveStream, sendFile } from "./save.ts";

const operations: Readonly<Record<string, Operation<ImageNode>>> = {
  "image.remove": {
    title: vscode.l10n.t("Remove which image?"),
    run: ({ images }, { shown }, options) => images.remove(shown.reference, options),
    words: ({ shown }) => ["rmi", shown.reference],
    confirm: (nodes) => ({
      message: vscode.l10n.t("Remove {0}?", nodes.map(({ shown }) => shown.label).join(", ")),
      yes: vscode.l10n.t("Remove"),
    }),
  },
};

export function onImages(title: string, work: (context: Context, node: ImageNode) => unknown): Command {
  return {
    handler: async (context, ...args) => {
      for (const node of await chosenNodes(context, context.images, args, { title, one: !args[0] })) await work(context, node);
    },
  };
}

/** A name that the user types. @returns its text and what the API wants apart; undefined when they thought better of it */
export async function askImageName(title: string, value: string): Promise<({ text: string } & NameParts) | undefined> {
  const prompt = vscode.l10n.t("Name and tag of the image");
  const text = (await vscode.window.showInputBox({ title, prompt, value, validateInput: referenceProblem }))?.trim();
  return text ? { text, ...splitTag(text) } : undefined;
}

async function tag(context: Context, { shown }: ImageNode): Promise<void> {
  const value = shown.context.startsWith("image;tagged") ? shown.label : "";
  const text = await askProposing({
    title: vscode.l10n.t("Tag {0}", shown.label),
    placeholder: vscode.l10n.t("Name and tag of the image"),
    value,
    typed: vscode.l10n.t("tag with this name"),
    items: (value ? await registriesOf(context, value) : []).map((label) => ({ label, description: vscode.l10n.t("for a push") })),
    problem: referenceProblem,
  });
  if (text === undefined) return;
  const { repository, tag: wanted } = splitTag(text);
  say(context, ["tag", shown.reference, text]);
  await (await context.engine.client()).images.tag(shown.reference, repository, wanted);
}

/** The lines of `docker history`, on any engine. */
async function history(context: Context, { image, shown }: ImageNode): Promise<void> {
  const lines = await (await context.engine.client()).images.history(image.Id);
  say(context, ["history", "--no-trunc", shown.reference]);
  const rows = lines.map(({ Created, CreatedBy, Comment, Size, Tags }) => [
    new Date(Created * 1000).toISOString().slice(0, 16).replace("T", " "),
    formatSize(Size),
    [instructionOf(CreatedBy) || CreatedBy || Comment, ...(Tags ?? []).map((tag) => `← ${tag}`)].join(" "),
  ]);
  const head = [vscode.l10n.t("Made"), vscode.l10n.t("Size"), vscode.l10n.t("Instruction")];
  const text = [head, ...rows].map(([made, size, line]) => `${made!.padEnd(18)}${size!.padStart(10)}  ${line}`.trimEnd());
  await showText(vscode.l10n.t("History of {0}.txt", shown.label), text.join("\n"));
}

async function save(context: Context, ...args: unknown[]): Promise<void> {
  const nodes = await chosenNodes(context, context.images, args, { title: vscode.l10n.t("Save which images?") });
  if (nodes.length === 0) return;
  const names = nodes.map(({ shown }) => shown.reference);
  const client = await context.engine.client();
  const file = nodes.length === 1 ? nodes[0]!.shown.label.replaceAll(/[/:@]/g, "-") : "images";
  const path = await saveStream(`${file}.tar`, (signal) => client.images.save(names, { signal }));
  if (path) say(context, ["save", "--output", path, ...names]);
}

async function load(context: Context): Promise<void> {
  const client = await context.engine.client();
  const terminal = openWorkTerminal(vscode.l10n.t("Load"), "archive");
  const loaded: string[] = [];
  const path = await sendFile(vscode.l10n.t("Load Images"), async (tar, signal) => {
    for await (const { stream, error } of client.images.load(tar, { signal })) {
      if (error !== undefined) throw new Error(error);
      if (stream) loaded.push(stream.trim());
    }
  }).finally(() => terminal.finish());
  if (path) say(context, ["load", "--input", path]);
  if (loaded.length > 0) void vscode.window.showInformationMessage(loaded.join("\n"));
}

async function importFiles(context: Context): Promise<void> {
  const client = await context.engine.client();
  const name = await askImageName(vscode.l10n.t("Import Files as an Image"), "");
  if (!name) return;
  const path = await sendFile(vscode.l10n.t("Import Files as an Image"), async (tar, signal) => {
    for await (const { error } of client.images.import({ source: "-", tar, repo: name.repository, tag: name.tag, signal }))
      if (error !== undefined) throw new Error(error);
  });
  if (path) say(context, ["import", path, name.text]);
}

async function prune(context: Context): Promise<void> {
  const nodes = await context.images.fresh();
  const unused = nodes.filter(({ shown }) => !/;used/.test(shown.context));
  const dangling = unused.filter(({ shown }) => shown.context.startsWith("image;untagged"));
  const items = [
    { label: vscode.l10n.t("Untagged images"), description: String(dangling.length), nodes: dangling, filters: { dangling: ["true"] } },
    {
      label: vscode.l10n.t("All images that no container uses"),
      description: String(unused.length),
      nodes: unused,
      filters: { dangling: ["false"] },
    },
  ];
  const chosen = await vscode.window.showQuickPick(items, { title: vscode.l10n.t("Remove which images?") });
  if (!chosen) return;
  const detail = chosen.nodes.map(({ shown }) => `${shown.label} — ${shown.description}`).join("\n");
  if (!(await confirmed({ message: vscode.l10n.t("Remove {0} images?", chosen.nodes.length), detail, yes: vscode.l10n.t("Remove") })))
    return;
  const client = await context.engine.client();
  say(context, ["image", "prune", "--force", ...(chosen === items[1] ? ["--all"] : [])]);
  await busy({ title: vscode.l10n.t("Removing images"), view: "images" }, (signal) => client.images.prune(chosen.filters, { signal }));
}

/** Commands on images, from the view's menus and from the palette. */
export const imageCommands: Readonly<Record<string, Command>> = {
  ...operationCommands((context) => context.images, operations),
  "image.run": {
    handler: async (context, ...args) => {
      if (typeof args[0] === "string") return runImage(context, args[0]);
      const nodes = await chosenNodes(context, context.images, args, { title: vscode.l10n.t("Run which image?"), one: true });
      for (const { shown } of nodes) await runImage(context, shown.reference);
    },
  },
  "image.tag": onImages(vscode.l10n.t("Tag which image?"), tag),
  "image.pull": { handler: (context, name) => pull(context, typeof name === "string" ? name : undefined) },
  "image.checkUpdates": { handler: checkUpdates },
  "image.pullFor": { handler: (context, ...args) => pullFor(context, args) },
  "image.history": onImages(vscode.l10n.t("Show the history of which image?"), history),
  "image.pullAgain": onImages(vscode.l10n.t("Pull which image again?"), (context, { shown }) => pull(context, shown.reference)),
  "image.push": onImages(vscode.l10n.t("Push which image?"), push),
  "image.save": { handler: save },
  "image.load": { handler: load },
  "image.import": { handler: importFiles },
  "image.prune": { handler: prune },
  "image.copyTag": onImages(vscode.l10n.t("Copy the name of which image?"), (_context, { shown }) =>
    vscode.env.clipboard.writeText(shown.reference),
  ),
  "image.inspect": onImages(vscode.l10n.t("Inspect which image?"), async (_context, { image, shown }) =>
    vscode.window.showTextDocument(inspectUri("image", image.Id, shown.label)),
  ),
};
