/**
 * Small texts of flags: pairs, lists with commas, files of lines.
 */
import { isUtf8 } from "node:buffer";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";

/** `key=value` texts as a record; a key alone has an empty value. */
export function pairs(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(texts.map(cut));
}

/** Splits at the first `=`. */
export function cut(text: string): [key: string, value: string] {
  const at = text.indexOf("=");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

/** Fields of one line of CSV, where quotes may hold commas. @throws {Error} */
export function csvFields(line: string): string[] {
  const fields: string[] = [];
  for (let at = 0; at <= line.length;) {
    if (line[at] === '"') {
      const match = /^"((?:[^"]|"")*)"(,|$)/.exec(line.slice(at));
      if (!match) throw new Error('parse error on line 1, column 1: extraneous or missing " in quoted-field');
      fields.push(match[1]!.replaceAll('""', '"'));
      at += match[0].length + (match[2] === "" ? 1 : 0);
    } else {
      const end = line.indexOf(",", at);
      const field = line.slice(at, end < 0 ? undefined : end);
      const quote = field.indexOf('"');
      if (quote >= 0) throw new Error(`parse error on line 1, column ${at + quote + 1}: bare " in non-quoted-field`);
      fields.push(field);
      at = end < 0 ? line.length + 1 : end + 1;
    }
  }
  return fields;
}

export interface EnvironmentSource {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Lines of an env or label file: comments and blank lines are skipped, a name alone takes its value from `env`. */
export async function readPairsFile(path: string, { cwd, env }: EnvironmentSource): Promise<string[]> {
  const bytes = await readFile(resolve(cwd, path)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "EISDIR") throw new Error(`invalid env file (${path}): read ${path}: is a directory`);
    // Named as it was given.
    throw Object.assign(error, { path });
  });
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return text.split(/\r?\n/).flatMap((line) => readPairsLine(line.trimStart(), env));
  } catch (error) {
    const why = error instanceof TypeError ? firstBadLine(bytes) : (error as Error).message;
    throw new Error(`invalid env file (${path}): ${why}`, { cause: error });
  }
}

/** Where a text is none. */
function firstBadLine(bytes: Buffer): string {
  const lines = bytes.toString("latin1").split("\n");
  const at = lines.findIndex((line) => !isUtf8(Buffer.from(line, "latin1")));
  return `invalid utf8 bytes at line ${at + 1}: [${Buffer.from(lines[at] ?? "", "latin1").join(" ")}]`;
}

function readPairsLine(line: string, env: NodeJS.ProcessEnv): string[] {
  if (line === "" || line.startsWith("#")) return [];
  const [name] = cut(line);
  if (/\s/.test(name)) throw new Error(`variable '${name}' contains whitespaces`);
  if (name === "") throw new Error(`no variable name on line '${line}'`);
  if (line.includes("=")) return [line];
  const inherited = env[name];
  return inherited === undefined ? [] : [`${name}=${inherited}`];
}

/** `-e` values behind those of files: `NAME` alone takes this process's value, and without one asks to remove it. */
export async function readEnvironment(files: readonly string[], given: readonly string[], source: EnvironmentSource): Promise<string[]> {
  const fromFiles: string[] = [];
  for (const file of files) fromFiles.push(...(await readPairsFile(file, source)));
  const own = given.map((text) => {
    const value = text.includes("=") ? undefined : source.env[text];
    return value === undefined ? text : `${text}=${value}`;
  });
  return [...fromFiles, ...own];
}

/** `-e` values are refused without a name. */
export function checkEnvironment(text: string): void {
  if (text === "" || text.startsWith("=")) throw new Error(`invalid environment variable: ${text}`);
}
