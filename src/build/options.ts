/** Build Image with Options…: asked one after the other, and remembered for the next time. */
import * as vscode from "vscode";
import { parseDockerfile } from "../../engine/syntax/dockerfile/parse.ts";
import { splitWords } from "../run/spec.ts";
import type { BuildTarget } from "./run.ts";

/** What is asked for beyond the image's name. */
export type BuildOptions = Pick<BuildTarget, "target" | "platform" | "buildArgs" | "noCache" | "pull">;

/** The usual ones; others can be written into a task. */
export const PLATFORMS: readonly string[] = [
  "linux/amd64",
  "linux/arm64",
  "linux/arm/v7",
  "linux/arm/v6",
  "linux/386",
  "linux/ppc64le",
  "linux/riscv64",
  "linux/s390x",
];

/** @param before what was chosen the last time. @returns undefined when the user thought better of it */
export async function askBuildOptions(dockerfile: vscode.Uri, before: BuildOptions): Promise<BuildOptions | undefined> {
  const text = new TextDecoder().decode(await vscode.workspace.fs.readFile(dockerfile));
  const target = await askStage(text, before);
  if (target === undefined) return undefined;
  const platform = await askPlatforms(before);
  if (platform === undefined) return undefined;
  const buildArgs = await askArguments(text, before);
  if (!buildArgs) return undefined;
  const switches = await askSwitches(before);
  return switches && { target: target || undefined, platform: platform || undefined, buildArgs, ...switches };
}

/** Empty for the last stage, which is what a Dockerfile makes. */
async function askStage(text: string, { target }: BuildOptions): Promise<string | undefined> {
  const names = parseDockerfile(text).stages.flatMap(({ name }) => name ?? []);
  if (names.length === 0) return "";
  const last = { label: vscode.l10n.t("The last stage"), name: "" };
  const items = [last, ...names.map((name) => ({ label: name, description: name === target ? vscode.l10n.t("last time") : "", name }))];
  return (await vscode.window.showQuickPick(items, { title: vscode.l10n.t("Build which stage?") }))?.name;
}

async function askPlatforms({ platform = "" }: BuildOptions): Promise<string | undefined> {
  const chosen = platform.split(",");
  const items = PLATFORMS.map((label) => ({ label, picked: chosen.includes(label) }));
  const title = vscode.l10n.t("Build for which platforms? None: this machine's");
  return (await vscode.window.showQuickPick(items, { title, canPickMany: true }))?.map(({ label }) => label).join(",");
}

async function askArguments(text: string, { buildArgs = {} }: BuildOptions): Promise<Record<string, string> | undefined> {
  const names = [...new Set([...text.matchAll(/^\s*ARG\s+([A-Za-z_]\w*)/gim)].map(([, name]) => name!))];
  const answer = await vscode.window.showInputBox({
    title: vscode.l10n.t("Build arguments"),
    prompt:
      names.length > 0
        ? vscode.l10n.t("NAME=value, with blanks between them; there are {0}", names.join(", "))
        : vscode.l10n.t("NAME=value, with blanks between them"),
    value: Object.entries(buildArgs)
      .map(([name, value]) => `${name}=${/[\s"'\\]/.test(value) ? JSON.stringify(value) : value}`)
      .join(" "),
    validateInput: argumentProblem,
  });
  return answer === undefined ? undefined : argumentsOf(answer);
}

function argumentProblem(text: string): string | undefined {
  try {
    const wrong = splitWords(text).find((word) => !/^[A-Za-z_]\w*=/.test(word));
    return wrong === undefined ? undefined : vscode.l10n.t('"{0}" is no argument: write NAME=value', wrong);
  } catch (error) {
    return (error as Error).message;
  }
}

/** By name. */
function argumentsOf(text: string): Record<string, string> {
  return Object.fromEntries(
    splitWords(text).map((word) => {
      const [name = "", ...value] = word.split("=");
      return [name, value.join("=")];
    }),
  );
}

async function askSwitches({ noCache = false, pull = false }: BuildOptions): Promise<{ noCache: boolean; pull: boolean } | undefined> {
  const [without, newer] = [
    { label: vscode.l10n.t("Without the cache"), picked: noCache },
    { label: vscode.l10n.t("With newer base images, if there are any"), picked: pull },
  ];
  const chosen = await vscode.window.showQuickPick([without, newer], { title: vscode.l10n.t("Anything else?"), canPickMany: true });
  return chosen && { noCache: chosen.includes(without), pull: chosen.includes(newer) };
}
