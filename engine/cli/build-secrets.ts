/** `--secret id=ID[,src=FILE|,env=NAME]`, as buildx reads it. */
import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Cli } from "./cli.ts";
import { csvFields } from "./run-config/text.ts";

/** BuildKit takes no larger ones. */
const LARGEST_BYTES = 500 * 1024;

interface Source {
  readonly id: string;
  readonly file?: string;
  readonly env?: string;
}

/** Contents by id. @throws {Error} with buildx's sentences */
export async function readSecrets(cli: Pick<Cli, "env" | "cwd">, flags: readonly string[]): Promise<Map<string, Buffer>> {
  const secrets = new Map<string, Buffer>();
  for (const flag of flags) {
    const source = parseSecret(flag, cli.env);
    secrets.set(source.id, await read(cli, source));
  }
  return secrets;
}

function parseSecret(flag: string, env: NodeJS.ProcessEnv): Source {
  const fields = new Map(
    csvFields(flag).map((field) => {
      const at = field.indexOf("=");
      if (at < 0) throw new Error(`invalid field ${JSON.stringify(field)} must be a key=value pair`);
      return [field.slice(0, at).toLowerCase(), field.slice(at + 1)];
    }),
  );
  const known = ["type", "id", "source", "src", "env"];
  for (const key of fields.keys()) if (!known.includes(key)) throw new Error(`unexpected key '${key}' in '${key}=${fields.get(key)}'`);
  const type = fields.get("type") ?? "";
  if (type !== "" && type !== "file" && type !== "env") throw new Error(`unsupported secret type ${JSON.stringify(type)}`);
  const file = fields.get("source") ?? fields.get("src");
  const variable = fields.get("env") ?? (type === "env" ? file : undefined);
  const id = fields.get("id") ?? variable ?? file?.split("/").at(-1);
  if (!id) throw new Error(`invalid secret ${JSON.stringify(flag)}: it needs an id`);
  if (variable !== undefined) return { id, env: variable };
  // An id alone means the variable of that name, else the file.
  if (file === undefined && env[id] !== undefined) return { id, env: id };
  return { id, file: file ?? id };
}

async function read(cli: Pick<Cli, "env" | "cwd">, { id, env, file = "" }: Source): Promise<Buffer> {
  if (env !== undefined) return Buffer.from(cli.env[env] ?? "");
  const path = resolve(cli.cwd, file);
  const size = await stat(path).then(
    (stats) => stats.size,
    () => undefined,
  );
  if (size === undefined) throw new Error(`failed to stat ${file}: stat ${file}: no such file or directory`);
  if (size > LARGEST_BYTES) throw new Error(`secret ${id} is too big: ${size} bytes, the most is ${LARGEST_BYTES}`);
  return readFile(path);
}
