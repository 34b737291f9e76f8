/** Every theme of the corpus: the same bytes, hashes, warnings and sentences as docker compose, and a place for every fault. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { askBerth, formsOf, recorded, themes, unpack } from "../../test/support/compose-corpus.ts";
import type { Form, Theme } from "../../test/support/compose-corpus.ts";

for (const theme of themes()) {
  test(`compose config reads ${theme.name}`, async () => {
    const { directory, remove } = unpack(theme);
    try {
      for (const form of formsOf(theme)) await check(theme, form, directory);
    } finally {
      remove();
    }
  });
}

async function check(theme: Theme, form: Form, directory: string): Promise<void> {
  const { position, ...said } = await askBerth(theme, form, directory);
  const wanted = recorded(theme, form);
  if (theme.own) {
    assert.ok(said.error?.includes(theme.own), said.error);
    assert.ok(position);
    return;
  }
  if (form === "hash" && wanted.output === "" && wanted.error === undefined) return;
  assert.equal(said.error, wanted.error);
  if (said.error === undefined) assert.deepEqual(said, wanted);
  else if (position)
    assert.ok(
      existsSync(position.file.startsWith("/") ? position.file : join(directory, position.file)) &&
        position.line > 0 &&
        position.column > 0,
    );
}
