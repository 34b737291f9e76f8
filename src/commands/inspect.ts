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

const TEXT_SCHEME = "berth-text";
const texts = new Map<string, string>();
const textChanged = new vscode.EventEmitter<vscode.Uri>();

/** A read-only document that is made here; a second one of the same name takes its place. @param name with the ending that says its language */
export async function showText(name: string, content: string): Promise<void> {
  const uri = vscode.Uri.from({ scheme: TEXT_SCHEME, path: `/${name.replaceAll("/", "_")}` });
  texts.set(uri.path, `${content}\n`);
  textChanged.fire(uri);
  await vscode.window.showTextDocument(uri, { preview: true });
}

export function registerInspect(engine: Engine): vscode.Disposable {
  const documents = vscode.workspace.registerTextDocumentContentProvider(TEXT_SCHEME, {
    onDidChange: textChanged.event,
    provideTextDocumentContent: ({ path }) => texts.get(path) ?? "",
  });
  const closed = vscode.workspace.onDidCloseTextDocument(({ uri }) => uri.scheme === TEXT_SCHEME && texts.delete(uri.path));
  return vscode.Disposable.from(documents, closed, registerInspected(engine));
}

function registerInspected(engine: Engine): vscode.Disposable {
  return vscode.workspace.registerTextDocumentContentProvider(SCHEME, {
    provideTextDocumentContent: async ({ authority, query }) => {
      const text = await READERS[authority as InspectKind](await engine.client(), query);
      return `${JSON.stringify(JSON.parse(text), null, 2)}\n`;
    },
  });
}
