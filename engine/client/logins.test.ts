import assert from "node:assert/strict";
import { test } from "node:test";
import { listLogins, loginOf } from "./logins.ts";
import type { LoginsFile, RunHelper } from "./logins.ts";

const auth = (text: string): string => Buffer.from(text).toString("base64");
const file: LoginsFile = {
  auths: {
    "https://index.docker.io/v1/": { auth: auth("me:hub") },
    "https://plain.example/v2/": { auth: auth("you:a:b\0\0") },
    "token.example": { auth: auth("x:"), identitytoken: "identity" },
    "helped.example": {},
    "nobody.example": {},
  },
  credHelpers: { "helped.example": "one", "broken.example": "two" },
};
const run: RunHelper = async (name, action, input) => {
  if (name !== "one") throw new Error("no such program");
  if (action === "list") return '{"helped.example":"helper"}';
  if (input !== "helped.example") throw new Error("credentials not found in native keychain");
  return '{"ServerURL":"helped.example","Username":"helper","Secret":"kept"}';
};

test("listLogins() says who is logged in where, without passwords", async () => {
  assert.deepEqual(
    (await listLogins(file, run)).map(({ domain, username, helper }) => [domain, username, helper]),
    [
      ["docker.io", "me", undefined],
      ["helped.example", "helper", "one"],
      ["plain.example", "you", undefined],
      ["token.example", "x", undefined],
    ],
  );
  const stored = await listLogins({ credsStore: "one", auths: { "helped.example": {} } }, run);
  assert.deepEqual(stored, [{ domain: "helped.example", username: "helper", helper: "one" }]);
});

test("loginOf() asks the helper, or reads the file", async () => {
  assert.deepEqual(await loginOf(file, "helped.example", run), { username: "helper", password: "kept", serveraddress: "helped.example" });
  assert.deepEqual(await loginOf(file, "plain.example", run), { username: "you", password: "a:b", serveraddress: "plain.example" });
  assert.equal((await loginOf(file, "token.example", run))?.identitytoken, "identity");
  assert.equal(await loginOf({ credsStore: "one" }, "other.example", run), undefined);
});
