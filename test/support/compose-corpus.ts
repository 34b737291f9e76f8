/**
 * The corpus of compose files under `test/fixtures/compose`, one theme a folder. What docker compose 2.40.3 says about each
 * was recorded beside it (`expected.*`), with `<DIR>` for the folder; `case.json` holds flags, variables and standard input.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ComposeError } from "../../engine/compose/project.ts";
import { showConfig } from "../../engine/compose/show-config.ts";
import type { ConfigList } from "../../engine/compose/show-config.ts";

const CORPUS = join(import.meta.dirname, "../fixtures/compose");
const HOME = "/home/me";

interface CaseFile {
  /** Flags in front of `config`. */
  args?: string[];
  /** Flags and arguments behind `config`; without flags the project is shown as YAML and JSON, and hashed. */
  config?: string[];
  env?: Record<string, string>;
  stdin?: string;
  /** Folder of the call, below the theme's. */
  cwd?: string;
  /** docker compose cannot show this as JSON. */
  json?: boolean;
  /** A sentence of ours where docker compose has none that could be compared. */
  own?: string;
}

export interface Theme extends CaseFile {
  name: string;
}

/** What one call said. */
export interface Said {
  output: string;
  /** Sorted, each once. */
  warnings: string[];
  error?: string;
  /** Ours only. */
  position?: { file: string; line: number; column: number } | undefined;
}

export const FORMS = { yaml: [], json: ["--format", "json"], hash: ["--hash", "*"] } as const;
export type Form = keyof typeof FORMS;

/** All themes, by name. */
export function themes(): Theme[] {
  return readdirSync(CORPUS)
    .sort()
    .map((name) => {
      const file = join(CORPUS, name, "case.json");
      return { name, ...(existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as CaseFile) : {}) };
    });
}

/** The ways in which a theme is shown. */
export function formsOf(theme: Theme): Form[] {
  if (theme.own || theme.config?.some((word) => word.startsWith("-"))) return ["yaml"];
  return theme.json === false ? ["yaml", "hash"] : ["yaml", "json", "hash"];
}

/** A copy of a theme's files without what was recorded. */
export function unpack(theme: Theme): { directory: string; remove(): void } {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "berth-compose-corpus-")));
  const project = join(directory, "project");
  mkdirSync(project);
  cpSync(join(CORPUS, theme.name), project, { recursive: true, filter: (path) => !/\/(expected\.[a-z.]+|case\.json)$/.test(path) });
  return { directory: project, remove: () => rmSync(directory, { recursive: true }) };
}

/** What was recorded for a form of a theme. */
export function recorded(theme: Theme, form: Form): Said {
  const read = (kind: string): string | undefined => {
    const file = join(CORPUS, theme.name, `expected.${form}.${kind}`);
    return existsSync(file) ? readFileSync(file, "utf8") : undefined;
  };
  const error = read("error");
  const warnings = (read("warnings") ?? "").split("\n").filter(Boolean);
  return { output: read("out") ?? "", warnings, ...(error === undefined ? {} : { error: error.trimEnd() }) };
}

/** Writes what docker compose said. */
export function record(theme: Theme, form: Form, said: Said): void {
  const write = (kind: string, text: string | undefined) => {
    const file = join(CORPUS, theme.name, `expected.${form}.${kind}`);
    if (text) writeFileSync(file, text);
    else rmSync(file, { force: true });
  };
  write("out", said.error === undefined ? said.output : undefined);
  write("error", said.error === undefined ? undefined : `${said.error}\n`);
  write("warnings", said.warnings.map((warning) => `${warning}\n`).join(""));
}

/** Asks docker compose. */
export function askDocker(program: string, theme: Theme, form: Form, directory: string): Said {
  const words = [...(theme.args ?? []), "config", ...FORMS[form], ...(theme.config ?? [])];
  const cwd = join(directory, theme.cwd ?? "");
  const env = { HOME, PATH: "/usr/bin", PWD: cwd, ...theme.env };
  const result = spawnSync(program, words, { cwd, env, input: theme.stdin ?? "", encoding: "utf8", timeout: 60_000 });
  const lines = result.stderr.split("\n");
  const warnings = lines.flatMap((line) => {
    const message = / level=warning msg=("(?:[^"\\]|\\.)*"|\S+)/.exec(line)?.[1];
    return message ? [message.startsWith('"') ? (JSON.parse(message) as string) : message] : [];
  });
  const error = lines
    .filter((line) => !line.startsWith("time="))
    .join("\n")
    .trimEnd();
  // These lists come in the order of a Go map.
  const unordered = theme.config?.some((word) => ["--images", "--networks", "--volumes", "--models"].includes(word));
  const output = unordered
    ? result.stdout
        .split(/(?<=\n)/)
        .sort()
        .join("")
    : result.stdout;
  return shown({ output, warnings, ...(result.status === 0 ? {} : { error }) }, directory);
}

/** Asks our own reader. */
export async function askBerth(theme: Theme, form: Form, directory: string): Promise<Said> {
  process.env["HOME"] = HOME;
  const cwd = join(directory, theme.cwd ?? "");
  const words = [...FORMS[form], ...(theme.config ?? [])];
  const flag = (name: string): boolean => words.includes(`--${name}`);
  const after = (words: readonly string[] = [], ...names: string[]): string[] =>
    words.flatMap((word, at) => (names.includes(words[at - 1] ?? "") ? [word] : []));
  const list = ["services", "volumes", "networks", "models", "profiles", "images", "variables", "environment"].find(flag);
  try {
    const { text, warnings } = await showConfig({
      load: {
        cwd,
        env: { HOME, PATH: "/usr/bin", PWD: cwd, ...theme.env },
        files: after(theme.args, "-f"),
        envFiles: after(theme.args, "--env-file"),
        profiles: after(theme.args, "--profile"),
        services: words.filter((word, at) => !word.startsWith("-") && !["--format", "--hash"].includes(words[at - 1] ?? "")),
        allResources: theme.args?.includes("--all-resources") ?? false,
        skipInterpolation: flag("no-interpolate"),
        skipNormalization: flag("no-normalize"),
        skipPathResolution: flag("no-path-resolution"),
        skipConsistency: flag("no-consistency"),
        stdin: () => Promise.resolve(theme.stdin ?? ""),
        projectDirectory: after(theme.args, "--project-directory")[0] ?? "",
        projectName: after(theme.args, "-p")[0] ?? "",
      },
      format: after(words, "--format")[0] ?? (list === "variables" ? "" : "yaml"),
      list: list as ConfigList | undefined,
      hash: after(words, "--hash")[0],
    });
    const output = words.includes("-q") ? "" : text;
    return shown({ output, warnings: warnings.map(({ message }) => message) }, directory);
  } catch (error) {
    if (!(error instanceof ComposeError)) throw error;
    return { ...shown({ output: "", warnings: [], error: error.message }, directory), position: error.position };
  }
}

function shown(said: Said, directory: string): Said {
  const clean = (text: string) => text.replaceAll(directory, "<DIR>").replaceAll(dirname(directory), "<TMP>");
  const warnings = [...new Set(said.warnings.map(clean))].sort();
  return { output: clean(said.output), warnings, ...(said.error === undefined ? {} : { error: clean(said.error) }) };
}
