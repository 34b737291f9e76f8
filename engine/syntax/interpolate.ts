/**
 * `${VAR:-default}` in compose files and .env files: finding and replacing variables. Pure.
 * @see https://github.com/compose-spec/compose-spec/blob/main/12-interpolation.md
 */

/** One use of a variable in a text. Offsets count UTF-16 units in that text. */
export interface VariableUse {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  /** Missing for `$VAR` and `${VAR}`. */
  readonly operator?: ":-" | "-" | ":?" | "?" | ":+" | "+";
  /** What stands behind the operator, not replaced. */
  readonly operand?: string;
}

/** `$` is followed by something that is no variable. */
export class InvalidTemplateError extends Error {
  readonly template: string;
  readonly offset: number;

  constructor(template: string, offset: number) {
    super(`Invalid template: ${JSON.stringify(template)}`);
    this.name = "InvalidTemplateError";
    this.template = template;
    this.offset = offset;
  }
}

/** `${VAR:?reason}` and the variable is missing. */
export class MissingVariableError extends Error {
  readonly variable: string;

  constructor(variable: string, reason: string) {
    super(`required variable ${variable} is missing a value${reason ? `: ${reason}` : ""}`);
    this.name = "MissingVariableError";
    this.variable = variable;
  }
}

export interface Lookup {
  /** The variable's value, or undefined when it is not set. */
  get(name: string): string | undefined;
  /** Called for a variable that is not set and has no default. */
  onMissing?(name: string): void;
}

type Piece = { readonly text: string } | { readonly use: VariableUse } | { readonly invalid: number };

/** Defaults inside of defaults: more than anybody writes, and few enough for the stack. */
const MAX_NESTING = 100;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const OPERATOR = /:?[-?+]/y;

/**
 * Replaces the variables of a text.
 *
 * @throws {InvalidTemplateError} @throws {MissingVariableError}
 */
export function interpolate(template: string, lookup: Lookup): string {
  return interpolateAt(template, lookup, 0);
}

function interpolateAt(template: string, lookup: Lookup, depth: number): string {
  if (!template.includes("$")) return template;
  if (depth > MAX_NESTING) throw new InvalidTemplateError(template, 0);
  let result = "";
  for (const piece of pieces(template)) {
    if ("text" in piece) result += piece.text;
    else if ("use" in piece) result += replace(piece.use, lookup, depth + 1);
    else throw new InvalidTemplateError(template, piece.invalid);
  }
  return result;
}

/** Every variable that a text uses, also inside defaults, in order; what is no variable is passed over. */
export function variablesOf(template: string): VariableUse[] {
  return variablesAt(template, 0);
}

function variablesAt(template: string, depth: number): VariableUse[] {
  const uses: VariableUse[] = [];
  for (const piece of pieces(template)) {
    if (!("use" in piece)) continue;
    uses.push(piece.use);
    const { operand, end } = piece.use;
    if (operand === undefined || depth > MAX_NESTING) continue;
    const shift = end - 1 - operand.length;
    for (const inner of variablesAt(operand, depth + 1)) uses.push({ ...inner, start: inner.start + shift, end: inner.end + shift });
  }
  return uses;
}

function replace(use: VariableUse, lookup: Lookup, depth: number): string {
  const value = lookup.get(use.name);
  const operand = use.operand ?? "";
  switch (use.operator) {
    case ":-":
      return value || interpolateAt(operand, lookup, depth);
    case "-":
      return value ?? interpolateAt(operand, lookup, depth);
    case ":+":
      return value ? interpolateAt(operand, lookup, depth) : (value ?? "");
    case "+":
      return value === undefined ? "" : interpolateAt(operand, lookup, depth);
    case ":?":
    case "?": {
      if (use.operator === "?" ? value !== undefined : value) return value ?? "";
      throw new MissingVariableError(use.name, interpolateAt(operand, lookup, depth));
    }
    default:
      if (value === undefined) lookup.onMissing?.(use.name);
      return value ?? "";
  }
}

/**
 * Text, variables and faults of a template, in order. `$$` is a dollar; a dollar before anything that
 * cannot begin a variable stands for itself, unless a brace follows.
 */
function* pieces(template: string): Generator<Piece> {
  let done = 0;
  for (let at = template.indexOf("$"); at >= 0; at = template.indexOf("$", done)) {
    if (at > done) yield { text: template.slice(done, at) };
    const [piece, end] = pieceAt(template, at);
    yield piece;
    done = end;
  }
  if (done < template.length) yield { text: template.slice(done) };
}

function pieceAt(template: string, at: number): [Piece, number] {
  const next = template[at + 1];
  if (next === "$") return [{ text: "$" }, at + 2];
  if (next === "{") return bracedAt(template, at);
  const name = match(NAME, template, at + 1);
  if (!name) return [{ text: "$" }, at + 1];
  const end = at + 1 + name.length;
  return [{ use: { name, start: at, end } }, end];
}

function bracedAt(template: string, at: number): [Piece, number] {
  const close = closingBrace(template, at + 1);
  const name = match(NAME, template, at + 2);
  if (!name || close < 0) return [{ invalid: at }, at + 2];
  const end = close + 1;
  const behind = at + 2 + name.length;
  if (behind === close) return [{ use: { name, start: at, end } }, end];
  const operator = match(OPERATOR, template, behind) as VariableUse["operator"] | "";
  if (!operator) return [{ invalid: at }, at + 2];
  const operand = template.slice(behind + operator.length, close);
  return [{ use: { name, start: at, end, operator, operand } }, end];
}

function match(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? "";
}

/** Braces nest, also those that belong to no variable. */
function closingBrace(text: string, open: number): number {
  let depth = 0;
  for (let index = open; index < text.length; index++) {
    if (text[index] === "{") depth++;
    else if (text[index] === "}" && --depth === 0) return index;
  }
  return -1;
}
