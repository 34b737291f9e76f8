/**
 * What the builder remembers between builds changes nothing but the time: after any changes a build makes the layer that a
 * builder without memory makes, runs when something that counts has changed, and says what.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, mock, test } from "node:test";
import { openBuildRooms } from "../../test/support/build-rooms.ts";
import type { BuildRooms } from "../../test/support/build-rooms.ts";
import type { Image } from "../images/images.ts";
import { generator } from "../../test/support/random.ts";

const skip = process.getuid!() !== 0 && "needs root";
const RUNS = Number(process.env["BERTH_PROPERTY_RUNS"] ?? 1);
const ROUNDS = 8;
let rooms: BuildRooms;

before(async () => {
  if (skip) return;
  // What changed within the last two seconds is never remembered: let it be later.
  mock.timers.enable({ apis: ["Date"], now: Date.now() + 60_000 });
  rooms = await openBuildRooms();
});
after(async () => {
  mock.timers.reset();
  if (!skip) await rooms.close();
});

type Change = (at: { context: string; file: string; other: string; text: string }) => string | undefined;

/** Each returns the path that the reason names, or nothing when the change does not count. */
const changes: Readonly<Record<string, Change>> = {
  content: ({ context, file, text }) => (writeFileSync(join(context, file), text), file),
  "content of the same size, with the time set back": ({ context, file }) => {
    const { atime, mtime, size } = statSync(join(context, file));
    writeFileSync(join(context, file), Buffer.alloc(size, String(Math.random())));
    utimesSync(join(context, file), atime, mtime);
    return file;
  },
  mode: ({ context, file }) => (chmodSync(join(context, file), statSync(join(context, file)).mode ^ 0o111), file),
  time: ({ context, file }) => (utimesSync(join(context, file), 1, 1), undefined),
  "new file": ({ context, text }) => (writeFileSync(join(context, `new-${text}`), text), `new-${text}`),
  gone: ({ context, file }) => (rmSync(join(context, file)), file),
  renamed: ({ context, file }) => (renameSync(join(context, file), join(context, `${file}-renamed`)), file),
  "a directory in its place": ({ context, file }) => {
    rmSync(join(context, file));
    mkdirSync(join(context, file));
    return file;
  },
  "a link in its place": ({ context, file, other }) => {
    rmSync(join(context, file));
    symlinkSync(other, join(context, file));
    return file;
  },
  nothing: () => undefined,
};

/** More files than it takes for the layers to share, some with names that need an extended header. */
function fill(context: string): string[] {
  const names = Array.from({ length: 80 }, (_, index) => `d${index % 4}/${index % 9 === 0 ? "long-".repeat(25) : "f"}${index}`);
  for (const name of names) {
    mkdirSync(join(context, name, ".."), { recursive: true });
    writeFileSync(join(context, name), `${name}\n`.repeat(1 + (name.length % 7)));
  }
  return names;
}

for (let seed = 1; seed <= RUNS; seed++)
  test(`builds that remember make what builds without memory make (${seed})`, { skip }, async () => {
    const random = generator(seed);
    const pick = <T>(of: readonly T[]): T => of[random(of.length)]!;
    const context = rooms.context({ Dockerfile: "FROM scratch\nCOPY . /app/\n", ".dockerignore": "Dockerfile\n" });
    const names = fill(context);
    // Times are no part of what is compared: an unchanged layer keeps those of its first build.
    const options = { contextName: `seed-${seed}`, buildArgs: { SOURCE_DATE_EPOCH: "1" } };
    await rooms.build(context, options);
    for (let round = 0; round < ROUNDS; round++) {
      const [name, change] = pick(Object.entries(changes));
      const [file, other] = [pick(names), pick(names)];
      // The build is announced at some moment around the change; another announcement's look counts for nobody.
      const [before, id] = [random(2) === 0, `${seed}-${round}`];
      const announce = async (): Promise<void> => {
        rooms.builder.expect({ id: random(4) === 0 ? "another" : id, contextDir: context });
        for (let turn = random(3); turn > 0; turn--) await new Promise(setImmediate);
      };
      if (before) await announce();
      const named = change({ context, file, other, text: `${seed}-${round}` });
      if (!before) await announce();
      if (!statSync(join(context, file), { throwIfNoEntry: false })?.isFile()) names.splice(names.indexOf(file), 1);
      const { image, events } = await rooms.build(context, { ...options, announced: id });
      const end = events.findLast((event) => event.type === "end" && event.step === "0.0");
      assert.ok(end?.type === "end");
      assert.equal(end.cached, named === undefined, name);
      if (named !== undefined) assert.ok(end.reason?.includes(named), `${name}: ${end.reason}`);
      const fresh = await openBuildRooms();
      try {
        const { image: expected } = await fresh.build(context, options);
        assert.deepEqual(image.config.rootfs.diff_ids, expected.config.rootfs.diff_ids, name);
      } finally {
        await fresh.close();
      }
    }
  });

test("of two builds at once, one that begins after a change has it", { skip }, async () => {
  const context = rooms.context({ Dockerfile: "FROM scratch\nCOPY . /app/\n", ".dockerignore": "Dockerfile\n" });
  fill(context);
  const options = { contextName: "two at once", buildArgs: { SOURCE_DATE_EPOCH: "1" } };
  const layer = (image: Image): string | undefined => image.config.rootfs.diff_ids[0];
  let last = layer((await rooms.build(context, options)).image);
  for (let round = 0; round < 4; round++) {
    const build = (id: string): Promise<string | undefined> => {
      rooms.builder.expect({ id, contextDir: context });
      return rooms.build(context, { ...options, announced: id }).then(({ image }) => layer(image));
    };
    const first = build(`first-${round}`);
    for (let turn = 0; turn < round; turn++) await new Promise(setImmediate);
    // In one go, so that nobody reads half of it.
    writeFileSync(`${context}-new`, String(round));
    renameSync(`${context}-new`, join(context, "d1/f1"));
    const [one, other] = await Promise.all([first, build(`second-${round}`)]);
    const now = layer((await rooms.build(context, options)).image);
    assert.notEqual(now, last);
    assert.equal(other, now);
    assert.ok(one === now || one === last, "the first has the files as they were or as they are");
    last = now;
  }
});
