import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "..");
const text = readFileSync(join(root, "package.json"), "utf8");
const manifest = JSON.parse(text) as {
  contributes: {
    commands: { command: string }[];
    menus: Record<string, { command?: string; submenu?: string; when?: string }[]>;
    viewsWelcome: { contents: string; view: string }[];
    walkthroughs: { steps: { media: { svg?: string } }[] }[];
    views: Record<string, { id: string }[]>;
  };
};
const words = JSON.parse(readFileSync(join(root, "package.nls.json"), "utf8")) as Record<string, string>;
const { contributes } = manifest;
const commands = new Set(contributes.commands.map(({ command }) => command));

test("every %word% of the manifest is there, and none is left over", () => {
  const used = new Set([...text.matchAll(/"%([^%"]+)%"/g)].map(([, key]) => key!));
  assert.deepEqual(
    [...used].filter((key) => !(key in words)),
    [],
  );
  assert.deepEqual(
    Object.keys(words).filter((key) => !used.has(key)),
    [],
  );
});

test("menus and welcome texts name commands that there are", () => {
  const named = Object.values(contributes.menus).flatMap((menu) => menu.flatMap(({ command }) => command ?? []));
  const linked = contributes.viewsWelcome.flatMap(({ contents }) =>
    [...(words[contents.slice(1, -1)] ?? "").matchAll(/command:(berth\.[\w.]+)/g)].map(([, command]) => command!),
  );
  const views = new Set(Object.values(contributes.views).flatMap((list) => list.map(({ id }) => `${id}.focus`)));
  assert.deepEqual(
    [...named, ...linked].filter((command) => command.startsWith("berth.") && !commands.has(command) && !views.has(command)),
    [],
  );
});

test("the regular expressions of when-clauses can be read", () => {
  for (const menu of Object.values(contributes.menus))
    for (const { when = "" } of menu)
      for (const [, source] of when.matchAll(/=~ \/((?:[^/\\]|\\.)+)\//g)) assert.doesNotThrow(() => new RegExp(source!), when);
});

test("the walkthrough's pictures are in the package", () => {
  for (const { media } of contributes.walkthroughs.flatMap(({ steps }) => steps))
    if (media.svg) assert.ok(existsSync(join(root, media.svg)), media.svg);
});
