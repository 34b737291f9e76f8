/** Containers from a form: run, save, and the same container with other options. */
import * as vscode from "vscode";
import type { ContainerCreateRequest } from "../../engine/api/types/container.ts";
import type { DockerClient } from "../../engine/client/client.ts";
import type { RunSpec } from "../../webviews/protocol.ts";
import { busy, say } from "../commands/operation.ts";
import type { Context } from "../context.ts";
import { baseOf } from "./base.ts";
import { requestOf, runWords } from "./spec.ts";

const SAVED = "berth.runs";

/** Saved forms of this folder, by the name that the user gave. */
export function savedSpecs({ extension }: Pick<Context, "extension">): Readonly<Record<string, RunSpec>> {
  return extension.workspaceState.get<Record<string, RunSpec>>(SAVED, {});
}

/** @param saved the name that is proposed first: they were saved under it before */
export async function saveSpec(context: Context, spec: RunSpec, saved?: string): Promise<void> {
  requestOf(spec);
  const value = saved ?? (spec.name || spec.image);
  const name = await vscode.window.showInputBox({
    title: vscode.l10n.t("Save these options"),
    prompt: vscode.l10n.t("Name to run them again by"),
    value,
  });
  if (!name) return;
  await context.extension.workspaceState.update(SAVED, { ...savedSpecs(context), [name]: spec });
  void vscode.window.showInformationMessage(vscode.l10n.t("Saved as {0}: run it again by Berth: Run Saved…, or as a task", name));
}

export async function forgetSpec(context: Context, name: string): Promise<void> {
  const { [name]: _, ...rest } = savedSpecs(context);
  await context.extension.workspaceState.update(SAVED, rest);
}

/** Makes and starts a container. One that could not start is not left behind. @returns its id */
export async function runSpec(context: Context, spec: RunSpec): Promise<string> {
  const request = requestOf(spec);
  say(context, ["run", ...runWords(spec)]);
  const client = await context.engine.client();
  const id = await busy({ title: vscode.l10n.t("Starting {0}", spec.name || spec.image), view: "containers" }, async (signal) => {
    const { Id } = await client.containers.create(request, {
      name: spec.name || undefined,
      platform: spec.platform || undefined,
      signal,
    });
    await client.containers
      .start(Id, { signal })
      .catch((error: unknown) => client.containers.remove(Id, { force: true }).then(() => Promise.reject(error as Error)));
    return Id;
  });
  void vscode.window.showInformationMessage(vscode.l10n.t("{0} runs", spec.name || spec.image));
  return id;
}

/**
 * Puts a container with other options in the place of one. Volumes, also those without a name, go over; the old container is removed
 * only once the new one has started, and is there again as it was when that fails.
 */
export async function recreate(context: Context, id: string, spec: RunSpec): Promise<void> {
  const client = await context.engine.client();
  const before = await client.containers.inspect(id);
  const image = await client.images.inspect(before.Image).catch(() => undefined);
  const request = requestOf(spec, baseOf(before, image?.Config ?? {}, spec));
  const name = before.Name.slice(1);
  const aside = `${name}-before-${Date.now().toString(36)}`;
  await busy({ title: vscode.l10n.t("Recreating {0}", name), view: "containers" }, async () => {
    if (before.State.Running) await client.containers.stop(before.Id);
    await client.containers.rename(before.Id, aside);
    try {
      await replace(client, { request, name: spec.name || name, start: before.State.Running });
    } catch (error) {
      await client.containers.rename(before.Id, name);
      if (before.State.Running) await client.containers.start(before.Id);
      throw error;
    }
    await client.containers.remove(before.Id, { force: true });
  });
  void vscode.window.showInformationMessage(vscode.l10n.t("{0} was recreated", spec.name || name));
}

async function replace(
  client: DockerClient,
  { request, name, start }: { request: ContainerCreateRequest; name: string; start: boolean },
): Promise<void> {
  const { first, others } = networksOf(request);
  const { Id } = await client.containers.create({ ...request, NetworkingConfig: { EndpointsConfig: first } }, { name });
  try {
    // Engines before API 1.44 take one network at a time.
    for (const [network, endpoint] of Object.entries(others)) await client.networks.connect(network, Id, endpoint ? { endpoint } : {});
    if (start) await client.containers.start(Id);
  } catch (error) {
    await client.containers.remove(Id, { force: true });
    throw error;
  }
}

type Endpoints = NonNullable<NonNullable<ContainerCreateRequest["NetworkingConfig"]>["EndpointsConfig"]>;

/** The network of NetworkMode, and those that are joined besides. */
function networksOf({ HostConfig, NetworkingConfig }: ContainerCreateRequest): { first: Endpoints; others: Endpoints } {
  const mode = HostConfig?.NetworkMode ?? "default";
  const main = mode === "default" ? "bridge" : mode;
  const all = NetworkingConfig?.EndpointsConfig ?? {};
  if (main === "host" || main === "none" || main.startsWith("container:")) return { first: {}, others: {} };
  const others = Object.fromEntries(Object.entries(all).filter(([network]) => network !== main));
  return { first: all[main] ? { [main]: all[main] } : {}, others };
}
