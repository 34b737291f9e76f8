/** The Build panel: a build that runs or has run, as a timeline of its steps. */
import * as vscode from "vscode";
import type { BuildProgress, BuildRecord, BuildStep, StepRecord } from "../../engine/api/types/builds.ts";
import { isStatus } from "../../engine/client/errors.ts";
import type { DockerClient } from "../../engine/client/client.ts";
import type { BuildPageState, BuildRow, FromBuildPage, ToBuildPage } from "../../webviews/protocol.ts";
import { showText } from "../commands/inspect.ts";
import type { Context } from "../context.ts";
import { openStepShell } from "../terminals/step-shell.ts";
import { showPage } from "./page.ts";
import type { Channel, Page } from "./page.ts";

type BuildChannel = Channel<ToBuildPage, FromBuildPage>;

export const buildPage: Page<BuildPageState, ToBuildPage, FromBuildPage> = {
  name: "build",
  icon: "build",
  title: ({ name }) => vscode.l10n.t("Build: {0}", name),
  key: ({ id }) => id,
  serve: async (context, { id, name }, channel) => {
    const { say, onMessage, signal } = channel;
    const client = await context.engine.client();
    const record = await client.buildRecords.get(id, { signal }).catch((error: unknown) => {
      throw isStatus(error, 404) ? new Error(vscode.l10n.t("{0} is no longer there: the build was forgotten", name)) : error;
    });
    onMessage((message) => {
      if (message.type !== "ready")
        void answer(context, record, message).catch((error: Error) => vscode.window.showErrorMessage(error.message));
    });
    tell(say, record);
    say({ type: "again" });
    await follow(client, record, channel);
    tell(say, await client.buildRecords.get(id, { signal }));
  },
};

function tell(say: BuildChannel["say"], record: BuildRecord): void {
  const { contextName, target, status, startedMs, endedMs, steps, tags } = record;
  const title = [tags.join(", ") || contextName, target].filter(Boolean).join(" · ");
  say({ type: "build", title, status, startedMs, endedMs });
  say({ type: "steps", steps: steps.map((step) => rowOf(step, status)) });
}

/** Everything from the beginning, then what happens; ends when the build does. */
async function follow(client: DockerClient, record: BuildRecord, { say, signal }: BuildChannel): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const again = async (): Promise<void> => {
    timer = undefined;
    tell(say, await client.buildRecords.get(record.id, { signal }));
  };
  for await (const event of client.buildRecords.progress(record.id, { signal })) {
    if (event.type === "log") say({ type: "log", step: event.step, text: event.data });
    else if (changesSteps(event) && record.status === "running") timer ??= setTimeout(() => void again().catch(() => {}), 100);
  }
  clearTimeout(timer);
}

const changesSteps = ({ type }: BuildProgress): boolean => ["plan", "start", "end", "finish"].includes(type);

function rowOf(step: StepRecord, status: BuildRecord["status"]): BuildRow {
  const { id, name, instruction, stage, startedMs, endedMs, addedBytes, reason = "", error = "", range, chainId } = step;
  const state = error
    ? "failed"
    : step.cached
      ? "cached"
      : startedMs === undefined
        ? status === "running"
          ? "waiting"
          : "skipped"
        : endedMs === undefined && status === "running"
          ? "running"
          : "done";
  return {
    id,
    name: name || instruction,
    instruction,
    stage: stage ?? "",
    state,
    startedMs,
    endedMs,
    addedBytes,
    why: reason,
    error,
    line: range?.startLine,
    shell: chainId !== undefined,
  };
}

async function answer(context: Context, record: BuildRecord, { type, step }: { type: FromBuildPage["type"]; step: string }): Promise<void> {
  const client = await context.engine.client();
  const found =
    record.steps.find(({ id }) => id === step) ?? (await client.buildRecords.get(record.id)).steps.find(({ id }) => id === step);
  if (!found) return;
  if (type === "shell") openStepShell(client, { build: record.id, step, name: found.instruction });
  if (type === "reveal") await reveal(record, found);
  if (type === "changes") await showChanges(client, record, found);
}

/** The instruction in the Dockerfile, where that is a file of this machine; else the text as it was built. */
async function reveal({ contextName, dockerfile }: BuildRecord, { range }: BuildStep): Promise<void> {
  const path = dockerfile.startsWith("/") ? dockerfile : `${contextName}/${dockerfile}`;
  const line = (range?.startLine ?? 1) - 1;
  await vscode.window.showTextDocument(vscode.Uri.file(path), {
    selection: new vscode.Range(line, 0, line, 0),
    preview: true,
    viewColumn: vscode.ViewColumn.Beside,
  });
}

async function showChanges(client: DockerClient, { id }: BuildRecord, step: BuildStep): Promise<void> {
  const changes = await client.buildRecords.changes(id, step.id);
  const content = changes.map(({ path, kind }) => `${kind.padEnd(9)} ${path}`).join("\n");
  await showText(`${step.id} ${step.instruction.slice(0, 40)}.txt`, content);
}

export function openBuildPanel(context: Context, state: BuildPageState): void {
  showPage(context, buildPage, state);
}
