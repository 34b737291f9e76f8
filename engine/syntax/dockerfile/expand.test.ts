import { test } from "node:test";
import assert from "node:assert/strict";
import { expand } from "./expand.ts";

const env = new Map([
  ["x", "foobarbaz"],
  ["empty", ""],
  ["path", "/a/b/c.txt"],
  ["star", "a*b"],
  ["sp", "one two"],
]);

const cases: [string, string][] = [
  ["$x", "foobarbaz"],
  ["${x}_y", "foobarbaz_y"],
  ["$x_y", ""],
  ["$unset", ""],
  ["\\$x", "$x"],
  ["\\${x}", "${x}"],
  ["'$x'", "$x"],
  ['"$x"', "foobarbaz"],
  ['"\\$x \\" \\n"', '$x " \\n'],
  ["a\\ b", "a b"],
  ["$", "$"],
  ["100%", "100%"],
  ["$1", ""],
  ["${x:-d}", "foobarbaz"],
  ["${unset:-d}", "d"],
  ["${empty:-d}", "d"],
  ["${empty-d}", ""],
  ["${unset-d}", "d"],
  ["${x:+d}", "d"],
  ["${empty:+d}", ""],
  ["${empty+d}", "d"],
  ["${unset+d}", ""],
  ["${unset:-${x}}", "foobarbaz"],
  ["${unset:-$empty}", ""],
  ["${x:?none}", "foobarbaz"],
  ["${x#f*b}", "arbaz"],
  ["${x##f*b}", "az"],
  ["${x%b*}", "foobar"],
  ["${x%%b*}", "foo"],
  ["${x#nope}", "foobarbaz"],
  ["${path##*/}", "c.txt"],
  ["${path%/*}", "/a/b"],
  ["${path%.txt}", "/a/b/c"],
  ["${star#a\\*}", "b"],
  ["${x/ba/fo}", "fooforbaz"],
  ["${x//ba/fo}", "fooforfoz"],
  ["${path//\\//-}", "-a-b-c.txt"],
  ["${x//a?/_}", "foob_b_"],
  ["${x/b/}", "fooarbaz"],
];
for (const [word, want] of cases) {
  test(`expand() reads ${word}`, () => {
    const got = expand(word, env);
    assert.equal("text" in got ? got.text : got.message, want);
  });
}

const bad: [string, string][] = [
  ["${x", "syntax error: missing '}'"],
  ["${}", "syntax error: bad substitution"],
  ["${:}", "syntax error: bad substitution"],
  ["${x!y}", "unsupported modifier (!) in substitution"],
  ["${x:=y}", "unsupported modifier (:=) in substitution"],
  ["${x:-y", "syntax error: missing '}'"],
  ["${x/y}", "syntax error: missing '/' in ${}"],
  ["${x/y/z", "syntax error: missing '}'"],
  ["${unset:?set it}", "unset: set it"],
  ["${unset?}", "unset: is not allowed to be unset"],
  ["${empty:?}", "empty: is not allowed to be empty"],
  ["'a", "unexpected end of statement while looking for matching single-quote"],
  ['"a', "unexpected end of statement while looking for matching double-quote"],
];
for (const [word, want] of bad) {
  test(`expand() refuses ${word}`, () => {
    assert.deepEqual(expand(word, env), { message: `failed to process ${JSON.stringify(word)}: ${want}` });
  });
}

const split: [string, string[]][] = [
  ["$sp", ["one", "two"]],
  ['"$sp"', ["one two"]],
  ["a  b\\ c 'd e'", ["a", "b c", "d e"]],
  ["a$sp", ["aone", "two"]],
];
for (const [word, want] of split) {
  test(`expand() splits ${word}`, () => {
    const got = expand(word, env);
    assert.deepEqual("words" in got && got.words, want);
  });
}

test("expand() names what it found and what it missed", () => {
  const got = expand("$x ${nope} ${other:-1} ${empty}", env);
  assert.ok("used" in got);
  assert.deepEqual([[...got.used], [...got.missing]], [["x", "empty"], ["nope"]]);
});

test("expand() keeps unset variables, quotes and escapes when asked", () => {
  const got = expand(`$a \${b:-c} "x" 'y' \\z`, new Map(), { escape: "\\", keepUnset: true, rawQuotes: true, rawEscapes: true });
  assert.equal("text" in got && got.text, `$a \${b:-c} "x" 'y' \\z`);
});

test("expand() takes the backtick as the escape", () => {
  const got = expand("c:\\dir`$x", env, { escape: "`" });
  assert.equal("text" in got && got.text, "c:\\dir$x");
});
