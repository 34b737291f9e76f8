import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidTemplateError, MissingVariableError, interpolate, variablesOf } from "./interpolate.ts";

const VARIABLES: Readonly<Record<string, string>> = { SET: "value", EMPTY: "", set: "lower" };
const get = (name: string): string | undefined => VARIABLES[name];

const CASES: readonly [string, string][] = [
  ["plain", "plain"],
  ["$SET", "value"],
  ["${SET}x", "valuex"],
  ["$SET-x", "value-x"],
  ["$set", "lower"],
  ["$$SET $${SET}", "$SET ${SET}"],
  ["$ $1 a$", "$ $1 a$"],
  ["${UNSET:-d}${UNSET-d}${EMPTY:-d}${EMPTY-d}", "ddd"],
  ["${SET:+a}${EMPTY:+a}${EMPTY+a}${UNSET+a}", "aa"],
  ["${UNSET:-${UNSET:-${SET}}}", "value"],
  ["${UNSET:-{}}", "{}"],
  ["${UNSET:-$$}", "$"],
  ["${SET:?e}${EMPTY?e}", "value"],
];

for (const [template, wanted] of CASES) test(`interpolate() reads ${template}`, () => assert.equal(interpolate(template, { get }), wanted));

for (const template of ["${", "${}", "${1x}", "${A", "${A B}", "${A!x}"]) {
  test(`interpolate() refuses ${template}`, () => assert.throws(() => interpolate(template, { get }), InvalidTemplateError));
}

test("interpolate() says what a required variable is for", () => {
  assert.throws(() => interpolate("${UNSET:?set ${SET}}", { get }), new MissingVariableError("UNSET", "set value"));
  assert.throws(() => interpolate("${UNSET?}", { get }), { message: "required variable UNSET is missing a value" });
});

test("interpolate() tells of variables that are not set and have no default", () => {
  const missing: string[] = [];
  interpolate("$A ${B} ${C:-} ${D:-$E} $SET", { get, onMissing: (name) => missing.push(name) });
  assert.deepEqual(missing, ["A", "B", "E"]);
});

test("interpolate() bounds defaults inside of defaults", () => {
  assert.throws(() => interpolate(`${"${A:-".repeat(2000)}${"}".repeat(2000)}`, { get }), InvalidTemplateError);
});

test("variablesOf() finds every use and its place", () => {
  const text = "a $A ${B:-x${C}y} $$D ${bad-";
  const uses = variablesOf(text).map(({ name, start, end, operator }) => [name, text.slice(start, end), operator]);
  assert.deepEqual(uses, [
    ["A", "$A", undefined],
    ["B", "${B:-x${C}y}", ":-"],
    ["C", "${C}", undefined],
  ]);
});
