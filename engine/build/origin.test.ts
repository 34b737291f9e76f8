import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { originOf } from "./origin.ts";

const root = realpathSync(mkdtempSync(join(tmpdir(), "berth-origin-")));
after(() => rmSync(root, { recursive: true }));
const text = "FROM scratch\n";
mkdirSync(join(root, "app/sub"), { recursive: true });
mkdirSync(join(root, "other"));
for (const file of ["app/Dockerfile", "app/sub/Own.Dockerfile", "Outside.Dockerfile"]) writeFileSync(join(root, file), text);
writeFileSync(join(root, "other/Dockerfile"), "FROM busybox\n");
symlinkSync("app", join(root, "link"));

const app = join(root, "app");
const cases: readonly [
  what: string,
  at: string,
  args: string,
  sent: { name?: string; base?: string },
  found: [string, string] | undefined,
][] = [
  ["the directory where the client works", app, "build -t app .", {}, [app, "Dockerfile"]],
  ["a directory among its words", root, "build app", {}, [app, "Dockerfile"]],
  ["the last of its words before where it works", app, "build ../app", { base: "app" }, [app, "Dockerfile"]],
  ["links resolved", root, "build link", { base: "link" }, [app, "Dockerfile"]],
  ["a client without words, by the name of the directory", root, "bake", { base: "app" }, [app, "Dockerfile"]],
  ["a Dockerfile below", app, "build -f sub/Own.Dockerfile .", { name: "Own.Dockerfile" }, [app, "sub/Own.Dockerfile"]],
  ["a Dockerfile given with =", app, "build --file=sub/Own.Dockerfile .", { name: "Own.Dockerfile" }, [app, "sub/Own.Dockerfile"]],
  [
    "a Dockerfile outside",
    app,
    "build -f ../Outside.Dockerfile .",
    { name: "Outside.Dockerfile" },
    [app, join(root, "Outside.Dockerfile")],
  ],
  ["nothing where another Dockerfile lies", root, "build other", {}, undefined],
  ["nothing where the directory is called otherwise", app, "build .", { base: "web" }, undefined],
  ["nothing for what is not there", root, "build nowhere", {}, undefined],
];

test("originOf() finds a directory that was seen when the client's own is not told", () => {
  const args = ["build", "-f", "sub/Own.Dockerfile", "."];
  const origin = originOf({ args }, { text, name: "Own.Dockerfile", base: "app" }, [join(root, "other"), app]);
  assert.deepEqual(origin, { contextName: app, dockerfile: "sub/Own.Dockerfile" });
});

for (const [what, directory, args, { name = "Dockerfile", base }, found] of cases)
  test(`originOf() finds ${what}`, () => {
    const origin = originOf({ directory, args: args.split(" ") }, { text, name, base });
    assert.deepEqual(origin && [origin.contextName, origin.dockerfile], found);
  });
