/**
 * Lists as tables, templates or JSON: docker's `--format`.
 */
import { ExitError } from "./cli.ts";
import type { Cli } from "./cli.ts";
import { TemplateError } from "./template/lex.ts";
import { compileTemplate } from "./template/execute.ts";
import type { TemplateOptions } from "./template/execute.ts";
import { goJson } from "./template/functions.ts";
import { alignTabs } from "./tabs.ts";

/** Fields of one row; a function is a method of templates and no field of JSON. */
export type Row = Readonly<Record<string, unknown>>;

/** Text of `--help` for `--format` of lists. */
export const FORMAT_HELP = `Format output using a custom template:
'table':            Print output in table format with column headers (default)
'table TEMPLATE':   Print output in table format using the given Go template
'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template.
Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates`;

/** Text of `--help` for `--format` of inspect. */
export const INSPECT_FORMAT_HELP = `Format output using a custom template:
'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template.
Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates`;

export interface ListFormat {
  /** As given; empty or `table` is the command's own table. */
  readonly format: string;
  /** The command's own table, e.g. `table {{.ID}}\t{{.Name}}`. */
  readonly table: string;
  /** What `raw` stands for, where docker knows that word. */
  readonly raw?: string;
  /** Header of each field. */
  readonly headers: Readonly<Record<string, string>>;
  /** Docker's Go type of a row, which it names for a field that there is not. */
  readonly type?: string;
}

/** Go's tabwriter as docker's lists use it. */
const TABS = { minWidth: 10, padding: 3 };

/** In a header row every function gives its value back. */
const HEADER_FUNCTIONS = {
  json: (value: unknown) => value,
  title: (value: unknown) => value,
  lower: (value: unknown) => value,
  upper: (value: unknown) => value,
  truncate: (value: unknown) => value,
  join: (value: unknown) => value,
  split: (value: unknown) => value,
};

/**
 * All rows as text, each ended by a newline.
 *
 * @throws {TemplateError}
 */
export function formatRows(rows: readonly Row[], form: ListFormat): string {
  const { source, isTable } = readFormat(form);
  if (source === "json") return rows.map((row) => `${jsonRow(row)}\n`).join("");
  const template = compileTemplate(source, { type: form.type ?? "" });
  const lines = rows.map((row) => template(sorted(row)));
  if (!isTable) return lines.map((line) => `${line}\n`).join("");
  const header = compileTemplate(source, { functions: HEADER_FUNCTIONS })(headerRow(form.headers));
  const all = [header, ...lines].join("\n").split("\n");
  return alignTabs(all, TABS)
    .map((line) => `${line}\n`)
    .join("");
}

function readFormat(form: ListFormat): { source: string; isTable: boolean } {
  const given = form.format.trim();
  const chosen = given === "" || given === "table" ? form.table : given === "raw" ? (form.raw ?? given) : given;
  const isTable = chosen.startsWith("table");
  const body = isTable ? chosen.slice("table".length).trimStart() : chosen;
  return { source: body.replaceAll("\\t", "\t").replaceAll("\\n", "\n"), isTable };
}

/** Docker's JSON of a row: its fields sorted by name. */
function jsonRow(row: Row): string {
  return goJson(sorted(Object.fromEntries(Object.entries(row).filter(([, value]) => typeof value !== "function"))));
}

function sorted(row: Row): Row {
  return Object.fromEntries(Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function headerRow(headers: Readonly<Record<string, string>>): Row {
  return { ...headers, Label: (name: unknown) => labelHeader(String(name)) };
}

/** `com.example.two-words` is headed `two words`. */
function labelHeader(name: string): string {
  return name.split(".").at(-1)!.replaceAll("-", " ").replaceAll("_", " ");
}

/** Labels as lists show them: `a=b,c=d`, sorted. */
export function formatLabels(labels: Readonly<Record<string, string>> | null | undefined): string {
  return Object.entries(labels ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}

/** A value for people or for programs: `json` and templates, by `--format` of single objects. */
export function formatValue(format: string, value: unknown, options: TemplateOptions = {}): string {
  if (format === "json") return goJson(value);
  return compileTemplate(format.replaceAll("\\t", "\t").replaceAll("\\n", "\n"), options)(value);
}

/** Prints one value by a format, as `info` and `version` do: what cannot be run is told after an empty line. @throws {ExitError} */
export function printFormatted(cli: Cli, format: string, value: unknown, options: TemplateOptions): void {
  try {
    cli.print(formatValue(format, value, options));
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    if (!error.message.includes(": executing ")) throw new ExitError(64, `template parsing error: ${named(error.message, options)}`);
    cli.print("");
    throw new ExitError(1, error.message);
  }
}

function named(message: string, { name = "" }: TemplateOptions): string {
  return message.replace("template: :", `template: ${name}:`);
}

/** At most `size` characters, the last of them `…` when something was cut. */
export function ellipsis(text: string, size: number): string {
  const characters = Array.from(text);
  if (characters.length <= size) return text;
  return `${characters.slice(0, size - 1).join("")}…`;
}

/** The 12 characters that people know an object by. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, "").slice(0, 12);
}

export { TemplateError };
