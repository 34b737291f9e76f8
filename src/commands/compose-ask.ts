/** What some verbs of compose want to know besides the project: services, how many of one, and what is run in one. */
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import { splitWords } from "../run/spec.ts";
import { PROJECT_LABEL, SERVICE_LABEL } from "../tree/container.ts";
import { composeOutline } from "../tree/compose-outline.ts";
import type { ComposeTarget } from "./compose.ts";

/** What stands behind a verb, and what must be switched on for it. */
export interface Chosen {
  readonly words: readonly string[];
  readonly profiles: readonly string[];
}

export type Ask = (context: Context, target: ComposeTarget) => Promise<Chosen | undefined>;

interface Choice {
  readonly label: string;
  readonly description: string;
  readonly picked: boolean;
  readonly profiles: readonly string[];
}

/** @throws {Error} for a file that cannot be read */
async function choices(context: Context, { files, project }: ComposeTarget): Promise<Choice[]> {
  const outlines = await Promise.all(
    files.map(async (file) => composeOutline(new TextDecoder().decode(await vscode.workspace.fs.readFile(file)), file.path)),
  );
  const problem = outlines.find((outline) => outline.problem)?.problem;
  if (problem) throw new Error(problem);
  const profilesOf = new Map<string, string[]>();
  for (const { name, profiles } of outlines.flatMap(({ services }) => services))
    profilesOf.set(name, [...(profilesOf.get(name) ?? []), ...profiles]);
  // Of a project whose files are gone, its containers tell.
  if (files.length === 0 && project)
    for (const { Labels } of await (
      await context.engine.client()
    ).containers.list({
      all: true,
      filters: { label: [`${PROJECT_LABEL}=${project}`] },
    }))
      profilesOf.set(Labels[SERVICE_LABEL] ?? "?", []);
  return [...profilesOf].map(([label, profiles]) => ({
    label,
    description: profiles.join(", "),
    picked: profiles.length === 0,
    profiles,
  }));
}

/** Any number of services, those of profiles too. */
export const askServices: Ask = async (context, target) => {
  const title = vscode.l10n.t("Which services?");
  const chosen = await vscode.window.showQuickPick(await choices(context, target), { title, canPickMany: true });
  if (!chosen || chosen.length === 0) return undefined;
  return { words: chosen.map(({ label }) => label), profiles: [...new Set(chosen.flatMap(({ profiles }) => profiles))] };
};

async function askService(context: Context, target: ComposeTarget): Promise<Choice | undefined> {
  const [label] = target.services;
  if (label !== undefined) return { label, description: "", picked: true, profiles: [] };
  const items = await choices(context, target);
  return items.length === 1 ? items[0] : vscode.window.showQuickPick(items, { title: vscode.l10n.t("Which service?") });
}

/** One service, and something that is typed about it. */
const asking =
  (box: (service: string) => vscode.InputBoxOptions, words: (service: string, typed: string) => readonly string[]): Ask =>
  async (context, target) => {
    const service = await askService(context, target);
    const typed = service && (await vscode.window.showInputBox(box(service.label)));
    return typed === undefined ? undefined : { words: words(service!.label, typed), profiles: service!.profiles };
  };

/** `web=3` */
export const askScale = asking(
  (service) => ({
    title: vscode.l10n.t("Scale {0}", service),
    prompt: vscode.l10n.t("How many containers of it"),
    value: "2",
    validateInput: (text) => (/^\d{1,4}$/.test(text.trim()) ? undefined : vscode.l10n.t("Write a number")),
  }),
  (service, count) => [`${service}=${Number(count)}`],
);

/** A service and the command that its container runs instead of its own; empty for its own. */
export const askRun = asking(
  (service) => ({
    title: vscode.l10n.t("Run once in {0}", service),
    prompt: vscode.l10n.t("Command, or empty for the service's own"),
    value: "sh",
    validateInput: wordsProblem,
  }),
  (service, command) => [service, ...splitWords(command)],
);

function wordsProblem(text: string): string | undefined {
  try {
    splitWords(text);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
