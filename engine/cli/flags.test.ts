import assert from "node:assert/strict";
import { test } from "node:test";
import { FlagError, HelpRequested, bool, bytes, cpus, filter, int, list, map, parseFlags, strings, text } from "./flags.ts";

const TABLE = {
  all: bool("", { short: "a" }),
  detach: bool("", { short: "d" }),
  proxy: bool("", { initial: true }),
  name: text("", { short: "n" }),
  last: int("", { alias: "recent", aliasDeprecated: true }),
  env: list("", { short: "e" }),
  platform: strings(""),
  opt: map("", { short: "o" }),
  filter: filter("", { short: "f" }),
  memory: bytes("", { short: "m" }),
  cpus: cpus(""),
};

for (const [line, want, args] of [
  ["-ad x", { all: true, detach: true }, ["x"]],
  ["--all=false x", { all: false }, ["x"]],
  ["--proxy=false", { proxy: false }, []],
  ["--name a x --name=b y", { name: "b" }, ["x", "y"]],
  ["-nfoo -adn bar", { name: "bar", all: true, detach: true }, []],
  ["-n=foo", { name: "foo" }, []],
  ["-e A=1 -eB -e C=", { env: ["A=1", "B", "C="] }, []],
  ["--platform a,b --platform c", { platform: ["a", "b", "c"] }, []],
  ["-o a=1 -o b", { opt: { a: "1", b: "" } }, []],
  ["-f status=up -f status=down -f name=x=y", { filter: { status: ["up", "down"], name: ["x=y"] } }, []],
  ["-m 64m --cpus .5 --recent 3", { memory: 67108864, cpus: 5e8, last: 3 }, []],
  ["x -- -a --nope", { all: false }, ["x", "-a", "--nope"]],
  ["- -a", { all: true }, ["-"]],
] as const)
  test(`parseFlags() reads ${line}`, () => {
    const parsed = parseFlags(TABLE, line.split(" "));
    for (const [name, value] of Object.entries(want)) assert.deepEqual(parsed.flags[name as keyof typeof TABLE], value);
    assert.deepEqual(parsed.args, args);
  });

test("parseFlags() leaves what follows the first argument alone when asked", () => {
  const parsed = parseFlags(TABLE, ["-a", "image", "-d", "--name", "x"], { interspersed: false });
  assert.deepEqual(parsed.args, ["image", "-d", "--name", "x"]);
  assert.deepEqual([parsed.flags.all, parsed.flags.detach, [...parsed.given]], [true, false, ["all"]]);
});

for (const [line, message] of [
  ["--nope", "unknown flag: --nope"],
  ["-z", "unknown shorthand flag: 'z' in -z"],
  ["-az", "unknown shorthand flag: 'z' in -az"],
  ["--name", "flag needs an argument: --name"],
  ["-an", "flag needs an argument: 'n' in -an"],
  ["--all=xx", 'invalid argument "xx" for "-a, --all" flag: strconv.ParseBool: parsing "xx": invalid syntax'],
  ["--last x", 'invalid argument "x" for "--last" flag: strconv.ParseInt: parsing "x": invalid syntax'],
  ["-m xx", 'invalid argument "xx" for "-m, --memory" flag: invalid size: \'xx\''],
  ["--cpus x", 'invalid argument "x" for "--cpus" flag: failed to parse x as a rational number'],
  ["-f foo", 'invalid argument "foo" for "-f, --filter" flag: bad format of filter (expected name=value)'],
] as const)
  test(`parseFlags() refuses ${line}`, () => {
    assert.throws(
      () => parseFlags(TABLE, line.split(" ")),
      (error) => error instanceof FlagError && error.message === message,
    );
  });

test("parseFlags() notices that help is wanted", () => {
  for (const [word, short] of [
    ["--help", false],
    ["-h", true],
  ] as const)
    assert.throws(
      () => parseFlags(TABLE, [word]),
      (error) => error instanceof HelpRequested && error.short === short,
    );
});

test("parseFlags() tells of a name that is no longer one", () => {
  assert.deepEqual(parseFlags(TABLE, ["--recent", "3"]).notices, ["Flag --recent has been deprecated, use --last instead"]);
  assert.deepEqual(parseFlags(TABLE, ["--last", "3"]).notices, []);
});
