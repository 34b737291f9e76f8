import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { spreadChildren } from "./descriptor.ts";
import { makeDirectory, readJson, removeTree, sweepUnfinished, writeFileAtomic, writeJson } from "./files.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-files-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("writeFileAtomic() replaces the content and leaves nothing beside it", async () => {
  const directory = join(folder, "atomic");
  await makeDirectory(directory);
  const path = join(directory, "state.json");
  await writeJson(path, { a: 1 });
  await Promise.all([writeJson(path, { a: 2 }), writeJson(path, { a: 3 })]);
  assert.match(readFileSync(path, "utf8"), /^\{"a":[23]\}\n$/);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(directory), ["state.json"]);
});

test("writeFileAtomic() keeps the old file when it fails", async () => {
  const directory = join(folder, "fails");
  await makeDirectory(join(directory, "taken"));
  await assert.rejects(writeFileAtomic(join(directory, "taken"), "x"), { code: "EISDIR" });
  assert.deepEqual(readdirSync(directory), ["taken"]);
});

test("spreadChildren() gives ext4 its hint, and leaves file systems alone that take none", (t) => {
  spreadChildren("/proc");
  spreadChildren(folder);
  if (statfsSync(folder).type !== 0xef53) return t.skip("needs ext4");
  assert.match(execFileSync("lsattr", ["-d", folder], { encoding: "utf8" }), /^\S*T/);
});

test("sweepUnfinished() removes only what a crash left", async () => {
  const directory = join(folder, "sweep");
  await makeDirectory(directory);
  writeFileSync(join(directory, "a.json.unfinished-0011"), "");
  writeFileSync(join(directory, "a.json"), "{}");
  await sweepUnfinished(directory);
  assert.deepEqual(readdirSync(directory), ["a.json"]);
  await sweepUnfinished(join(folder, "absent"));
});

test("readJson() tells no file from a broken one", async () => {
  assert.equal(await readJson(join(folder, "none")), undefined);
  writeFileSync(join(folder, "broken"), "{");
  await assert.rejects(readJson(join(folder, "broken")), { name: "SyntaxError", message: /^Cannot read ".*broken": / });
});

test("removeTree() does not follow symlinks and may be called twice", async () => {
  const directory = join(folder, "tree");
  await makeDirectory(join(directory, "deep/er"));
  writeFileSync(join(folder, "kept"), "kept");
  symlinkSync(folder, join(directory, "deep/link"));
  await removeTree(directory);
  await removeTree(directory);
  assert.equal(readFileSync(join(folder, "kept"), "utf8"), "kept");
});
