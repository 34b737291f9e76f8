/**
 * Asks the real docker compose about the whole corpus and compares with what was recorded; `UPDATE=1` records.
 * BERTH_DOCKER_COMPOSE names its program, version 2.40.3; BERTH_THEMES is a pattern for some themes only.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { askDocker, formsOf, record, recorded, themes, unpack } from "../support/compose-corpus.ts";
import type { Form, Theme } from "../support/compose-corpus.ts";

const asked = new RegExp(process.env["BERTH_THEMES"] ?? "");
const program = process.env["BERTH_DOCKER_COMPOSE"];

test(
  "docker compose says what was recorded",
  { skip: program ? false : "needs BERTH_DOCKER_COMPOSE, the path of docker-compose 2.40.3" },
  async (t) => {
    for (const theme of themes().filter(({ own, name }) => !own && asked.test(name))) {
      await t.test(theme.name, () => {
        for (const form of formsOf(theme)) ask(program ?? "", theme, form);
      });
    }
  },
);

function ask(docker: string, theme: Theme, form: Form): void {
  const { directory, remove } = unpack(theme);
  try {
    const said = askDocker(docker, theme, form, directory);
    if (form === "hash" && said.error === undefined && isTemporary(docker, theme, said.output)) return;
    if (process.env["UPDATE"]) record(theme, form, said);
    else assert.deepEqual(said, recorded(theme, form));
  } finally {
    remove();
  }
}

/** A hash over the name of a temporary directory is another one each time. */
function isTemporary(docker: string, theme: Theme, output: string): boolean {
  const { directory, remove } = unpack(theme);
  try {
    return askDocker(docker, theme, "hash", directory).output !== output;
  } finally {
    remove();
  }
}
