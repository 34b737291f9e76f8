/** Builds up to one instruction: what stands behind it is left out, so the image is what that step makes. */
import { readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import * as vscode from "vscode";
import type { BuildRecord, StepRecord } from "../../engine/api/types/builds.ts";
import type { DockerClient } from "../../engine/client/client.ts";
import { buildImage } from "../build/build.ts";
import type { Context } from "../context.ts";
import type { StepTarget } from "./server/dockerfile/live.ts";

/** Builds the editor's text, saved or not, up to and with the target's last line. Nothing is tagged. */
export async function buildTo(context: Context, target: StepTarget): Promise<void> {
  const uri = vscode.Uri.parse(target.uri);
  const text = upTo(await textOf(uri), target.line);
  const dockerfile = basename(uri.fsPath);
  const name = vscode.l10n.t("{0} to line {1}", dockerfile, target.line + 1);
  await buildImage(context, { directory: dirname(uri.fsPath), dockerfile, name, text });
}

/** The first lines of a text, the given one (from 0) included. */
export function upTo(text: string, line: number): string {
  return text
    .split("\n")
    .slice(0, line + 1)
    .join("\n");
}

async function textOf(uri: vscode.Uri): Promise<string> {
  const open = vscode.workspace.textDocuments.find((document) => document.uri.toString() === uri.toString());
  return open?.getText() ?? readFile(uri.fsPath, "utf8");
}

/** The record and the step behind a lens; where no build knows the text, it is built first. A failed step counts as well. */
export async function stepOf(context: Context, target: StepTarget): Promise<{ client: DockerClient; build: string; step: StepRecord }> {
  const client = await context.engine.client();
  if (target.build !== undefined) {
    const record = await client.buildRecords.get(target.build).catch(() => undefined);
    const step = record?.steps.find(({ id }) => id === target.step);
    if (record && step) return { client, build: record.id, step };
  }
  const failure = await buildTo(context, target).then(
    () => undefined,
    (error: Error) => error,
  );
  const found = reached(await client.buildRecords.list(), target);
  if (!found) throw failure ?? new Error(vscode.l10n.t("The build did not reach this step"));
  return { client, ...found };
}

function reached(records: readonly BuildRecord[], target: StepTarget): { build: string; step: StepRecord } | undefined {
  const path = vscode.Uri.parse(target.uri).fsPath;
  const record = records.find(({ contextName, dockerfile }) => contextName === dirname(path) && dockerfile === basename(path));
  const step = record?.steps.find(({ id, chainId }) => id === target.step && chainId !== undefined);
  return record && step && { build: record.id, step };
}
