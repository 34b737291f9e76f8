/** Containers from a form: run, save, and the same container with other options. */
import * as vscode from "vscode";
import type { ContainerCreateRequest, ContainerInspect } from "../../engine/api/types/container.ts";
import type { DockerClient } from "../../engine/client/client.ts";
import type { RunSpec } from "../../webviews/protocol.ts";
import { busy, say } from "../commands/operation.ts";
import type { Context } from "../context.ts";
import { baseOf } from "./base.ts";
import { requestOf, runWords, specOf } from "./spec.ts";
import { containerWords } from "./words.ts";

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

/** Makes a container, and leaves it at that. @returns its id */
export async function createSpec(context: Context, spec: RunSpec): Promise<string> {
  const request = requestOf(spec);
  say(context, ["create", ...runWords(spec).slice(1)]);
  const { containers } = await context.engine.client();
  const what = spec.name || spec.image;
  const { Id } = await busy({ title: vscode.l10n.t("Creating {0}", what), view: "containers" }, (signal) =>
    containers.create(request, { name: spec.name || undefined, platform: spec.platform || undefined, signal }),
  );
  void vscode.window.showInformationMessage(vscode.l10n.t("{0} was created, and does not run yet", what));
  return Id;
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
  const image = (await client.images.inspect(before.Image).catch(() => undefined))?.Config ?? {};
  const requestFor = (wanted: RunSpec): ContainerCreateRequest => requestOf(wanted, baseOf(before, image, wanted));
  const old = before.Name.slice(1);
  const { Running: start } = before.State;
  const made = { request: requestFor(spec), name: spec.name || old, start };
  await busy({ title: vscode.l10n.t("Recreating {0}", old), view: "containers" }, async () => {
    if (start && before.HostConfig.AutoRemove) {
      const again = { request: requestFor(specOf(before, image)), name: old, start };
      await replaceFleeting(client, before.Id, made, again);
    } else await replaceKept(client, before, made);
  });
  await sayRecreated(context, made);
  void vscode.window.showInformationMessage(vscode.l10n.t("{0} was recreated", made.name));
}

interface Replacement {
  readonly request: ContainerCreateRequest;
  readonly name: string;
  readonly start: boolean;
}

/** The old container stands aside meanwhile. */
async function replaceKept({ containers, networks }: DockerClient, before: ContainerInspect, made: Replacement): Promise<void> {
  const { Id, Name, State } = before;
  if (State.Running) await containers.stop(Id);
  await containers.rename(Id, aside(Name.slice(1)));
  try {
    await start({ containers, networks }, await create({ containers, networks }, made), made);
  } catch (error) {
    await containers.rename(Id, Name.slice(1));
    if (State.Running) await containers.start(Id);
    throw error;
  }
  await containers.remove(Id, { force: true });
}

/**
 * A container that goes when it stops, or cannot start, takes its nameless volumes with it unless another one has them: so the new one,
 * and the old one once more, are there before it stops.
 * @param again makes the old one
 */
async function replaceFleeting(client: DockerClient, old: string, made: Replacement, again: Replacement): Promise<void> {
  const { containers } = client;
  const id = await create(client, { ...made, name: aside(made.name) });
  const spare = await create(client, { ...again, name: `${aside(again.name)}-again` }).catch(async (error: unknown) => {
    await containers.remove(id);
    throw error;
  });
  // Asked before, because it is gone afterwards.
  const gone = containers.wait(old, { condition: "removed" });
  await containers.stop(old);
  await gone;
  try {
    await containers.rename(id, made.name);
    await containers.start(id);
  } catch (error) {
    await containers.remove(id, { force: true }).catch(() => {});
    await containers.rename(spare, again.name);
    await containers.start(spare);
    throw error;
  }
  await containers.remove(spare);
}

const aside = (name: string): string => `${name}-before-${Date.now().toString(36)}`;

type Rooms = Pick<DockerClient, "containers" | "networks">;

/** @returns the id; nothing is left of one that could not join its networks */
async function create({ containers, networks }: Rooms, { request, name }: Replacement): Promise<string> {
  const { first, others } = networksOf(request);
  const { Id } = await containers.create({ ...request, NetworkingConfig: { EndpointsConfig: first } }, { name });
  try {
    // Engines before API 1.44 take one network at a time.
    for (const [network, endpoint] of Object.entries(others)) await networks.connect(network, Id, endpoint ? { endpoint } : {});
    return Id;
  } catch (error) {
    await containers.remove(Id, { force: true });
    throw error;
  }
}

async function start({ containers }: Rooms, id: string, { start: wanted }: Replacement): Promise<void> {
  if (!wanted) return;
  try {
    await containers.start(id);
  } catch (error) {
    await containers.remove(id, { force: true });
    throw error;
  }
}

/** What would have done the same: the old one away, and this one in its place. */
async function sayRecreated(context: Context, { name, start: started }: Replacement): Promise<void> {
  const client = await context.engine.client();
  const made = await client.containers.inspect(name);
  const image = await client.images.inspect(made.Image).catch(() => undefined);
  const words = containerWords(made, image?.Config ?? {});
  say(context, ["rm", "--force", name]);
  say(context, started ? ["run", ...words] : ["create", ...words.slice(1)]);
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
