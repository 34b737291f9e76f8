/** The small readers of what clients send: filters, patterns, keys, headers, JSON. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { detachFilter, parseDetachKeys } from "./detach-keys.ts";
import { parseAnyFilters, parseFilters } from "./filters.ts";
import { describeJsonError } from "../syntax/json-errors.ts";
import { registryAuth, registryConfig } from "./registry-auth.ts";
import { containerCreate } from "./requests.ts";
import { decode } from "./shape.ts";
import { matchesPattern } from "./tag-pattern.ts";

// Sentences of Go 1.24's encoding/json for the same texts.
const broken: [text: string, sentence: string][] = [
  ["{bad", "invalid JSON: invalid character 'b' looking for beginning of object key string"],
  ['{"a"', "invalid JSON: unexpected EOF"],
  ['{"a":1', "invalid JSON: unexpected EOF"],
  ['{"a" 1}', "invalid JSON: invalid character '1' after object key"],
  ['{"a":1 "b"}', "invalid JSON: invalid character '\"' after object key:value pair"],
  ['{"a":[1 2]}', "invalid JSON: invalid character '2' after array element"],
  ['{"a":1,}', "invalid JSON: invalid character '}' looking for beginning of object key string"],
  ["tru", "invalid JSON: unexpected EOF"],
  ["trux", "invalid JSON: invalid character 'x' in literal true (expecting 'e')"],
  ['{"a":-x}', "invalid JSON: invalid character 'x' in numeric literal"],
  ['{"a":"\\x"}', "invalid JSON: invalid character 'x' in string escape code"],
  ['{"a":"\n"}', "invalid JSON: invalid character '\\n' in string literal"],
  ["{} x", "unexpected content after JSON"],
];
for (const [text, sentence] of broken)
  test(`describeJsonError() says what Go says of ${JSON.stringify(text)}`, () => assert.equal(describeJsonError(text), sentence));

test("parseFilters() reads both forms, and maps whose values are off", () => {
  for (const text of ['{"label":["a=b"]}', '{"label":{"a=b":true,"c":false}}'])
    assert.deepEqual(parseFilters(text, ["label"]).get("label"), ["a=b"]);
  assert.equal(parseFilters("", []).has("label"), false);
});

for (const text of ["notjson", "[]", '"x"', '{"label":"a"}', '{"label":[1]}'])
  test(`parseFilters() refuses ${text}`, () =>
    assert.throws(() => parseFilters(text, ["label"]), { message: "invalid filter", kind: "invalid" }));

test("filters on labels want all, and none of what has an exclamation mark", () => {
  const labels = { a: "b", c: "d" };
  const cases: [string, boolean][] = [
    ['{"label":["a"]}', true],
    ['{"label":["a=b","c=d"]}', true],
    ['{"label":["a=x"]}', false],
    ['{"label!":["a=x"]}', true],
    ['{"label!":["a"]}', false],
  ];
  for (const [text, want] of cases) assert.equal(parseAnyFilters(text).labels(labels), want, text);
});

test("a filter that is true or false takes only that", () => {
  assert.equal(parseAnyFilters('{"dangling":["1"]}').flag("dangling"), true);
  assert.equal(parseAnyFilters('{"dangling":["false"]}').flag("dangling"), false);
  assert.equal(parseAnyFilters("{}").flag("dangling"), undefined);
  for (const text of ['{"dangling":["maybe"]}', '{"dangling":["true","false"]}'])
    assert.throws(() => parseAnyFilters(text).flag("dangling"));
});

const patterns: [pattern: string, name: string, want: boolean][] = [
  ["busybox", "busybox:latest", true],
  ["busybox:latest", "busybox:latest", true],
  ["busy*:1.*", "busybox:1.36", true],
  ["busy*:1.*", "busybox:latest", false],
  ["*", "busybox:latest", true],
  ["*", "local/app:1", false],
  ["*/*", "local/app:1", true],
  ["docker.io/library/busybox", "busybox:latest", true],
  ["app", "local/app:1", false],
  ["localhost:5000/*", "localhost:5000/app:1", true],
  ["[", "busybox:latest", false],
];
for (const [pattern, name, want] of patterns)
  test(`matchesPattern() ${pattern} ${want ? "means" : "does not mean"} ${name}`, () => assert.equal(matchesPattern(pattern, name), want));

test("parseDetachKeys() reads letters and control keys", () => {
  assert.deepEqual([...parseDetachKeys("")], [16, 17]);
  assert.deepEqual([...parseDetachKeys("a,ctrl-[,ctrl-a,DEL")], [97, 27, 1, 127]);
  for (const keys of ["ctrl-ä", "ctrl-A", "ctrl-", "ctrl-p,nope", "a,,b"])
    assert.throws(() => parseDetachKeys(keys), { kind: "invalid", message: `Invalid detach keys (${keys}) provided` });
});

/** What is typed in pieces, what passes, and whether it detaches. */
const typed: [pieces: string[], passed: string, detached: boolean][] = [
  [["ls\n"], "ls\n", false],
  [["a\x10b"], "a\x10b", false],
  [["a\x10", "\x11b"], "a", true],
  [["\x10\x10\x11"], "\x10", true],
  [["\x10"], "\x10", false],
];
for (const [pieces, passed, want] of typed)
  test(`detachFilter() ${want ? "detaches" : "goes on"} after ${JSON.stringify(pieces)}`, async () => {
    let detached = false;
    const filter = detachFilter(parseDetachKeys(""), () => (detached = true));
    for (const piece of pieces) filter.write(Buffer.from(piece));
    filter.end();
    let out = "";
    for await (const chunk of filter as AsyncIterable<Buffer>) out += chunk.toString();
    assert.deepEqual([out, detached], [passed, want]);
  });

test("credentials in headers, with either alphabet", () => {
  const auth = { username: "ü", password: "??>>" };
  for (const encoding of ["base64", "base64url"] as const)
    assert.deepEqual(registryAuth(Buffer.from(JSON.stringify(auth)).toString(encoding)), auth);
  assert.equal(registryAuth(Buffer.from("{}").toString("base64")), undefined);
  assert.equal(registryAuth(undefined), undefined);
  assert.deepEqual(registryConfig(Buffer.from(JSON.stringify({ "a:5000": auth })).toString("base64")), { "a:5000": auth });
});

test("a broken header is not repeated to anybody", () => {
  assert.throws(
    () => registryAuth("c2VjcmV0"),
    (error: Error) => error.message === "invalid X-Registry-Auth header" && error.cause === undefined,
  );
});

test("decode() takes a null in a list for an empty struct, as Go does", () => {
  const { HostConfig } = decode(containerCreate, { HostConfig: { Mounts: [null], Devices: [null] }, Env: [null] });
  assert.deepEqual(HostConfig, { Mounts: [{}], Devices: [{}] });
});
