/** What can be done with images. */
import * as vscode from "vscode";
import { familiarName, parseReference } from "../../engine/syntax/reference.ts";
import type { Context } from "../context.ts";
import { openWorkTerminal } from "../terminals/work.ts";
import type { ImageNode } from "../tree/images-tree.ts";
import type { Command } from "./command.ts";
import { ActionableError, signalOf } from "./command.ts";
import { inspectUri } from "./inspect.ts";
import { referenceProblem } from "./image-name.ts";
import { chosenNodes } from "./pick.ts";
import { runImage } from "./run.ts";

const any = (): boolean => true;

const chosen = (context: Context, args: readonly unknown[], title: string): Promise<ImageNode[]> =>
  chosenNodes(context.images, args, { title, fits: any });

async function run(context: Context, ...args: unknown[]): Promise<void> {
  if (typeof args[0] === "string") return runImage(context, args[0]);
  for (const { shown } of await chosen(context, args, vscode.l10n.t("Run which image?"))) await runImage(context, shown.reference);
}

async function tag(context: Context, ...args: unknown[]): Promise<void> {
  const [node] = await chosen(context, args, vscode.l10n.t("Tag which image?"));
  if (!node) return;
  const value = await vscode.window.showInputBox({
    title: vscode.l10n.t("Tag {0}", node.shown.label),
    prompt: vscode.l10n.t("Another name and tag for this image"),
    value: node.shown.context === "image;tagged" ? node.shown.label : "",
    validateInput: referenceProblem,
  });
  if (!value) return;
  const { repository, tag: name } = splitTag(value.trim());
  await (await context.engine.client()).images.tag(node.shown.reference, repository, name);
}

async function remove(context: Context, ...args: unknown[]): Promise<void> {
  const nodes = await chosen(context, args, vscode.l10n.t("Remove which image?"));
  if (nodes.length === 0) return;
  const yes = vscode.l10n.t("Remove");
  const names = nodes.map(({ shown }) => shown.label).join(", ");
  if ((await vscode.window.showWarningMessage(vscode.l10n.t("Remove {0}?", names), { modal: true }, yes)) !== yes) return;
  const client = await context.engine.client();
  for (const { shown } of nodes) await client.images.remove(shown.reference);
}

async function pull(context: Context): Promise<void> {
  const value = await vscode.window.showInputBox({
    title: vscode.l10n.t("Pull Image"),
    prompt: vscode.l10n.t("Name and tag of the image, with its registry unless that is Docker Hub"),
    placeHolder: "nginx:latest",
    validateInput: referenceProblem,
  });
  if (!value) return;
  const client = await context.engine.client();
  const { repository, tag: name } = splitTag(value.trim());
  const terminal = openWorkTerminal(vscode.l10n.t("Pull: {0}", value.trim()), "cloud-download");
  const title = vscode.l10n.t("Pulling {0}", value.trim());
  await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, cancellable: true, title },
    async (progress, token) => {
      const signal = AbortSignal.any([terminal.signal, signalOf(token)]);
      try {
        for await (const { id, status, error, progressDetail } of client.images.pull(repository, { tag: name, signal })) {
          if (error !== undefined) throw new ActionableError(error, { title: vscode.l10n.t("Show Details"), run: () => terminal.show() });
          if (!status) continue;
          if (progressDetail?.total === undefined) terminal.write(`${id ? `${id}: ` : ""}${status}\r\n`);
          progress.report({ message: [id, status].filter(Boolean).join(": ") });
        }
      } finally {
        terminal.finish();
      }
    },
  );
}

async function inspect(context: Context, ...args: unknown[]): Promise<void> {
  for (const { image, shown } of await chosen(context, args, vscode.l10n.t("Inspect which image?")))
    await vscode.window.showTextDocument(inspectUri("image", image.Id, shown.label));
}

/** What the API wants apart. A digest counts as the tag of a pull. */
function splitTag(value: string): { repository: string; tag: string } {
  const result = parseReference(value);
  if ("problem" in result) throw new Error(result.problem);
  const { reference } = result;
  return { repository: familiarName(reference), tag: reference.digest ?? reference.tag ?? "latest" };
}

/** Commands on images, from the view's menus and from the palette. */
export const imageCommands: Readonly<Record<string, Command>> = {
  "image.run": { handler: run },
  "image.tag": { handler: tag },
  "image.remove": { handler: remove },
  "image.pull": { handler: pull },
  "image.inspect": { handler: inspect },
};
