/** Run: a container of an image, its ports published for this machine, and its page one click away. */
import { createServer } from "node:net";
import * as vscode from "vscode";
import type { PortMap } from "../../engine/api/types/network.ts";
import type { DockerClient } from "../../engine/client/client.ts";
import { isStatus } from "../../engine/client/errors.ts";
import type { Context } from "../context.ts";
import { openLogs } from "../terminals/logs.ts";
import { containerName, webPorts } from "../tree/container.ts";
import { ActionableError } from "./actions.ts";
import { containerNameFor } from "./image-name.ts";
import { say } from "./operation.ts";

/** Marks containers that Run made, so that the next Run of the same image may replace them, and no other. */
const RUN_LABEL = "dev.berth.run";

/** Starts a container of `image` in place of the one that the last Run of it started. */
export async function runImage(context: Context, image: string): Promise<void> {
  const client = await context.engine.client();
  const name = containerNameFor(image);
  const { Config } = await client.images.inspect(image);
  const free = await replaceFormer(context, client, { image, name });
  const ports = await bindings(Object.keys(Config?.ExposedPorts ?? {}), context.engine.own);
  say(context, ["run", "--detach", "--label", `${RUN_LABEL}=${image}`, ...(free ? ["--name", name] : []), ...portFlags(ports), image]);
  const { Id, Warnings } = await client.containers.create(
    { Image: image, Labels: { [RUN_LABEL]: image }, ExposedPorts: Config?.ExposedPorts ?? {}, HostConfig: { PortBindings: ports } },
    { name: free ? name : undefined },
  );
  for (const warning of Warnings) context.log.warn(warning);
  try {
    await client.containers.start(Id);
  } catch (error) {
    await client.containers.remove(Id, { force: true }).catch(() => {});
    throw error;
  }
  await announce(context, Id);
}

/** @returns whether `name` is free now */
async function replaceFormer(context: Context, client: DockerClient, { image, name }: { image: string; name: string }): Promise<boolean> {
  const former = await client.containers.list({ all: true, filters: { label: [`${RUN_LABEL}=${image}`] } });
  for (const container of former) {
    say(context, ["rm", "--force", "--volumes", containerName(container)]);
    await client.containers.remove(container.Id, { force: true, volumes: true });
  }
  try {
    await client.containers.inspect(name);
    return false;
  } catch (error) {
    if (isStatus(error, 404)) return true;
    throw error;
  }
}

/** For this machine only, on the same port where it is free here and needs no privilege, else on one that the engine picks. */
async function bindings(exposed: readonly string[], here: boolean): Promise<PortMap> {
  const entries = exposed.map(async (key) => {
    const port = Number.parseInt(key, 10);
    const same = here && key.endsWith("/tcp") && port >= 1024 && (await isFree(port));
    return [key, [{ HostIp: "127.0.0.1", HostPort: same ? String(port) : "" }]] satisfies [string, PortMap[string]];
  });
  return Object.fromEntries(await Promise.all(entries));
}

function portFlags(ports: PortMap): string[] {
  return Object.entries(ports).flatMap(([inside, bindings]) =>
    (bindings ?? []).flatMap(({ HostIp = "", HostPort = "" }) => ["--publish", `${HostIp}:${HostPort}:${inside}`]),
  );
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** A container that ended at once is no success: its last words are the news. */
async function announce(context: Context, id: string): Promise<void> {
  const client = await context.engine.client();
  const [container] = await client.containers.list({ all: true, filters: { id: [id] } });
  if (!container) return;
  const target = { id, name: container.Names[0]?.slice(1) ?? id.slice(0, 12) };
  const show = { title: vscode.l10n.t("View Logs"), run: () => openLogs(context.engine, target) };
  if (container.State === "exited") {
    const { State } = await client.containers.inspect(id);
    if (State.ExitCode !== 0) throw new ActionableError(vscode.l10n.t("{0} ended with exit code {1}", target.name, State.ExitCode), show);
  }
  const [port] = webPorts(container.Ports);
  const url = port && `http://localhost:${port.PublicPort}`;
  const message = url ? vscode.l10n.t("{0} answers at {1}", target.name, url) : vscode.l10n.t("{0} runs", target.name);
  const open = vscode.l10n.t("Open in Browser");
  void vscode.window.showInformationMessage(message, ...(url ? [open] : []), show.title).then((chosen) => {
    if (chosen === open && url) void vscode.env.openExternal(vscode.Uri.parse(url));
    else if (chosen === show.title) show.run();
  });
}
