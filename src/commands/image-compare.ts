/** Two images side by side: which files differ, and how. */
import * as vscode from "vscode";
import type { ImageLayerFiles } from "../../engine/api/types/file.ts";
import type { DockerClient } from "../../engine/client/client.ts";
import type { Context } from "../context.ts";
import { imageUri } from "../files/uris.ts";
import type { ImageNode } from "../tree/images-tree.ts";
import type { Command } from "./command.ts";
import { busy } from "./operation.ts";
import { chosenNodes } from "./pick.ts";

/** Which layer a path of an image comes from. */
type Origins = ReadonlyMap<string, string>;

export interface Difference {
  readonly path: string;
  readonly kind: "added" | "removed" | "changed";
}

/** A layer that both images have is the same. @param layers from the bottom */
export function originsOf(layers: readonly Pick<ImageLayerFiles, "files" | "diffId">[]): Origins {
  const origins = new Map<string, string>();
  for (const { files, diffId } of layers) {
    for (const { path, kind, directory } of files) {
      if (kind === "removed") forget(origins, path);
      else if (!directory) origins.set(path, diffId);
    }
  }
  return origins;
}

/** What is removed goes with all that is below it. */
function forget(origins: Map<string, string>, path: string): void {
  origins.delete(path);
  for (const below of origins.keys()) if (below.startsWith(`${path}/`)) origins.delete(below);
}

/** In path order. */
export function differences(before: Origins, after: Origins): Difference[] {
  const removed = [...before.keys()].filter((path) => !after.has(path)).map((path): Difference => ({ path, kind: "removed" }));
  const rest = [...after].flatMap(([path, origin]): Difference[] => {
    if (!before.has(path)) return [{ path, kind: "added" }];
    return before.get(path) === origin ? [] : [{ path, kind: "changed" }];
  });
  return [...removed, ...rest].toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

async function compare(context: Context, ...args: unknown[]): Promise<void> {
  const rows = (args[1] as readonly ImageNode[] | undefined)?.filter(({ kind }) => kind === "image") ?? [];
  const [first, second] = rows.length === 2 ? rows : await choosePair(context, args);
  if (!first || !second) return;
  const client = await context.engine.client();
  const [before, after] = await busy({ title: vscode.l10n.t("Comparing images"), view: "images" }, (signal) =>
    Promise.all([read(client, first, signal), read(client, second, signal)]),
  );
  const found = differences(before!, after!);
  const title = `${first.shown.label} ↔ ${second.shown.label}`;
  if (found.length === 0) return void vscode.window.showInformationMessage(vscode.l10n.t("{0}: all files are the same", title));
  const icons = { added: "diff-added", removed: "diff-removed", changed: "diff-modified" };
  const items = found.map((difference) => ({ label: `$(${icons[difference.kind]}) ${difference.path}`, difference }));
  const chosen = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t("{0}: {1} files differ; choose one", title, found.length),
  });
  if (chosen) await show(chosen.difference, { first, second });
}

async function choosePair(context: Context, args: readonly unknown[]): Promise<(ImageNode | undefined)[]> {
  const [first] = await chosenNodes(context, context.images, args, { title: vscode.l10n.t("Compare which image?"), one: true });
  if (!first) return [];
  const title = vscode.l10n.t("Compare {0} with which image?", first.shown.label);
  return [
    first,
    (await chosenNodes(context, context.images, [], { title, fits: ({ image }) => image.Id !== first.image.Id, one: true }))[0],
  ];
}

async function read(client: DockerClient, { image }: ImageNode, signal: AbortSignal): Promise<Origins> {
  return originsOf(await client.files.layers(image.Id, { signal }));
}

async function show({ path, kind }: Difference, { first, second }: { first: ImageNode; second: ImageNode }): Promise<void> {
  const [before, after] = [imageUri(first.image.Id, undefined, path), imageUri(second.image.Id, undefined, path)];
  const title = `${path} (${first.shown.label} ↔ ${second.shown.label})`;
  if (kind === "changed") await vscode.commands.executeCommand("vscode.diff", before, after, title);
  else await vscode.commands.executeCommand("vscode.open", kind === "added" ? after : before);
}

export const compareCommands: Readonly<Record<string, Command>> = { "image.compare": { handler: compare } };
