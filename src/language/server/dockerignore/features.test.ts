/** What a .dockerignore keeps out: files and bytes by rule, hints, the tree of what is sent, and "ignore this". */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { TextDocumentEdit, TextEdit, WorkspaceEdit } from "vscode-languageserver";
import { applyEdits } from "../../../../test/support/marked.ts";
import { walkContext } from "../context-files.ts";
import { contextTree } from "../context-tree.ts";
import { appendRule, heaviest, ignoreHeaviest, rulePattern } from "../ignore-fixes.ts";
import { alwaysSent, DockerignoreLanguage } from "./language.ts";
import { ignoreInlays, ruleTotals } from "./totals.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-lang-ignore-"));
after(() => rmSync(folder, { recursive: true }));
const sizes = {
  Dockerfile: 20,
  "app.js": 100,
  "a.log": 1000,
  "logs/b.log": 2000,
  "logs/keep.txt": 30,
  "lib/c.js": 400,
  "lib/deep/d.log": 5000,
};
for (const [name, size] of Object.entries(sizes)) {
  mkdirSync(dirname(join(folder, name)), { recursive: true });
  writeFileSync(join(folder, name), "x".repeat(size));
}
symlinkSync("nowhere", join(folder, "link"));
const walk = await walkContext(folder);
const always = alwaysSent(join(folder, ".dockerignore"));

test("walkContext() finds files and links, not folders", () =>
  assert.deepEqual(
    new Map(walk.files.map(({ path, sizeBytes }) => [path, sizeBytes])),
    new Map([...Object.entries(sizes), ["link", "nowhere".length]]),
  ));

/** Text, what each line decides about as `files bytes`, files and bytes that are sent. */
const counted: [string, Record<number, string>, string][] = [
  ["", {}, "8 8557"],
  ["*.log", { 0: "1 1000" }, "7 7557"],
  ["**/*.log", { 0: "3 8000" }, "5 557"],
  ["# all\n\nlogs", { 2: "2 2030" }, "6 6527"],
  ["logs\n!logs/keep.txt", { 0: "1 2000", 1: "1 30" }, "7 6557"],
  ["*\n!lib", { 0: "5 3137", 1: "2 5400" }, "3 5420"],
  ["lib\nlib/deep", { 0: "2 5400", 1: "0 0" }, "6 3157"],
  ["nothing", { 0: "0 0" }, "8 8557"],
  ["Dockerfile", { 0: "0 0" }, "8 8557"],
  ["/app.js\r\n./a.log", { 0: "1 100", 1: "1 1000" }, "6 7457"],
];
for (const [text, rules, sent] of counted)
  test(`ruleTotals() of ${JSON.stringify(text)}`, async () => {
    const totals = await ruleTotals(text, walk, always);
    const words = [...totals.rules].map(([line, { files, sizeBytes }]): [string, string] => [String(line), `${files} ${sizeBytes}`]);
    assert.deepEqual(Object.fromEntries(words), rules);
    assert.equal(`${totals.sent.length} ${totals.sent.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)}`, sent);
  });

test("ignoreInlays() stand behind each rule, and say at the end what is sent", async () => {
  const text = "logs\n!logs/keep.txt\nnothing\n!never\n";
  const hints = ignoreInlays(text, await ruleTotals(text, walk, always)).map(
    ({ position, label }) => `${position.line + 1}: ${String(label)}`,
  );
  assert.deepEqual(hints, [
    "1: keeps out 1 file · 2 kB",
    "2: brings back 1 file · 30 B",
    "3: keeps nothing out",
    "4: brings nothing back",
    "5: 7 files · 6.6 kB are sent",
  ]);
});

test("a text that changes is counted anew, and a changed context after forget()", async () => {
  const language = new DockerignoreLanguage();
  const label = async (text: string): Promise<string> =>
    String((await language.inlays({ uri: "", path: join(folder, ".dockerignore"), text, version: 1 }))[0]!.label);
  assert.equal(await label("late\n"), "keeps nothing out");
  writeFileSync(join(folder, "late"), "four");
  language.forget();
  assert.equal(await label("late\n"), "keeps out 1 file · 4 B");
  rmSync(join(folder, "late"));
});

test("contextTree() is what the unsaved text lets through; a Dockerfile's own ignore file counts alone", async () => {
  const tree = async (path: string, texts: Record<string, string>) =>
    contextTree(join(folder, path), { walk: (directory) => walkContext(directory), opened: (file) => texts[file] });
  const shared = await tree("Dockerfile", { [join(folder, ".dockerignore")]: "**/*.log\nlink" });
  assert.deepEqual(shared.sent.map(({ path }) => path).toSorted(), ["Dockerfile", "app.js", "lib/c.js", "logs/keep.txt"]);
  assert.deepEqual(shared.leftOut, { files: 4, sizeBytes: 8007 });
  assert.deepEqual([shared.ignoreFile, shared.always], [join(folder, ".dockerignore"), [".dockerignore", "Dockerfile"]]);
  const own = await tree("Dockerfile", { [join(folder, ".dockerignore")]: "lib", [join(folder, "Dockerfile.dockerignore")]: "logs" });
  assert.deepEqual([own.ignoreFile, own.leftOut.files], [join(folder, "Dockerfile.dockerignore"), 2]);
});

test("heaviest() adds folders up", () => {
  assert.deepEqual(heaviest(walk.files, "").slice(0, 3), [
    { path: "lib", sizeBytes: 5400 },
    { path: "logs", sizeBytes: 2030 },
    { path: "a.log", sizeBytes: 1000 },
  ]);
  assert.deepEqual(heaviest(walk.files, "lib")[0], { path: "lib/deep", sizeBytes: 5000 });
  assert.deepEqual(heaviest(walk.files, "app.js"), []);
});

/** The ignore file after an edit. */
function edited(edit: WorkspaceEdit, text: string): string {
  const edits = edit.changes ? Object.values(edit.changes)[0]! : (edit.documentChanges as [unknown, TextDocumentEdit])[1].edits;
  return applyEdits(text, edits as TextEdit[]);
}

test("ignoreHeaviest() offers what weighs most and is sent, and its edit keeps that out", async () => {
  const path = join(folder, "Dockerfile");
  const rooms = (text: string | undefined) => ({ walk: () => Promise.resolve(walk), opened: () => text });
  const titles = async (folders: string[], text?: string): Promise<string[]> =>
    (await ignoreHeaviest(path, folders, rooms(text))).map(({ title }) => title);
  assert.deepEqual(await titles([""]), [
    "Ignore lib (5.4 kB) in .dockerignore",
    "Ignore logs (2 kB) in .dockerignore",
    "Ignore a.log (1 kB) in .dockerignore",
  ]);
  assert.deepEqual(await titles(["lib"], "**/d.log"), ["Ignore lib/c.js (400 B) in Dockerfile.dockerignore"]);
  assert.deepEqual([await titles([]), await titles(["app.js"])], [[], []]);
  const [action] = await ignoreHeaviest(path, [""], rooms(undefined));
  const text = edited(action!.edit!, "");
  assert.equal(text, "lib\n");
  const [created] = action!.edit!.documentChanges as [{ kind: string; uri: string }];
  assert.deepEqual([created.kind, fileURLToPath(created.uri)], ["create", join(folder, ".dockerignore")]);
  assert.ok(!(await ruleTotals(text, walk, always)).sent.some(({ path: sent }) => sent.startsWith("lib/")));
});

test("appendRule() begins a line of its own, and rulePattern() means only its path", async () => {
  const file = { path: join(folder, ".dockerignore"), text: "a" };
  assert.equal(edited(appendRule(file, "b"), "a"), "a\nb\n");
  assert.equal(edited(appendRule({ ...file, text: "a\n" }, "b"), "a\n"), "a\nb\n");
  for (const name of ["a*b", "#x", "!y", "[z]", "q?"]) {
    const one = {
      files: [
        { path: name, sizeBytes: 1 },
        { path: "aXb", sizeBytes: 1 },
        { path: "z", sizeBytes: 1 },
        { path: "qq", sizeBytes: 1 },
      ],
      cut: false,
    };
    const { sent } = await ruleTotals(rulePattern(name), one, []);
    assert.deepEqual(
      sent.map(({ path }) => path),
      ["aXb", "z", "qq"],
      name,
    );
  }
});
