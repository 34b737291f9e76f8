/**
 * What `berth compose config` prints, read by others: js-yaml reads the same project from the YAML as JSON says, and the
 * Compose Specification's schema, applied by ajv, accepts it.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Ajv } from "ajv";
import { CORE_SCHEMA, load } from "js-yaml";
import { askBerth, formsOf, recorded, themes, unpack } from "../../test/support/compose-corpus.ts";
import type { Theme } from "../../test/support/compose-corpus.ts";

const schema = JSON.parse(readFileSync(new URL("../syntax/compose-schema.json", import.meta.url), "utf8")) as { $schema: string };
const { $schema: _, ...rules } = schema;
const accepts = new Ajv({ strict: false, validateFormats: false }).compile(rules);

/** docker compose's JSON says null and {} where its YAML says nothing, and has neither extensions nor models. */
function without(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(without);
  if (typeof value !== "object" || value === null) return value;
  const said = Object.entries(value).filter(([key]) => !/^x-|^models$/.test(key));
  const entries = said.map(([key, inner]) => [key, without(inner)] as const);
  return Object.fromEntries(entries.filter(([, inner]) => inner !== null && !isEmpty(inner)));
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

const isPrinted = (theme: Theme): boolean =>
  (["yaml", "json"] as const).every((form) => formsOf(theme).includes(form) && recorded(theme, form).error === undefined);

for (const theme of themes().filter(isPrinted))
  test(`others read what compose config prints of ${theme.name}`, async () => {
    const { directory, remove } = unpack(theme);
    try {
      const [yaml, json] = [await askBerth(theme, "yaml", directory), await askBerth(theme, "json", directory)];
      const project = JSON.parse(json.output) as unknown;
      assert.deepEqual(without(load(yaml.output, { schema: CORE_SCHEMA })), without(project));
      assert.ok(accepts(project), JSON.stringify(accepts.errors));
    } finally {
      remove();
    }
  });
