/** Containers from a form: run, save, and the same container with other options. */
import * as vscode from "vscode";
import type { ContainerCreateRequest, ContainerInspect } from "../../engine/api/types/container.ts";
import type { DockerClient } from "../../engine/client/client.ts";
import type { RunSpec } from "../../webviews/protocol.ts";
import { busy, say } from "../commands/operation.ts";
import type { Context } from "../context.ts";
import { requestOf, runWords } from "./spec.ts";

const SAVED = "berth.runs";

/** Saved forms of this folder, by the name that the user gave. */
export function savedSpecs({ extension }: Pick<Context, "extension">): Readonly<Record<string, RunSpec>> {
  return extension.workspaceState.get<Record<string, RunSpec>>(SAVED, {});
}

export async function saveSpec(context: Context, spec: RunSpec): Promise<void> {
  requestOf(spec);
  const value = spec.name || spec.image;
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
    const { Id } = await client.containers.create(request, { name: spec.name || undefined, signal });
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
  const request = requestOf(spec, baseOf(before));
  const name = before.Name.slice(1);
  const aside = `${name}-before-${Date.now().toString(36)}`;
  await busy({ title: vscode.l10n.t("Recreating {0}", name), view: "containers" }, async () => {
    if (before.State.Running) await client.containers.stop(id);
    await client.containers.rename(id, aside);
    try {
      await replace(client, { request, name: spec.name || name, start: before.State.Running });
    } catch (error) {
      await client.containers.rename(id, name);
      if (before.State.Running) await client.containers.start(id);
      throw error;
    }
    await client.containers.remove(id, { force: true });
  });
  void vscode.window.showInformationMessage(vscode.l10n.t("{0} was recreated", spec.name || name));
}

async function replace(
  client: DockerClient,
  { request, name, start }: { request: ContainerCreateRequest; name: string; start: boolean },
): Promise<void> {
  const { Id } = await client.containers.create(request, { name });
  try {
    if (start) await client.containers.start(Id);
  } catch (error) {
    await client.containers.remove(Id, { force: true });
    throw error;
  }
}

/** What the form does not show stays; volumes without a name are named from now on, so that what is in them goes over. */
function baseOf({ Config, HostConfig, Mounts, NetworkSettings, Id }: ContainerInspect): ContainerCreateRequest {
  const { Hostname, ...config } = Config;
  const bound = new Set((HostConfig.Binds ?? []).map((bind) => bind.split(":")[1]));
  const anonymous = Mounts.filter(
    ({ Type, Destination, Name }) =>
      Type === "volume" && Name && !bound.has(Destination) && !(HostConfig.Mounts ?? []).some(({ Target }) => Target === Destination),
  );
  const endpoints = Object.entries(NetworkSettings.Networks).map(([network, { Aliases, IPAMConfig, Links, DriverOpts }]) => [
    network,
    {
      Aliases: (Aliases ?? []).filter((alias) => alias !== Id.slice(0, 12)),
      IPAMConfig: IPAMConfig ?? null,
      Links: Links ?? null,
      DriverOpts: DriverOpts ?? null,
    },
  ]);
  return {
    ...config,
    // A host name that the engine made up is the old container's id.
    ...(Hostname && Hostname !== Id.slice(0, 12) ? { Hostname } : {}),
    HostConfig: {
      ...HostConfig,
      Mounts: [
        ...(HostConfig.Mounts ?? []),
        ...anonymous.map(({ Name, Destination, RW }) => ({ Type: "volume" as const, Source: Name!, Target: Destination, ReadOnly: !RW })),
      ],
    },
    NetworkingConfig: {
      EndpointsConfig: Object.fromEntries(endpoints) as NonNullable<
        NonNullable<ContainerCreateRequest["NetworkingConfig"]>["EndpointsConfig"]
      >,
    },
  };
}
