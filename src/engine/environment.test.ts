import assert from "node:assert/strict";
import { test } from "node:test";
import { environmentEndpoint } from "./environment.ts";

for (const [env, endpoint] of [
  [{}, ""],
  [{ DOCKER_HOST: "tcp://a:1", DOCKER_CONTEXT: "c" }, "tcp://a:1"],
  [{ DOCKER_CONTEXT: "c" }, "context:c"],
  [{ DOCKER_CONTEXT: "default" }, ""],
  [{ DOCKER_HOST: "tcp://a:1", BERTH_ROOT: "/r" }, ""],
] as [NodeJS.ProcessEnv, string][])
  test(`environmentEndpoint() of ${JSON.stringify(env)} is "${endpoint}"`, () => assert.equal(environmentEndpoint(env), endpoint));
