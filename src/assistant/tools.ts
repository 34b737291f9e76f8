/**
 * What a language model may ask for: what the engine has, what a container printed, how the last build went; and a build, which the user
 * confirms. Nothing else changes anything, and variables of containers, which hold secrets, are not told.
 */
import { stripVTControlCharacters } from "node:util";
import * as vscode from "vscode";
import type { StepRecord } from "../../engine/api/types/builds.ts";
import type { DockerClient } from "../../engine/client/client.ts";
import { BuildFailure, runBuild } from "../build/run.ts";
import { trusted } from "../commands/command.ts";
import { say } from "../commands/operation.ts";
import type { Context } from "../context.ts";
import { buildTarget } from "../tasks/tasks.ts";
import { containerName, stateInWords } from "../tree/container.ts";
import { formatSize } from "../tree/image.ts";
import type { Node } from "../tree/node.ts";

/** What a model sends, held against the manifest's schema by the editor alone. */
type Input = Readonly<Record<string, unknown>>;

export interface Tool {
  readonly prepare?: (input: Input) => vscode.PreparedToolInvocation;
  /** @throws {Error} a sentence that the model can do something with */
  readonly invoke: (context: Context, input: Input, signal: AbortSignal) => Promise<string>;
}

/** Enough to see what is wrong, and no more than a conversation can take. */
const MOST_LINES = 1000;
const MOST_LETTERS = 30_000;

const textOf = (input: Input, key: string): string => (typeof input[key] === "string" ? input[key].trim() : "");
const lastOf = (text: string): string => stripVTControlCharacters(text).slice(-MOST_LETTERS);

const KINDS = ["containers", "images", "volumes", "networks", "projects"] as const;

async function list(context: Context, input: Input): Promise<string> {
  const kind = KINDS.find((each) => each === textOf(input, "kind")) ?? "containers";
  const client = await context.engine.client();
  if (kind === "containers") return (await containers(client)) || "No containers";
  const nodes: readonly Node[] = await context[kind].fresh();
  return nodes.map(({ shown }) => shown.spoken).join("\n") || `No ${kind}`;
}

async function containers(client: DockerClient): Promise<string> {
  const all = await client.containers.list({ all: true });
  const lines = all.map((container) => {
    const ports = container.Ports.filter(({ PublicPort }) => PublicPort).map(
      ({ IP = "", PublicPort, PrivatePort, Type }) => `${IP}:${PublicPort}->${PrivatePort}/${Type}`,
    );
    return [containerName(container), container.Id.slice(0, 12), container.Image, stateInWords(container), container.Status, ...ports].join(
      " | ",
    );
  });
  return lines.join("\n");
}

async function logs(context: Context, input: Input, signal: AbortSignal): Promise<string> {
  const name = textOf(input, "container");
  const wanted = typeof input["lines"] === "number" ? input["lines"] : 200;
  const tail = Math.min(MOST_LINES, Math.max(1, Math.floor(wanted)));
  const client = await context.engine.client();
  const output = await client.containers.logs(name, { stdout: true, stderr: true, timestamps: true, tail: String(tail), signal });
  const pieces: Buffer[] = [];
  for await (const { data } of output.frames()) pieces.push(data);
  return lastOf(Buffer.concat(pieces).toString()) || "It has printed nothing";
}

async function lastBuild(context: Context, input: Input, signal: AbortSignal): Promise<string> {
  const client = await context.engine.client();
  if (!context.engine.own) return "Only Berth's own engine remembers its builds, and another one is used";
  const name = textOf(input, "name");
  const records = await client.buildRecords.list({ signal });
  const record = records.find(
    ({ tags, contextName }) => name === "" || contextName.includes(name) || tags.some((tag) => tag.includes(name)),
  );
  if (!record) return name === "" ? "Nothing has been built yet" : `No build of ${name} is remembered`;
  const steps = record.steps.filter(({ kind, instruction }) => kind !== "export" && instruction !== "");
  const failed = steps.find(({ error }) => error !== undefined);
  const printed = failed ? await client.buildRecords.log(record.id, failed.id, { signal }).catch(() => undefined) : undefined;
  return [
    `${record.tags.join(", ") || record.contextName}: ${record.status}${record.error ? `: ${record.error}` : ""}`,
    `${record.dockerfile} in ${record.contextName}, ${new Date(record.startedMs).toISOString()}`,
    ...steps.map(stepLine),
    ...(printed === undefined ? [] : [`Output of ${failed!.instruction}:`, lastOf(await textOfLog(printed))]),
  ].join("\n");
}

async function textOfLog(stream: AsyncIterable<Buffer | string>): Promise<string> {
  let text = "";
  for await (const piece of stream) text += piece.toString();
  return text;
}

function stepLine({ instruction, range, cached, reason, startedMs, endedMs, addedBytes, error }: StepRecord): string {
  const took = startedMs === undefined || endedMs === undefined ? "" : `${((endedMs - startedMs) / 1000).toFixed(1)} s`;
  const what = error
    ? `failed: ${error}`
    : cached
      ? "cached"
      : startedMs === undefined
        ? "not reached"
        : [took, reason].filter(Boolean).join(", ");
  return `line ${range?.startLine ?? "?"}: ${instruction} — ${[what, addedBytes > 0 ? `+${formatSize(addedBytes)}` : ""].filter(Boolean).join(", ")}`;
}

async function build(context: Context, input: Input, signal: AbortSignal): Promise<string> {
  const refusal = trusted();
  if (refusal) throw new Error(refusal);
  const options = Object.fromEntries(
    ["dockerfile", "tag", "target", "platform"].flatMap((key) => (textOf(input, key) ? [[key, textOf(input, key)]] : [])),
  );
  const target = buildTarget(options);
  let printed = "";
  try {
    await runBuild(context, target, { signal, say: (text) => (printed += text) });
    return `Built ${target.name}\n${lastOf(printed)}`;
  } catch (error) {
    if (!(error instanceof BuildFailure)) throw error;
    return `The build failed${error.line === undefined ? "" : ` at line ${error.line}`}: ${error.message}\n${lastOf(printed)}`;
  }
}

const asking =
  (message: (input: Input) => string): NonNullable<Tool["prepare"]> =>
  (input) => ({ invocationMessage: message(input) });

/** By the names of the manifest. */
export const tools: Readonly<Record<string, Tool>> = {
  berth_list: {
    prepare: asking((input) => vscode.l10n.t("Listing {0}", textOf(input, "kind") || "containers")),
    invoke: (context, input) => list(context, input),
  },
  berth_logs: {
    prepare: asking((input) => vscode.l10n.t("Reading the logs of {0}", textOf(input, "container"))),
    invoke: (context, input, signal) => {
      say(context, ["logs", textOf(input, "container")]);
      return logs(context, input, signal);
    },
  },
  berth_last_build: { prepare: asking(() => vscode.l10n.t("Reading the last build")), invoke: lastBuild },
  berth_build: {
    prepare: (input) => {
      const dockerfile = textOf(input, "dockerfile") || "Dockerfile";
      return {
        invocationMessage: vscode.l10n.t("Building {0}", dockerfile),
        confirmationMessages: {
          title: vscode.l10n.t("Build an image?"),
          message: vscode.l10n.t("{0} is built; its RUN instructions run in containers.", dockerfile),
        },
      };
    },
    invoke: build,
  },
};
