import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerRecord } from "./containers.ts";
import { checkLogNotes, logNotes } from "./log-notes.ts";

const record = (Config: Record<string, string>): ContainerRecord =>
  ({
    id: "0123456789abcdef".repeat(4),
    name: "web",
    imageId: `sha256:${"ab".repeat(32)}`,
    path: "sh",
    args: ["-c", "true"],
    config: { Image: "bb:1", Labels: { k: "v", key2: "w", other: "x" }, Env: ["A=1", "B2=x=y", "NONE"] },
    hostConfig: { LogConfig: { Type: "json-file", Config } },
  }) as unknown as ContainerRecord;

for (const [options, want] of [
  [{}, {}],
  [{ labels: "k,nosuch" }, { k: "v" }],
  [{ "labels-regex": "^k" }, { k: "v", key2: "w" }],
  [
    { labels: "other", "labels-regex": "2$" },
    { key2: "w", other: "x" },
  ],
  [
    { env: "A,NONE", "env-regex": "^B" },
    { A: "1", B2: "x=y" },
  ],
  [{ tag: "{{.Name}}/{{ .ID }}/{{.ImageName}}/{{.ImageID}}/{{.Command}}" }, { tag: "web/0123456789ab/bb:1/abababababab/sh -c true" }],
] as const)
  test(`logNotes() of ${JSON.stringify(options)}`, () => assert.deepEqual(logNotes(record(options)), want));

for (const [options, sentence] of [
  [{ "env-regex": "(" }, /^EngineError: failed to initialize logging driver: error parsing regexp: missing closing \): `\(`$/],
  [{ tag: "{{.Name" }, /template: log-tag:1: unclosed action/],
  [{ tag: "{{.Nosuch}}" }, /can't evaluate field Nosuch/],
] as const)
  test(`checkLogNotes() refuses ${JSON.stringify(options)}`, () => assert.throws(() => checkLogNotes({ Config: options }), sentence));
