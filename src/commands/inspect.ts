/** Inspect: the engine's own JSON as a read-only document. */
import * as vscode from "vscode";
import type { DockerClient } from "../../engine/client/client.ts";
import type { Engine } from "../engine/engine.ts";

const SCHEME = "berth-inspect";

const READERS = {
  container: (client: DockerClient, id: string) => client.containers.inspectText(id),
  image: (client: DockerClient, id: string) => client.images.inspectText(id),
  volume: (client: DockerClient, id: string) => client.volumes.inspectText(id),
  network: (client: DockerClient, id: string) => client.networks.inspectText(id, { verbose: true }),
  engine: async (client: DockerClient) => JSON.stringify({ version: await client.system.version(), info: await client.system.info() }),
} as const;

export type InspectKind = keyof typeof READERS;

/** A document that is read anew each time it is opened; its name is the tab's title. */
export function inspectUri(kind: InspectKind, id: string, name: string): vscode.Uri {
  const title = name.replaceAll("/", "_");
  return vscode.Uri.from({ scheme: SCHEME, authority: kind, path: `/${title}.json`, query: id });
}

export function registerInspect(engine: Engine): vscode.Disposable {
  return vscode.workspace.registerTextDocumentContentProvider(SCHEME, {
    provideTextDocumentContent: async ({ authority, query }) => {
      const text = await READERS[authority as InspectKind](await engine.client(), query);
      return `${JSON.stringify(JSON.parse(text), null, 2)}\n`;
    },
  });
}
