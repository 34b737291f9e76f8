import type { BuildCall } from "../api/types/builds.ts";

/** `--annotation [manifest|index[,…]:]KEY=VALUE`. @throws {Error} with buildx's sentence */
export function buildAnnotations(texts: readonly string[]): Required<NonNullable<BuildCall["annotations"]>> {
  const annotations = { manifest: {} as Record<string, string>, index: {} as Record<string, string> };
  for (const text of texts) {
    const [, kinds = "manifest", key = "", value = ""] = /^(?:([a-z-]+(?:,[a-z-]+)*):)?([^=]+)=(.*)$/s.exec(text) ?? [];
    if (key === "") throw new Error(`invalid annotation ${JSON.stringify(text)}, expected key=value`);
    for (const kind of kinds.split(",")) {
      if (kind !== "manifest" && kind !== "index")
        throw new Error(`The annotation ${JSON.stringify(text)} is not supported: manifest and index can be annotated`);
      annotations[kind][key] = value;
    }
  }
  return annotations;
}
