/** `--cache-from` and `--cache-to`, as buildx reads them. */
import { resolve } from "node:path";
import type { Cli } from "./cli.ts";
import { csvFields } from "./run-config/text.ts";

/** A reference alone is a registry's. Paths become absolute. @throws {Error} with buildx's sentences */
export function cacheFields(cli: Pick<Cli, "cwd">, texts: readonly string[]): Record<string, string>[] {
  return texts.flatMap((text) => {
    const fields = csvFields(text);
    if (!text.includes("=")) return fields.map((ref) => ({ type: "registry", ref }));
    return [one(cli, fields)];
  });
}

function one({ cwd }: Pick<Cli, "cwd">, fields: readonly string[]): Record<string, string> {
  const found = Object.fromEntries(
    fields.map((field) => {
      const at = field.indexOf("=");
      if (at < 0) throw new Error(`invalid value ${field}`);
      return [field.slice(0, at).toLowerCase(), field.slice(at + 1)];
    }),
  );
  if (!found["type"]) throw new Error(`type required form> "${fields.join(",")}"`);
  for (const name of ["src", "dest"]) if (found[name]) found[name] = resolve(cwd, found[name]);
  return found;
}
