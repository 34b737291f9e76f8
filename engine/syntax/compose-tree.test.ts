import assert from "node:assert/strict";
import { test } from "node:test";
import { parseComposeTree } from "./compose-tree.ts";
import { YamlFloat, YamlTimestamp, resolvePlain, toValue } from "./compose-value.ts";

const valueOf = (text: string): unknown => toValue(parseComposeTree(text).documents[0]);

/** What Go's yaml.v3 makes of plain words. */
const PLAIN: readonly [string, unknown][] = [
  ["yes", "yes"],
  ["on", "on"],
  ["true", true],
  ["True", true],
  ["tRue", "tRue"],
  ["null", null],
  ["~", null],
  ["12", 12],
  ["-12", -12],
  ["0755", 493],
  ["0o17", 15],
  ["0x1F", 31],
  ["0b11", 3],
  ["1_000", 1000],
  ["08", new YamlFloat(8)],
  ["1.50", new YamlFloat(1.5)],
  ["1e3", new YamlFloat(1000)],
  [".5", new YamlFloat(0.5)],
  ["12345678901234567890", 12345678901234567890n],
  ["1.2.3", "1.2.3"],
  ["1:30", "1:30"],
  ["2001-02-03", new YamlTimestamp("2001-02-03")],
  ["2001-02-30", "2001-02-30"],
];

for (const [text, wanted] of PLAIN) test(`resolvePlain() reads ${text}`, () => assert.deepEqual(resolvePlain(text), wanted));

test("YamlFloat prints as Go does", () => {
  const printed = [1, 1.5, 0.1, 1e6, 123456, 1234567.5, 1e-4, 1e-5, 1e21].map((value) => String(new YamlFloat(value)));
  assert.deepEqual(printed, ["1", "1.5", "0.1", "1e+06", "123456", "1.2345675e+06", "0.0001", "1e-05", "1e+21"]);
});

test("toValue() follows aliases and merge keys; what a mapping says itself wins", () => {
  const text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  <<: [*a, *b]\n  x: own\nd: *a\n";
  const { c, d } = valueOf(text) as Record<string, unknown>;
  assert.deepEqual(
    [c, d],
    [
      { x: "own", y: 1, z: 2 },
      { x: 1, y: 1 },
    ],
  );
});

test("toValue() keeps a key that JavaScript has a use for", () => {
  const value = valueOf("__proto__: {a: 1}\n") as object;
  assert.deepEqual(Object.keys(value), ["__proto__"]);
});

const WRONG: readonly [string, RegExp][] = [
  ["a: 1\na: 2\n", /line \d+: mapping key "a" already defined/],
  ["1: x\n", /non-string key at top level: 1/],
  ["a: {1: x}\n", /non-string key in a: 1/],
  ["a: *none\n", /unknown anchor 'none'/],
  ["a: {<<: 1}\n", /map merge requires map/],
];

for (const [text, message] of WRONG)
  test(`toValue() refuses ${JSON.stringify(text)}`, () => assert.throws(() => valueOf(text), { message }));

test("toValue() stops where aliases multiply", () => {
  const lines = Array.from(
    { length: 12 },
    (_, index) =>
      `k${index}: &k${index} [${Array(10)
        .fill(index === 0 ? "x" : `*k${index - 1}`)
        .join()}]`,
  );
  assert.throws(() => valueOf(lines.join("\n")), { message: "document contains excessive aliasing" });
});

test("toValue() tells of !reset and !override", () => {
  const seen: string[] = [];
  const root = parseComposeTree("a: {b: !reset null, c: !override [1]}\n").documents[0];
  const value = toValue(root, { onTag: (tag, path) => seen.push(`${tag} ${path.join(".")}`) });
  assert.deepEqual([value, seen], [{ a: { c: [1] } }, ["!reset a.b", "!override a.c"]]);
});

test("parseComposeTree() gives nodes their place", () => {
  const text = "services:\n  web:\n    image: nginx # latest\n";
  const { documents, positionAt } = parseComposeTree(text);
  const [root] = documents;
  assert.ok(root?.kind === "map");
  const services = root.entries[0]?.value;
  assert.ok(services?.kind === "map");
  const web = services.entries[0];
  assert.deepEqual(positionAt(web?.key.start ?? 0), { line: 2, column: 3 });
  assert.ok(web?.value?.kind === "map");
  const image = web.value.entries[0]?.value;
  assert.equal(text.slice(image?.start, image?.end), "nginx");
});

/** Texts that break something; none may throw. */
const BROKEN = [
  "",
  "\0",
  "a: [",
  "a: {b",
  '"',
  "- - : ? !",
  "a:\n\t- b",
  "*a",
  "&a",
  "<<: *a",
  "[".repeat(50_000),
  Array.from({ length: 3000 }, (_, at) => `${" ".repeat(at)}a:`).join("\n"),
];

for (const text of BROKEN) {
  test(`parseComposeTree() survives ${JSON.stringify(text.slice(0, 20))}`, () => {
    const { problems, documents } = parseComposeTree(text);
    assert.ok(Array.isArray(documents));
    for (const { start, end } of problems) assert.ok(start >= 0 && end <= text.length + 1);
  });
}
