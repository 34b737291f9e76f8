/** What an engine that is not Berth's cannot do is said in a sentence, and a failed build there has its line. */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runBuild } from "../../../src/build/run.ts";
import { inside, scratch } from "./inside.ts";
import { run } from "./prompts.ts";

/** @param there the command, on that engine */
export async function refusals(there: (...args: string[]) => Promise<string>): Promise<void> {
  const wrong = join(scratch, "wrong");
  mkdirSync(wrong, { recursive: true });
  writeFileSync(join(wrong, "Dockerfile"), "FROM busybox\n\nRUN exit 3\n");
  const signal = new AbortController().signal;
  const target = { directory: wrong, dockerfile: "Dockerfile", name: "wrong:1" };
  await assert.rejects(runBuild(await inside(), target, { signal, say: () => {} }), { line: 3 });
  for (const command of ["build.show", "build.forget"])
    assert.deepEqual((await run(command, [], [], true)).errors, ["Only Berth's own engine remembers its builds"]);
  await there("volume", "create", "lonely");
  const archive = [join(scratch, "lonely.tar")];
  assert.deepEqual((await run("volume.backUp", ["lonely"], archive, true)).errors, ["Only Berth's own engine makes archives of volumes"]);
  await run("volume.prune", [], ["Remove"]);
  assert.equal(await there("volume", "ls", "-q"), "");
  assert.match((await run("image.checkUpdates", [], [], true)).messages.join(), /No image/);
}
