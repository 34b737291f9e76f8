/** What of a container changes while it runs: limits, and when it is started again. */
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import { limits } from "../run/spec.ts";
import type { ContainerNode } from "../tree/containers-tree.ts";
import { onContainers } from "./container.ts";
import type { Command } from "./command.ts";
import { say } from "./operation.ts";

const POLICIES = ["no", "on-failure", "always", "unless-stopped"] as const;

/** Empty answers leave things as they are. */
async function update(context: Context, { container, shown }: ContainerNode): Promise<void> {
  const client = await context.engine.client();
  const { HostConfig: now } = await client.containers.inspect(container.Id);
  const title = vscode.l10n.t("Change limits of {0}", shown.label);
  const ask = (prompt: string, check: (text: string) => unknown): Thenable<string | undefined> =>
    vscode.window.showInputBox({ title, prompt, ignoreFocusOut: true, validateInput: (text) => problemOf(() => check(text)) });
  const memory = await ask(vscode.l10n.t("Memory such as 512m; empty leaves it as it is"), (text) => limits({ memory: text, cpus: "" }));
  if (memory === undefined) return;
  const cpus = await ask(vscode.l10n.t("CPUs such as 1.5; empty leaves them as they are"), (text) => limits({ memory: "", cpus: text }));
  if (cpus === undefined) return;
  const current = now.RestartPolicy?.Name || "no";
  const items = POLICIES.map((label) => ({ label, description: label === current ? vscode.l10n.t("as it is") : "" }));
  const sorted = items.toSorted((a, b) => Number(b.label === current) - Number(a.label === current));
  const policy = await vscode.window.showQuickPick(sorted, { title: vscode.l10n.t("Start {0} again when it ends?", shown.label) });
  if (!policy) return;
  const { Memory, NanoCpus } = limits({ memory, cpus });
  // A limit of memory alone would be refused where it is above the one of memory and swap.
  const MemorySwap = 2 * Memory;
  const flags = [
    ...(Memory ? ["--memory", memory.trim(), "--memory-swap", String(MemorySwap)] : []),
    ...(NanoCpus ? ["--cpus", cpus.trim()] : []),
    ...(policy.label === current ? [] : ["--restart", policy.label]),
  ];
  if (flags.length === 0) return;
  say(context, ["update", ...flags, shown.label]);
  const { Warnings } = await client.containers.update(container.Id, {
    ...(Memory ? { Memory, MemorySwap } : {}),
    ...(NanoCpus ? { NanoCpus } : {}),
    ...(policy.label === current ? {} : { RestartPolicy: { Name: policy.label, MaximumRetryCount: 0 } }),
  });
  for (const warning of Warnings ?? []) void vscode.window.showWarningMessage(warning);
}

function problemOf(check: () => unknown): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

export const updateCommands: Readonly<Record<string, Command>> = {
  "container.update": onContainers(vscode.l10n.t("Change the limits of which container?"), update),
};
