/** Contexts that are no directory, and named ones. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import { cannotBuild, ended, logs, fileRooms, within } from "../../test/support/busybox-builds.ts";
import { receiveContext } from "./tar-tree.ts";

const skip = cannotBuild;
const rooms = await fileRooms();

test("a context can come as a tar", { skip }, async () => {
  const source = rooms.context({
    Dockerfile: "FROM busybox\nCOPY . /c\nRUN cat /c/dir/a\n",
    ".dockerignore": "skip",
    "dir/a": "from a tar\n",
    skip: "",
  });
  symlinkSync("dir/a", join(source, "link"));
  execFileSync("ln", [join(source, "dir/a"), join(source, "hard")]);
  const send = (name: string): Promise<string> =>
    receiveContext(Readable.from([execFileSync("tar", ["-C", source, "-cz", "."])]), join(rooms.directory, name));
  const { image, events } = await rooms.build(await send("received-1"), { contextName: "tarred" });
  assert.equal(logs(events), "from a tar\n");
  await within(rooms, image, (root) => {
    assert.deepEqual(readdirSync(join(root, "c")), [".dockerignore", "Dockerfile", "dir", "hard", "link"]);
    assert.equal(statSync(join(root, "c/hard")).ino, statSync(join(root, "c/dir/a")).ino);
  });
  const second = await rooms.build(await send("received-2"), { contextName: "tarred" });
  assert.deepEqual(
    Object.values(ended(second.events)).filter((end) => end !== "cached"),
    [],
  );
  const direct = await rooms.build(source);
  assert.deepEqual(
    Object.values(ended(direct.events)).filter((end) => end !== "cached"),
    [],
    "a directory has the same keys",
  );
});

test("a malformed context is refused", { skip }, async () => {
  await assert.rejects(
    receiveContext(Readable.from([Buffer.from("not a tar at all".repeat(100))]), join(rooms.directory, "bad")),
    /invalid tar header/,
  );
});

test("named contexts stand for --from and FROM", { skip }, async () => {
  const other = rooms.context({ file: "from the other context\n" });
  const context = rooms.context({ Dockerfile: "FROM base\nCOPY --from=other file /file\nRUN cat /file\n" });
  const { events } = await rooms.build(context, { contexts: { other: { dir: other }, base: { image: "busybox" } } });
  assert.equal(logs(events), "from the other context\n");
});
