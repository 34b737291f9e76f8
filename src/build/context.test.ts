import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { packContext } from "./context.ts";

const files = {
  Dockerfile: "FROM scratch",
  "a.txt": "a",
  "empty.txt": "",
  "src/b.txt": "bb",
  "node_modules/x/index.js": "x",
  "node_modules/x/keep.js": "k",
  "docker/web.Dockerfile": "FROM scratch",
};

/** Names in the tar, as GNU tar reads it. */
async function names(ignore: Record<string, string>, dockerfile = "Dockerfile"): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), "berth-context-"));
  try {
    for (const [name, text] of Object.entries({ ...files, ...ignore })) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), text);
    }
    symlinkSync("../nowhere", join(directory, "src/link"));
    const tar = await buffer(packContext(directory, dockerfile));
    return execFileSync("tar", ["tf", "-"], { input: tar, encoding: "utf8" }).trim().split("\n");
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const everything = [
  "Dockerfile",
  "a.txt",
  "docker/",
  "docker/web.Dockerfile",
  "empty.txt",
  "node_modules/",
  "node_modules/x/",
  "node_modules/x/index.js",
  "node_modules/x/keep.js",
  "src/",
  "src/b.txt",
  "src/link",
];

const cases: [string, Record<string, string>, string, string[]][] = [
  ["everything", {}, "Dockerfile", everything],
  [
    "not what is ignored",
    { ".dockerignore": "node_modules\n*.txt\n" },
    "Dockerfile",
    [".dockerignore", "Dockerfile", "docker/", "docker/web.Dockerfile", "src/", "src/b.txt", "src/link"],
  ],
  [
    "exceptions below an ignored folder",
    { ".dockerignore": "node_modules\n!node_modules/x/keep.js\nsrc\ndocker\n*.txt" },
    "Dockerfile",
    [".dockerignore", "Dockerfile", "node_modules/x/keep.js"],
  ],
  ["a Dockerfile that is ignored itself", { ".dockerignore": "**" }, "docker/web.Dockerfile", [".dockerignore", "docker/web.Dockerfile"]],
  [
    "by the Dockerfile's own ignore file",
    { ".dockerignore": "src", "docker/web.Dockerfile.dockerignore": "*\n!a.txt" },
    "docker/web.Dockerfile",
    [".dockerignore", "a.txt", "docker/web.Dockerfile", "docker/web.Dockerfile.dockerignore"],
  ],
];

for (const [name, ignore, dockerfile, want] of cases)
  test(`packContext() sends ${name}`, async () => assert.deepEqual((await names(ignore, dockerfile)).toSorted(), want.toSorted()));

test("packContext() fails with the reason", async () => {
  await assert.rejects(buffer(packContext("/nowhere/at/all", "Dockerfile")), /ENOENT/);
});
