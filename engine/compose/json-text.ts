/** JSON as Go prints it: `<`, `>` and `&` escaped, keys of maps sorted by bytes, floats in Go's way. */
import { YamlFloat, YamlTimestamp } from "../syntax/compose-value.ts";
import { OrderedMap } from "./print.ts";
import { ComposeError } from "./project.ts";

const ESCAPED = /[<>&\u2028\u2029]/g;

/** Compact without `indent`, else with line breaks. No line break at the end. */
export function jsonText(value: unknown, indent = ""): string {
  return write(value, indent, "");
}

function write(value: unknown, indent: string, margin: string): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "string") return quote(value);
  if (typeof value === "number") return numberText(value);
  if (typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (value instanceof YamlFloat) return numberText(value.value);
  if (value instanceof YamlTimestamp) return quote(timeText(value));
  if (Array.isArray(value))
    return wrap(
      value.map((item) => write(item, indent, margin + indent)),
      { open: "[", close: "]", indent, margin },
    );
  const colon = indent ? ": " : ":";
  const lines = entriesOf(value).map(([key, item]) => `${quote(key)}${colon}${write(item, indent, margin + indent)}`);
  return wrap(lines, { open: "{", close: "}", indent, margin });
}

function entriesOf(value: object): readonly (readonly [string, unknown])[] {
  if (value instanceof OrderedMap) return value.entries;
  return Object.entries(value).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

function wrap(lines: string[], frame: { open: string; close: string; indent: string; margin: string }): string {
  const { open, close, indent, margin } = frame;
  if (lines.length === 0) return open + close;
  if (!indent) return `${open}${lines.join(",")}${close}`;
  const inner = `\n${margin}${indent}`;
  return `${open}${inner}${lines.join(`,${inner}`)}\n${margin}${close}`;
}

function quote(text: string): string {
  return JSON.stringify(text).replace(ESCAPED, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** JavaScript's numbers are Go's, except for the exponent of small ones. */
function numberText(value: number): string {
  if (!Number.isFinite(value))
    throw new ComposeError(`json: unsupported value: ${Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf"}`);
  return String(value).replace(/e-(\d)$/, "e-0$1");
}

/** A date is midnight in UTC. */
function timeText({ text }: YamlTimestamp): string {
  return /^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text;
}
