/** Inspect: the engine's own JSON as a read-only document. */
import * as vscode from "vscode";
import type { Engine } from "../engine/engine.ts";

const SCHEME = "berth-inspect";

export type InspectKind = "container" | "image";

/** A document that is read anew each time it is opened; its name is the tab's title. */
export function inspectUri(kind: InspectKind, id: string, name: string): vscode.Uri {
  const title = name.replaceAll("/", "_");
  return vscode.Uri.from({ scheme: SCHEME, authority: kind, path: `/${title}.json`, query: id });
}

export function registerInspect(engine: Engine): vscode.Disposable {
  return vscode.workspace.registerTextDocumentContentProvider(SCHEME, {
    provideTextDocumentContent: async ({ authority, query }) => {
      const client = await engine.client();
      const text = authority === "image" ? await client.images.inspectText(query) : await client.containers.inspectText(query);
      return `${JSON.stringify(JSON.parse(text), null, 2)}\n`;
    },
  });
}
