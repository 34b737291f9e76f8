import assert from "node:assert/strict";
import { test } from "node:test";
import { mergeConfig } from "./merge.ts";

const image = { Entrypoint: ["/entry"], Cmd: ["serve"], Env: ["A=1", "B=2"], Labels: { x: "image" }, WorkingDir: "/srv" };

const cases: [string, object, object][] = [
  ["nothing", {}, { Entrypoint: ["/entry"], Cmd: ["serve"], WorkingDir: "/srv" }],
  ["a command", { Cmd: ["ls"] }, { Entrypoint: ["/entry"], Cmd: ["ls"] }],
  ["an entrypoint, which drops the image's command", { Entrypoint: ["sh"] }, { Entrypoint: ["sh"], Cmd: null }],
  ["an empty entrypoint", { Entrypoint: [""], Cmd: ["ls"] }, { Entrypoint: null, Cmd: ["ls"] }],
  ["environment", { Env: ["B=3", "A", "C=4"] }, { Env: ["B=3", "C=4"] }],
  ["labels", { Labels: { y: "user" } }, { Labels: { x: "image", y: "user" } }],
];
for (const [what, user, wanted] of cases)
  test(`mergeConfig() takes ${what}`, () => assert.deepEqual({ ...mergeConfig(user, image), ...wanted }, mergeConfig(user, image)));
