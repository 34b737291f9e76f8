/**
 * Runs a parsed template on a value. Missing keys of maps are errors, as docker's own formats have it.
 */
import { FUNCTIONS, show, truth } from "./functions.ts";
import type { TemplateFunction, Value } from "./functions.ts";
import { TemplateError } from "./lex.ts";
import { parseTemplate } from "./parse.ts";
import type { Node, Operand, Pipeline } from "./parse.ts";

/** A template that is ready to run on one value after another. */
export type Template = (value: Value) => string;

export interface TemplateOptions {
  /** These take the place of docker's own. */
  readonly functions?: Readonly<Record<string, TemplateFunction>>;
  /** Go's type of the values, where docker has one: it is named for a field that they do not have. */
  readonly type?: string;
  /** Of the template, in what is said of it. */
  readonly name?: string;
}

/**
 * Compiles a template. A property that is a function is a method and is called with the words after it.
 *
 * @throws {TemplateError} now for what cannot be read, from the template for what cannot be run
 */
export function compileTemplate(source: string, options: TemplateOptions = {}): Template {
  const nodes = parseTemplate(source);
  const functions = { ...FUNCTIONS, ...options.functions };
  checkFunctions(nodes, functions);
  return (value) => new Execution({ ...options, functions }, value).run(nodes);
}

function checkFunctions(nodes: readonly Node[], known: Readonly<Record<string, TemplateFunction>>): void {
  for (const node of nodes) {
    if ("pipeline" in node) checkPipeline(node.pipeline, known);
    if ("body" in node) checkFunctions([...node.body, ...node.otherwise], known);
  }
}

function checkPipeline(pipeline: Pipeline, known: Readonly<Record<string, TemplateFunction>>): void {
  for (const operand of pipeline.commands.flat()) {
    if (operand.kind === "function" && !Object.hasOwn(known, operand.name))
      throw new TemplateError(`template: :1: function "${operand.name}" not defined`);
    if (operand.kind === "pipeline") checkPipeline(operand.pipeline, known);
  }
}

/** Leaves a range early. */
class Leave extends Error {
  readonly how: "break" | "continue";

  constructor(how: "break" | "continue") {
    super(how);
    this.how = how;
  }
}

class Execution {
  readonly #functions: Readonly<Record<string, TemplateFunction>>;
  readonly #variables: { name: string; value: Value }[];
  readonly #type: string;
  readonly #name: string;
  #output = "";

  constructor(
    { functions, type = "", name = "" }: TemplateOptions & { functions: Readonly<Record<string, TemplateFunction>> },
    root: Value,
  ) {
    this.#functions = functions;
    this.#type = type;
    this.#name = name;
    this.#variables = [{ name: "$", value: root }];
  }

  run(nodes: readonly Node[]): string {
    this.#walk(nodes, this.#variables[0]!.value);
    return this.#output;
  }

  #walk(nodes: readonly Node[], dot: Value): void {
    const depth = this.#variables.length;
    for (const node of nodes) this.#node(node, dot);
    this.#variables.length = Math.max(1, Math.min(depth, this.#variables.length));
  }

  #node(node: Node, dot: Value): void {
    if (node.kind === "text") this.#output += node.text;
    else if (node.kind === "leave") throw new Leave(node.how);
    else if (node.kind === "action") this.#action(node.pipeline, dot);
    else this.#block(node, dot);
  }

  #action(pipeline: Pipeline, dot: Value): void {
    const value = this.#pipeline(pipeline, dot);
    if (pipeline.declares.length === 0) this.#output += showResult(value, pipeline);
  }

  #block(node: Extract<Node, { body: readonly Node[] }>, dot: Value): void {
    const depth = this.#variables.length;
    const isRange = node.kind === "range";
    const value = this.#pipeline(isRange ? { ...node.pipeline, declares: [] } : node.pipeline, dot);
    if (isRange) this.#range(node, value, dot);
    else if (truth(value)) this.#walk(node.body, node.kind === "with" ? value : dot);
    else this.#walk(node.otherwise, dot);
    this.#variables.length = depth;
  }

  #range(node: Extract<Node, { body: readonly Node[] }>, value: Value, dot: Value): void {
    const items = entriesOf(value);
    if (items.length === 0) return this.#walk(node.otherwise, dot);
    const [first, second] = node.pipeline.declares;
    const depth = this.#variables.length;
    for (const [key, item] of items) {
      if (first && second) this.#variables.push({ name: first, value: key }, { name: second, value: item });
      else if (first) this.#variables.push({ name: first, value: item });
      try {
        this.#walk(node.body, item);
      } catch (error) {
        if (!(error instanceof Leave)) throw error;
        if (error.how === "break") break;
      } finally {
        this.#variables.length = depth;
      }
    }
  }

  #pipeline(pipeline: Pipeline, dot: Value): Value {
    let value: Value;
    let has = false;
    for (const command of pipeline.commands) {
      value = this.#command(command, dot, has ? [value] : []);
      has = true;
    }
    for (const name of pipeline.declares) {
      const known = pipeline.assigns ? this.#variables.findLast((variable) => variable.name === name) : undefined;
      if (known) known.value = value;
      else this.#variables.push({ name, value });
    }
    return value;
  }

  #command(words: readonly Operand[], dot: Value, last: Value[]): Value {
    const [first, ...rest] = words as [Operand, ...Operand[]];
    const given = () => [...rest.map((word) => this.#operand(word, dot)), ...last];
    if (first.kind === "function" && (first.name === "and" || first.name === "or")) return this.#lazily(first.name, rest, dot, last);
    if (first.kind === "function") return this.#call({ ...first, source: words.map(({ source }) => source).join(" ") }, given(), rest[0]);
    const value = this.#value(first, dot);
    if (typeof value === "function") return (value as TemplateFunction)(...given());
    if (rest.length > 0 || last.length > 0)
      throw this.#failure(
        first,
        first.fields.length > 0
          ? `${first.fields.at(-1)} has arguments but cannot be invoked as function`
          : "can't give argument to non-function",
      );
    return value;
  }

  /** `and` and `or` do not evaluate what they do not need. */
  #lazily(name: "and" | "or", rest: readonly Operand[], dot: Value, last: Value[]): Value {
    let value: Value;
    for (const word of rest) {
      value = this.#operand(word, dot);
      if (truth(value) === (name === "or")) return value;
    }
    return last.length > 0 ? last[0] : value;
  }

  #call(first: Operand & { kind: "function" }, values: Value[], of?: Operand): Value {
    try {
      const value = this.#functions[first.name]!(...values);
      return this.#fields(first, value === undefined && first.name === "index" ? zeroIn(of?.fields.at(-1) ?? "") : value);
    } catch (error) {
      if (error instanceof TemplateError && !error.message.startsWith("template:")) throw this.#failure(first, error.message);
      throw error;
    }
  }

  #operand(word: Operand, dot: Value): Value {
    if (word.kind === "function") return this.#call(word, []);
    const value = this.#value(word, dot);
    return typeof value === "function" ? (value as TemplateFunction)() : value;
  }

  /** An operand before any call of a method. */
  #value(word: Operand, dot: Value): Value {
    if (word.kind === "dot") return this.#fields(word, dot);
    if (word.kind === "literal") return word.value;
    if (word.kind === "nil") return null;
    if (word.kind === "pipeline") return this.#fields(word, this.#pipeline(word.pipeline, dot));
    const variable = this.#variables.findLast(({ name }) => name === (word as { name: string }).name);
    if (!variable) throw new TemplateError(`template: :1: undefined variable "${(word as { name: string }).name}"`);
    return this.#fields(word, variable.value);
  }

  #fields(word: Operand, start: Value): Value {
    let value = start;
    let before = "";
    for (const field of word.fields) {
      if (typeof value === "function") value = (value as TemplateFunction)();
      if (value === null || value === undefined) throw this.#failure(word, `nil pointer evaluating interface {}.${field}`);
      const type = this.#typeOf(value);
      if (type && (typeof value !== "object" || !(field in value)))
        throw this.#failure(word, `can't evaluate field ${field} in type ${type}`);
      if (!(field in (value as object)) && !isMap(before)) throw this.#failure(word, `map has no entry for key "${field}"`);
      value = (value as Record<string, Value>)[field];
      before = field;
    }
    return value;
  }

  /** Of what is no map. */
  #typeOf(value: object | string | number | boolean | bigint | symbol): string {
    if (value === this.#variables[0]!.value) return this.#type;
    if (typeof value === "object" && !Array.isArray(value)) return "";
    if (!this.#type) return "interface {}";
    return Array.isArray(value) ? "[]string" : typeof value;
  }

  #failure(word: Operand, reason: string): TemplateError {
    return new TemplateError(`template: ${this.#name}:1:${word.at}: executing "${this.#name}" at <${word.source}>: ${reason}`);
  }
}

function entriesOf(value: Value): [Value, Value][] {
  if (Array.isArray(value)) return value.map((item, at) => [at, item]);
  if (typeof value === "number") return Array.from({ length: value }, (_unused, at) => [at, at]);
  if (value !== null && typeof value === "object") return Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (value === null || value === undefined) return [];
  throw new TemplateError(`template: :1: range can't iterate over ${show(value)}`);
}

/** What Go's index gives for a key that a map does not have. */
function zeroIn(field: string): Value {
  if (/^(Labels|Annotations|Options|DriverOpts|Sysctls|Tmpfs|StorageOpt|Config|Data|Attributes)$/.test(field)) return "";
  return /^(Ports|PortBindings)$/.test(field) ? [] : undefined;
}

/** A container has a Config that is none, and a log driver one that is. */
function isMap(field: string): boolean {
  return field !== "Config" && MAPS.test(field);
}

/** Fields that are maps or pointers in Go; any other null is an empty list. */
const MAPS =
  /^(Labels|Annotations|ExposedPorts|Volumes|Options|DriverOpts|PortBindings|Ports|Sysctls|Tmpfs|StorageOpt|Config|Data|Networks|Containers|Attributes|Services)$/;
const NIL_POINTERS =
  /^(Healthcheck|Health|OomKillDisable|PidsLimit|MemorySwappiness|Init|IPAMConfig|StopTimeout|ContainerIDFile|UsageData|Status|Platform|SizeRw|SizeRootFs|ImageManifestDescriptor|ClusterVolume)$/;

function showResult(value: Value, pipeline: Pipeline): string {
  if (value !== null) return show(value);
  const field = pipeline.commands.at(-1)?.[0]?.fields.at(-1) ?? "";
  if (MAPS.test(field)) return "map[]";
  return NIL_POINTERS.test(field) ? "<nil>" : field ? "[]" : "<no value>";
}
