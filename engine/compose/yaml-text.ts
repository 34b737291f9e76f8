/**
 * YAML as docker compose prints it, byte for byte: Go's yaml.v3 with an indent of two, no line wrapping.
 * @see https://pkg.go.dev/gopkg.in/yaml.v3
 */
import { YamlFloat, YamlTimestamp, formatFloat, resolvePlain } from "../syntax/compose-value.ts";
import { OrderedMap, compareNatural } from "./print.ts";

/** A whole document with a line break at the end. */
export function yamlText(value: unknown): string {
  return `${block(value, 0, "").replace(/^\n/, "").replace(/^ /, "")}\n`;
}

/** What stands behind `key:` or `-`: ` scalar`, or a line break and a block. `lead` is what the first line already has. */
function block(value: unknown, column: number, lead: "" | "-"): string {
  const margin = " ".repeat(column);
  if (Array.isArray(value)) {
    if (value.length === 0) return " []";
    const lines = value.map((item) => `-${block(item, column + 2, "-")}`);
    return (lead === "-" ? " " : `\n${margin}`) + lines.join(`\n${margin}`);
  }
  const entries = entriesOf(value);
  if (!entries) return ` ${scalar(value, column)}`;
  if (entries.length === 0) return " {}";
  const lines = entries.map(([key, item]) => entryText(key, item, column));
  return (lead === "-" ? " " : `\n${margin}`) + lines.join(`\n${margin}`);
}

function entryText(key: string, item: unknown, column: number): string {
  const name = text(key, { key: true, column });
  const simple = name.length <= 128;
  return `${simple ? "" : "? "}${name}${simple ? "" : `\n${" ".repeat(column)}`}:${block(item, column + 2, "")}`;
}

function entriesOf(value: unknown): readonly (readonly [string, unknown])[] | undefined {
  if (value instanceof OrderedMap) return value.entries;
  if (typeof value !== "object" || value === null || value instanceof YamlFloat || value instanceof YamlTimestamp) return undefined;
  return Object.entries(value).sort(([a], [b]) => compareNatural(a, b));
}

function scalar(value: unknown, column: number): string {
  if (typeof value === "string") return text(value, { key: false, column });
  if (typeof value === "number") return Number.isInteger(value) && Math.abs(value) < 1e21 ? String(value) : formatFloat(value);
  if (value instanceof YamlTimestamp) return /^\d{4}-\d\d-\d\d$/.test(value.text) ? `${value.text}T00:00:00Z` : value.text;
  return value === null || value === undefined ? "null" : String(value);
}

interface Place {
  key: boolean;
  /** Of the lines of a literal text. */
  column: number;
}

function text(value: string, place: Place): string {
  const shape = analyze(value);
  if (value.includes("\n") && shape.literal && !place.key) return literal(value, place.column);
  if (!value.includes("\n") && isPlainText(value)) {
    if (shape.plain && !(value === "" && place.key)) return value;
    if (shape.single) return `'${value.replaceAll("'", "''")}'`;
  }
  return doubleQuoted(value);
}

const OLD_BOOLEAN = /^(y|Y|yes|Yes|YES|on|On|ON|n|N|no|No|NO|off|Off|OFF)$/;
const BASE_60 = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/;

/** Whether a reader takes it for a text also without quotes, be it a reader of YAML 1.1. */
function isPlainText(value: string): boolean {
  return typeof resolvePlain(value) === "string" && !OLD_BOOLEAN.test(value) && !BASE_60.test(value);
}

interface Shape {
  plain: boolean;
  single: boolean;
  literal: boolean;
}

const INDICATOR = /^[#,[\]{}&*!|>'"%@`]/;

/** Which styles can hold a text. */
function analyze(value: string): Shape {
  if (value === "") return { plain: true, single: true, literal: false };
  const special = Array.from(value).some((char) => char !== "\n" && char !== "\t" && !isPrintable(char));
  const edges = /^[ \n]|[ \n]$/.test(value);
  const spaceBreak = / \n/.test(value);
  const breakSpace = /\n /.test(value);
  const indicators =
    INDICATOR.test(value) || /^[?:-](?:\s|$)/.test(value) || /:(?:\s|$)/.test(value) || /\s#/.test(value) || /^(---|\.\.\.)/.test(value);
  const awkward = spaceBreak || special || value.includes("\t");
  return {
    plain: !edges && !breakSpace && !awkward && !indicators && !/[\n\x85\u2028\u2029]/.test(value),
    single: !breakSpace && !awkward,
    literal: !value.endsWith(" ") && !spaceBreak && !special,
  };
}

/** What libyaml writes as it is. Characters outside of the basic plane are escaped. */
function isPrintable(char: string): boolean {
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x80) return code === 0x0a || (code >= 0x20 && code <= 0x7e);
  return code >= 0xa0 && code < 0xfffe && code !== 0xfeff && !(code >= 0xd800 && code <= 0xdfff);
}

function literal(value: string, column: number): string {
  const indent = /^[ \n]/.test(value) ? "2" : "";
  const chomp = !value.endsWith("\n") ? "-" : value === "\n" || value.endsWith("\n\n") ? "+" : "";
  const margin = " ".repeat(Math.max(column, 2));
  const body = chomp === "-" ? value : value.slice(0, -1);
  const lines = body.split("\n").map((line) => (line === "" ? "" : margin + line));
  return `|${indent}${chomp}\n${lines.join("\n")}`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\0": "\\0",
  "\x07": "\\a",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\v": "\\v",
  "\f": "\\f",
  "\r": "\\r",
  "\x1b": "\\e",
  '"': '\\"',
  "\\": "\\\\",
  "\x85": "\\N",
  "\xa0": "\\_",
  "\u2028": "\\L",
  "\u2029": "\\P",
};

function doubleQuoted(value: string): string {
  return `"${Array.from(value).map(escaped).join("")}"`;
}

function escaped(char: string): string {
  if (isPrintable(char) && char !== '"' && char !== "\\" && char !== "\n" && char !== "\u2028" && char !== "\u2029" && char !== "\x85")
    return char;
  const known = ESCAPES[char];
  if (known) return known;
  const code = (char.codePointAt(0) ?? 0).toString(16).toUpperCase();
  if (code.length <= 2) return `\\x${code.padStart(2, "0")}`;
  return code.length <= 4 ? `\\u${code.padStart(4, "0")}` : `\\U${code.padStart(8, "0")}`;
}
