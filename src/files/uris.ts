/**
 * Names of files in the engine: `berth:/containers/web/etc/hosts`, `berth:/volumes/data/a.txt`,
 * `berth:/images/<image id>/<layer or "all">/etc/hosts`.
 */
import * as vscode from "vscode";

export const SCHEME = "berth";

export type Place =
  | { readonly kind: "container"; readonly name: string; readonly path: string }
  | { readonly kind: "volume"; readonly name: string; readonly path: string }
  /** `layer` counts from 1 at the bottom; undefined is all of them, as a container sees them. */
  | { readonly kind: "image"; readonly name: string; readonly layer: number | undefined; readonly path: string };

const uri = (...parts: string[]): vscode.Uri => vscode.Uri.from({ scheme: SCHEME, path: `/${parts.join("/")}` });

export function containerUri(name: string, path: string): vscode.Uri {
  return uri("containers", name, path.replace(/^\//, ""));
}

export function volumeUri(name: string, path: string): vscode.Uri {
  return uri("volumes", name, path.replace(/^\//, ""));
}

export function imageUri(id: string, layer: number | undefined, path: string): vscode.Uri {
  return uri("images", id.replace(/^sha256:/, ""), layer === undefined ? "all" : String(layer), path.replace(/^\//, ""));
}

/** What a URI means; undefined for a folder above any container, volume or image. */
export function placeOf({ path }: vscode.Uri): Place | undefined {
  const [, root = "", name = "", ...rest] = path.replace(/\/+$/, "").split("/");
  if (!name) return undefined;
  if (root === "containers") return { kind: "container", name, path: `/${rest.join("/")}` };
  if (root === "volumes") return { kind: "volume", name, path: `/${rest.join("/")}` };
  const [layer = "", ...inside] = rest;
  if (root !== "images" || !/^(all|\d+)$/.test(layer)) return undefined;
  return { kind: "image", name, layer: layer === "all" ? undefined : Number(layer), path: `/${inside.join("/")}` };
}
