import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionError, endedEarly } from "../../engine/client/errors.ts";
import { sentenceOf } from "./lost.ts";

const coded = (message: string, code: string): Error => Object.assign(new Error(message), { code });

const cases: [string, Error, RegExp][] = [
  ["a connection that broke", new ConnectionError("unix:///x", coded("read ECONNRESET", "ECONNRESET")), /lost before this was done/],
  ["a build that was cut off", new ConnectionError("unix:///x", endedEarly()), /lost before this was done/],
  ["an answer that broke off", coded("aborted", "ECONNRESET"), /lost before this was done/],
  ["an engine that is not there", new ConnectionError("unix:///x", coded("", "ECONNREFUSED")), /^Cannot connect to the Docker daemon/],
  ["a registry that broke off", coded("fetch failed", "ECONNRESET"), /^fetch failed$/],
  ["an error without a code", new Error("no"), /^no$/],
];

for (const [what, error, want] of cases) test(`sentenceOf() of ${what}`, () => assert.match(sentenceOf(error), want));
