/** Dockerfiles as people write them, good and bad, against what was read from them before. `UPDATE=1` writes that anew. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { parseDockerfile } from "./parse.ts";
import { problemSentence } from "./problems.ts";
import type { Instruction } from "./tree.ts";

const fixtures = new URL("../../../test/fixtures/dockerfiles/", import.meta.url);

/** What an instruction means, without where it stands. */
function meaning(instruction: Instruction): Record<string, unknown> {
  const { kind, range } = instruction;
  const known = instruction as unknown as Record<string, unknown>;
  const fields = [
    "stage",
    "platform",
    "command",
    "network",
    "security",
    "pairs",
    "value",
    "args",
    "test",
    "expression",
    "link",
    "chmod",
    "chown",
    "exclude",
  ];
  const words = (list: unknown): unknown => (list as { text: string }[] | undefined)?.map((word) => word.text);
  return {
    kind,
    lines: [range.start.line + 1, range.end.line + 1],
    ...Object.fromEntries(fields.filter((field) => known[field]).map((field) => [field, plain(known[field])])),
    ...(known["sources"] ? { sources: words(known["sources"]), destination: (known["destination"] as { text: string }).text } : {}),
    ...(known["mounts"] ? { mounts: (known["mounts"] as { value: string }[]).map((flag) => flag.value) } : {}),
    ...(instruction.heredocs.length > 0 ? { heredocs: instruction.heredocs.map(({ name, content }) => [name, content]) } : {}),
  };
}

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, field: unknown) => (key === "range" ? undefined : field)));
}

for (const kind of ["good", "bad"]) {
  const directory = new URL(`${kind}/`, fixtures);
  for (const name of readdirSync(directory).filter((file) => file.endsWith(".dockerfile"))) {
    test(`parseDockerfile() reads ${kind}/${name}`, () => {
      const tree = parseDockerfile(readFileSync(new URL(name, directory), "utf8"));
      const errors = tree.problems.filter((problem) => problem.severity === "error");
      assert.equal(errors.length > 0, kind === "bad");
      const read = {
        directives: tree.directives.map((directive) => `${directive.name}=${directive.value}`),
        problems: tree.problems.map((problem) => `${problem.severity}: ${problemSentence(problem)}`),
        stages: tree.stages.map((stage) => stage.name ?? stage.index),
        instructions: tree.instructions.map(meaning),
      };
      const golden = new URL(name.replace(/\.dockerfile$/, ".json"), directory);
      if (process.env["UPDATE"]) writeFileSync(golden, `${JSON.stringify(read, null, 1)}\n`);
      assert.deepEqual(JSON.parse(JSON.stringify(read)), JSON.parse(readFileSync(golden, "utf8")));
    });
  }
}
