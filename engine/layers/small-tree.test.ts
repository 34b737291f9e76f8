import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { removeSmallTree } from "./small-tree.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-tree-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function tree(name: string): string {
  const path = join(folder, name);
  mkdirSync(join(path, "a/b"), { recursive: true });
  writeFileSync(join(path, "a/b/file"), "x");
  return path;
}

test("removeSmallTree() deletes links, odd names and directories, and follows nothing", () => {
  const kept = tree("kept");
  const path = tree("small");
  symlinkSync(kept, join(path, "a/link"));
  writeFileSync(Buffer.concat([Buffer.from(`${path}/`), Buffer.from([0xff, 0x0a])]), "");
  assert.equal(removeSmallTree(path), true);
  assert.equal(existsSync(path), false);
  assert.equal(existsSync(join(kept, "a/b/file")), true);
});

test("removeSmallTree() leaves many files, and a large one, to somebody else", () => {
  const many = tree("many");
  for (let at = 0; at < 200; at += 1) writeFileSync(join(many, `${at}`), "");
  const large = tree("large");
  truncateSync(join(large, "a/b/file"), 64 << 20);
  for (const path of [many, large]) {
    assert.equal(removeSmallTree(path), false);
    assert.equal(existsSync(path), true);
  }
});
