import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Contexts } from "../client/contexts.ts";
import type { Globals } from "./cli.ts";
import { findTarget } from "./endpoint.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-endpoint-"));
after(() => rmSync(directory, { recursive: true, force: true }));
const contexts = new Contexts(directory);
for (const name of ["desktop-linux", "near", "far"])
  await contexts.write({ name, description: "", host: `tcp://${name}:1`, skipTlsVerify: false });
// As Docker Desktop leaves it.
writeFileSync(join(directory, "config.json"), JSON.stringify({ currentContext: "desktop-linux" }));

const cases: [words: Partial<Globals>, env: NodeJS.ProcessEnv, chosen: string, want: string][] = [
  [{}, {}, "default", "own"],
  [{}, {}, "near", "tcp://near:1"],
  [{}, { DOCKER_CONTEXT: "far" }, "near", "tcp://far:1"],
  [{}, { DOCKER_CONTEXT: "default" }, "near", "own"],
  [{}, { DOCKER_HOST: "tcp://host:1", DOCKER_CONTEXT: "far" }, "near", "tcp://host:1"],
  [{}, { BERTH_ROOT: "/r", DOCKER_HOST: "tcp://host:1" }, "near", "own /r"],
  [{ root: "/w" }, { BERTH_ROOT: "/r" }, "near", "own /w"],
  [{ context: "desktop-linux" }, { BERTH_ROOT: "/r", DOCKER_HOST: "tcp://host:1" }, "near", "tcp://desktop-linux:1"],
  [{ context: "default" }, {}, "near", "own"],
  [{ host: "tcp://word:1" }, { BERTH_ROOT: "/r" }, "near", "tcp://word:1"],
];

for (const [words, env, chosen, want] of cases)
  test(`findTarget() with ${JSON.stringify({ ...words, ...env, chosen })} finds ${want}`, async () => {
    await contexts.use(chosen);
    const globals = { config: directory, ...words } as Globals;
    const target = await findTarget({ env, globals });
    assert.equal(target.own ? ["own", target.root].filter(Boolean).join(" ") : target.url, want);
  });
