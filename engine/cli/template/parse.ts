/**
 * Tokens of a Go template → its tree. Supported: pipelines, fields, variables, if/else, range/else, with/else, break, continue.
 */
import { TemplateError, splitTemplate } from "./lex.ts";
import type { Token } from "./lex.ts";

export type Operand =
  | { readonly kind: "dot" | "nil"; readonly fields: readonly string[]; readonly source: string; readonly at: number }
  | {
      readonly kind: "literal";
      readonly value: string | number | boolean;
      readonly fields: readonly string[];
      readonly source: string;
      readonly at: number;
    }
  | { readonly kind: "variable"; readonly name: string; readonly fields: readonly string[]; readonly source: string; readonly at: number }
  | {
      readonly kind: "pipeline";
      readonly pipeline: Pipeline;
      readonly fields: readonly string[];
      readonly source: string;
      readonly at: number;
    }
  | { readonly kind: "function"; readonly name: string; readonly fields: readonly string[]; readonly source: string; readonly at: number };

export interface Pipeline {
  readonly declares: readonly string[];
  readonly assigns: boolean;
  /** Each command's words: the first is called with the others, and with the value of the command before. */
  readonly commands: readonly (readonly Operand[])[];
}

export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly pipeline: Pipeline }
  | {
      readonly kind: "if" | "range" | "with";
      readonly pipeline: Pipeline;
      readonly body: readonly Node[];
      readonly otherwise: readonly Node[];
    }
  | { readonly kind: "leave"; readonly how: "break" | "continue" };

/** @throws {TemplateError} with Go's sentence */
export function parseTemplate(source: string): readonly Node[] {
  const parser = new Parser(source);
  return parser.template();
}

type Block = "if" | "range" | "with";

class Parser {
  readonly #pieces;
  #piece = 0;
  #tokens: readonly Token[] = [];
  #at = 0;

  constructor(source: string) {
    this.#pieces = splitTemplate(source);
  }

  template(): Node[] {
    const { nodes, ended } = this.#nodes();
    if (ended) throw new TemplateError(`template: :1: unexpected {{${ended}}}`);
    return nodes;
  }

  /** Nodes up to an `end` or `else`, which is left for the caller to read. */
  #nodes(): { nodes: Node[]; ended: "end" | "else" | "" } {
    const nodes: Node[] = [];
    for (let piece = this.#pieces[this.#piece++]; piece; piece = this.#pieces[this.#piece++]) {
      if ("text" in piece) {
        nodes.push({ kind: "text", text: piece.text });
        continue;
      }
      [this.#tokens, this.#at] = [piece.tokens, 0];
      const word = this.#keyword();
      if (word === "end" || word === "else") return { nodes, ended: word };
      nodes.push(this.#action(word));
    }
    return { nodes, ended: "" };
  }

  #keyword(): string {
    const token = this.#tokens[0];
    if (token?.kind !== "name") return "";
    if (!["if", "range", "with", "end", "else", "break", "continue"].includes(token.text)) return "";
    this.#at = 1;
    return token.text;
  }

  #action(word: string): Node {
    if (word === "if" || word === "range" || word === "with") return this.#block(word);
    if (word === "break" || word === "continue") return { kind: "leave", how: word };
    return { kind: "action", pipeline: this.#whole("command") };
  }

  #block(kind: Block): Node {
    const pipeline = this.#whole(kind);
    const body = this.#nodes();
    const node = { kind, pipeline, body: body.nodes };
    if (body.ended === "end") return { ...node, otherwise: [] };
    if (body.ended !== "else") throw new TemplateError("template: :1: unexpected EOF");
    const chained = this.#tokens[1]?.text;
    if (chained === "if" || chained === "with") {
      this.#at = 2;
      return { ...node, otherwise: [this.#block(chained)] };
    }
    const otherwise = this.#nodes();
    if (otherwise.ended !== "end") throw new TemplateError("template: :1: unexpected EOF");
    return { ...node, otherwise: otherwise.nodes };
  }

  /** A pipeline that fills the rest of the action. */
  #whole(what: string): Pipeline {
    const pipeline = this.#pipeline(what);
    const left = this.#tokens[this.#at];
    if (left) throw new TemplateError(`template: :1: unexpected ${describe(left)} in ${what}`);
    return pipeline;
  }

  #pipeline(what: string): Pipeline {
    const { declares, assigns } = this.#declarations();
    const commands: Operand[][] = [];
    do commands.push(this.#command(what));
    while (this.#take("|"));
    return { declares, assigns, commands };
  }

  #declarations(): { declares: string[]; assigns: boolean } {
    const start = this.#at;
    const declares: string[] = [];
    while (this.#tokens[this.#at]?.kind === "variable") {
      declares.push(this.#tokens[this.#at++]!.text);
      if (this.#take(":=")) return { declares, assigns: false };
      if (this.#take("=")) return { declares, assigns: true };
      if (!this.#take(",")) break;
    }
    this.#at = start;
    return { declares: [], assigns: false };
  }

  #command(what: string): Operand[] {
    const words: Operand[] = [];
    for (let word = this.#operand(); word; word = this.#operand()) words.push(word);
    if (words.length === 0) throw new TemplateError(`template: :1: missing value for ${what}`);
    return words;
  }

  #operand(): Operand | undefined {
    const token = this.#tokens[this.#at];
    if (!token) return undefined;
    if (token.kind === "punctuation" && token.text !== "." && token.text !== "(") return undefined;
    this.#at++;
    const term = this.#term(token);
    const fields: string[] = token.kind === "field" ? [token.text] : [];
    let { source, at } = token;
    for (let next = this.#tokens[this.#at]; next?.kind === "field" && !next.spaced; next = this.#tokens[this.#at]) {
      // Go's place of a chain of fields is that of its second one.
      if (fields.length === (token.kind === "field" ? 1 : 0)) at = next.at;
      fields.push(next.text);
      source += next.source;
      this.#at++;
    }
    return { ...term, fields, source, at };
  }

  #term(token: Token): Operand {
    const base = { fields: [], source: token.source, at: token.at };
    if (token.kind === "string") return { ...base, kind: "literal", value: token.text };
    if (token.kind === "number") return { ...base, kind: "literal", value: Number(token.text) };
    if (token.kind === "char") return { ...base, kind: "literal", value: token.text.codePointAt(0) ?? 0 };
    if (token.kind === "variable") return { ...base, kind: "variable", name: token.text };
    if (token.text === "(" && token.kind === "punctuation") return this.#parenthesized(base);
    if (token.kind !== "name") return { ...base, kind: "dot" };
    if (token.text === "true" || token.text === "false") return { ...base, kind: "literal", value: token.text === "true" };
    if (token.text === "nil") return { ...base, kind: "nil" };
    return { ...base, kind: "function", name: token.text };
  }

  #parenthesized(base: { fields: string[]; source: string; at: number }): Operand {
    const pipeline = this.#pipeline("parenthesized pipeline");
    if (!this.#take(")")) throw new TemplateError("template: :1: unclosed left paren");
    return { ...base, kind: "pipeline", pipeline };
  }

  #take(text: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== "punctuation" || token.text !== text) return false;
    this.#at++;
    return true;
  }
}

function describe(token: Token): string {
  return token.kind === "punctuation" ? `"${token.text}"` : `<${token.source}>`;
}
