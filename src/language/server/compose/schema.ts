/** The Compose Specification's schema, asked by path: which keys and values can stand where. */
import composeSchema from "../../../../engine/syntax/compose-schema.json" with { type: "json" };

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly deprecated?: boolean;
  readonly default?: unknown;
}

const root = composeSchema as unknown as Schema & { readonly definitions: Readonly<Record<string, Schema>> };

/** All alternatives that a schema stands for, references followed. */
function expand(schema: Schema): Schema[] {
  if (schema.$ref !== undefined) {
    const target = root.definitions[schema.$ref.split("/").at(-1)!];
    const own = schema.description === undefined ? [] : [{ description: schema.description }];
    return target ? [...own, ...expand(target)] : own;
  }
  return [schema, ...(schema.oneOf ?? []).flatMap(expand)];
}

/** What may stand at a path. */
export function schemasAt(path: readonly (string | number)[]): Schema[] {
  return path.reduce<Schema[]>((schemas, step) => schemas.flatMap((schema) => into(schema, step)).flatMap(expand), expand(root));
}

function into(schema: Schema, step: string | number): Schema[] {
  if (typeof step === "number") return schema.items ? [schema.items] : [];
  const named = schema.properties?.[step];
  if (named) return [named];
  const byPattern = Object.entries(schema.patternProperties ?? {}).find(
    ([pattern]) => !pattern.startsWith("^x-") && new RegExp(pattern).test(step),
  );
  if (byPattern) return [byPattern[1]];
  return typeof schema.additionalProperties === "object" ? [schema.additionalProperties] : [];
}

export interface Property {
  readonly name: string;
  readonly description: string | undefined;
  readonly deprecated: boolean;
  /** What follows the colon: a value, a block of keys, or a list. */
  readonly shape: "scalar" | "map" | "list";
}

/** Keys that a map at the path can have. */
export function propertiesAt(path: readonly (string | number)[]): Property[] {
  const found = new Map<string, Property>();
  for (const schema of schemasAt(path)) {
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      const alternatives = expand(property);
      const description = alternatives.find((one) => one.description !== undefined)?.description;
      if (!found.has(name))
        found.set(name, { name, description, deprecated: alternatives.some((one) => one.deprecated), shape: shapeOf(alternatives) });
    }
  }
  return [...found.values()];
}

function shapeOf(alternatives: readonly Schema[]): Property["shape"] {
  const types = new Set(alternatives.flatMap(({ type }) => type ?? []));
  if (types.has("string") || types.has("number") || types.has("boolean") || types.has("integer")) return "scalar";
  if (types.has("array")) return "list";
  return types.has("object") ? "map" : "scalar";
}

/** Values that the schema names. */
export function valuesAt(path: readonly (string | number)[]): string[] {
  const schemas = schemasAt(path);
  const named = schemas.flatMap((schema) => (schema.enum ?? []).map(String));
  const booleans = schemas.some(({ type }) => [type].flat().includes("boolean")) ? ["true", "false"] : [];
  return [...new Set([...named, ...booleans])];
}

/** What the specification says of a key. */
export function descriptionAt(path: readonly (string | number)[]): string | undefined {
  return schemasAt(path).find(({ description }) => description !== undefined)?.description;
}
