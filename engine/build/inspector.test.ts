import assert from "node:assert/strict";
import { existsSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { cannotBuild, fileRooms } from "../../test/support/busybox-builds.ts";
import { openBuildRooms } from "../../test/support/build-rooms.ts";
import type { PredictRequest } from "../api/types/builds.ts";
import type { BuildProgress } from "./builder.ts";

const skip = cannotBuild;
const { signal } = new AbortController();
const rooms = await fileRooms();

/** `instruction` → outcome and reason, of the steps that do something. */
async function predicted(contextDir: string, more: Partial<PredictRequest> = {}): Promise<Record<string, string>> {
  const { steps } = await rooms.builder.predict({ contextDir, ...more }, signal);
  const doing = steps.filter(({ kind }) => ["run", "copy", "workdir"].includes(kind));
  return Object.fromEntries(doing.map(({ instruction, outcome, reason }) => [instruction, reason ? `${outcome}: ${reason}` : outcome]));
}

const Dockerfile =
  "FROM busybox AS make\nARG WHO=me\nCOPY src /src\nRUN echo $WHO > /out\nCOPY other /other\nFROM scratch\nCOPY --from=make /out /out\n";

test("a prediction says what a build will run, why, and how long it took; a build then does so", { skip }, async () => {
  const context = rooms.context({ Dockerfile, "src/a": "a", other: "o", ".dockerignore": "*.log\n" });
  assert.deepEqual(await predicted(context), {
    "COPY src /src": "runs: it was not built before",
    "RUN echo $WHO > /out": "runs: it was not built before",
    "COPY other /other": "runs: it was not built before",
    "COPY --from=make /out /out": 'unknown: it reads stage "make", which will run',
  });
  await rooms.build(context);
  const cached = { "COPY src /src": "cached", "RUN echo $WHO > /out": "cached", "COPY other /other": "cached" };
  assert.deepEqual(await predicted(context), { ...cached, "COPY --from=make /out /out": "cached" });
  assert.deepEqual(await predicted(context, { buildArgs: { WHO: "you" } }), {
    ...cached,
    "RUN echo $WHO > /out": 'runs: argument "WHO" changed',
    "COPY other /other": "runs: the step before it changed: RUN echo $WHO > /out",
    "COPY --from=make /out /out": 'unknown: it reads stage "make", which will run',
  });
  writeFileSync(join(context, "other"), "changed");
  const { steps, runs, unknown, lastMs } = await rooms.builder.predict({ contextDir: context });
  const copy = steps.find(({ instruction }) => instruction === "COPY other /other")!;
  assert.deepEqual(copy.causes, [{ kind: "file", name: "other", change: "content" }]);
  assert.deepEqual([runs, unknown, lastMs, copy.lastBytes], [1, 1, copy.lastMs! + lastMs - copy.lastMs!, 1]);
  const { events } = await rooms.build(context);
  const ran = events.flatMap((event) => (event.type === "end" && !event.cached ? [event.reason] : []));
  assert.ok(ran.includes('file "other" changed'));
});

test("a prediction reads an editor's text instead of the file, and changes nothing", { skip }, async () => {
  const context = rooms.context({ Dockerfile: "FROM busybox\nRUN echo one\n" });
  await rooms.build(context);
  const before = (await rooms.builder.inspector.list()).length;
  const edited = "FROM busybox\nRUN echo two\nADD http://example.invalid/x /x\n";
  assert.deepEqual(await predicted(context, { text: edited }), {
    "RUN echo two": "runs: the instruction changed",
    "ADD http://example.invalid/x /x": "unknown: only a build looks at http://example.invalid/x",
  });
  assert.deepEqual(await predicted(context, { text: "FROM nothere\nRUN echo one\n" }), {
    "RUN echo one": 'unknown: the image "nothere" is not here yet',
  });
  assert.deepEqual(await predicted(context), { "RUN echo one": "cached" });
  assert.equal((await rooms.builder.inspector.list()).length, before);
  await assert.rejects(rooms.builder.predict({ contextDir: context, text: "FRM x" }), /unknown instruction: FRM/);
  await assert.rejects(rooms.builder.predict({ contextDir: "relative" }), /has to be an absolute path/);
  await assert.rejects(rooms.builder.predict({ contextDir: "/nosuch/dir" }), /"\/nosuch\/dir" is not there/);
});

test("what .dockerignore lets in or keeps out is explained by it", { skip }, async () => {
  const context = rooms.context({
    Dockerfile: "FROM scratch\nCOPY . /\n",
    a: "",
    "b.log": "",
    ".dockerignore": "Dockerfile\n.dockerignore\n",
  });
  await rooms.build(context);
  writeFileSync(join(context, ".dockerignore"), "Dockerfile\n.dockerignore\n*.log\n");
  assert.deepEqual(await predicted(context), { "COPY . /": 'runs: file ".dockerignore" changed, file "b.log" is gone' });
});

test("steps are opened: environment, files, changes; a path does not leave them", { skip }, async () => {
  const context = rooms.context({
    Dockerfile:
      "FROM busybox\nENV COLOR=red\nWORKDIR /srv\nRUN --mount=type=secret,id=key --mount=type=cache,target=/c mkdir d && echo hello > d/f && ln -s ../../../../etc d/link && rm /bin/wget\nUSER 7\n",
  });
  await rooms.build(context);
  const { inspector } = rooms.builder;
  assert.deepEqual(await inspector.changes("latest", "0.2", signal), [
    { path: "/bin", kind: "modified", type: "directory", sizeBytes: 0 },
    { path: "/bin/wget", kind: "deleted" },
    { path: "/srv", kind: "modified", type: "directory", sizeBytes: 0 },
    { path: "/srv/d", kind: "added", type: "directory", sizeBytes: 0 },
    { path: "/srv/d/f", kind: "added", type: "file", sizeBytes: 6 },
    { path: "/srv/d/link", kind: "added", type: "symlink", sizeBytes: 0 },
  ]);
  const files = await inspector.files("latest", "0.3", "/srv/d");
  assert.deepEqual(
    files.map(({ name, type, mode, target }) => [name, type, mode.toString(8), target]),
    [
      ["f", "file", "644", undefined],
      ["link", "symlink", "777", "../../../../etc"],
    ],
  );
  assert.equal(await text((await inspector.readFile("latest", "0.2", "/srv/../../../srv/d/f")).content), "hello\n");
  assert.deepEqual(await inspector.files("latest", "0.2", "/srv/d/link"), await inspector.files("latest", "0.2", "/etc"));
  await assert.rejects(inspector.readFile("latest", "0.1", "/srv/d/f"), /No such file or directory/);
  await assert.rejects(inspector.readFile("latest", "0.2", "/srv/d"), /is not a file/);
  await assert.rejects(inspector.files("latest", "9.9", "/"), /No such step: 9\.9/);
  const environment = await inspector.environment("latest", "0.2");
  assert.deepEqual(environment.env, ["PATH=/bin", "COLOR=red"]);
  assert.equal(environment.workingDir, "/srv");
  assert.deepEqual(
    environment.mounts.map(({ type, target, missing }) => [type, target, missing]),
    [
      ["secret", "/run/secrets/key", "secrets are never kept: give it again"],
      ["cache", "/c", undefined],
    ],
  );
  assert.equal((await inspector.environment("latest", "0.3")).user, "7");
  assert.match(await inspector.dockerfile("latest"), /^FROM busybox\nENV COLOR=red\n/);
  assert.ok(
    (await rooms.snapshots.keys()).every((key) => !key.startsWith("build-look")),
    "nothing stays mounted",
  );
});

test("a build is followed from its beginning to its end, also after it", { skip }, async () => {
  const context = rooms.context({ Dockerfile: "FROM busybox\nRUN echo one; sleep 0.2; echo two\nRUN exit 3\n" });
  const { inspector } = rooms.builder;
  const seen = Promise.withResolvers<string>();
  const stop = inspector.watch((record) => record.status === "running" && seen.resolve(record.id));
  const building = rooms.build(context, { noCache: true });
  building.catch(() => undefined);
  const id = await seen.promise;
  stop();
  const all = async (): Promise<BuildProgress[]> => {
    const events: BuildProgress[] = [];
    for await (const event of inspector.progress(id, signal)) events.push(event);
    return events;
  };
  const live = await all();
  await assert.rejects(building);
  const summary = (events: readonly BuildProgress[]): unknown => [
    events[0],
    events.map((event) => (event.type === "log" ? event.data : "")).join(""),
    events.flatMap((event) => (event.type === "end" ? [[event.step, event.error]] : [])),
    events.at(-1),
  ];
  const failure = "The command '/bin/sh -c exit 3' returned a non-zero code: 3";
  const want = [
    { type: "build", id },
    "one\ntwo\n",
    [
      ["0.from", undefined],
      ["0.0", undefined],
      ["0.1", failure],
    ],
    { type: "finish", status: "failed", error: failure },
  ];
  assert.deepEqual(summary(live), want);
  assert.deepEqual(summary(await all()), want);
  await inspector.remove(id);
  await assert.rejects(inspector.get(id), /No such build/);
});

test("a COPY of many files shares those that did not change with its last layer, and is the same as a new one", { skip }, async () => {
  const files = Object.fromEntries(Array.from({ length: 80 }, (_, index) => [`src/d${index % 4}/f${index}`, `content ${index}`]));
  const context = rooms.context({ ...files, Dockerfile: "FROM scratch\nCOPY src /src\n" });
  await rooms.build(context);
  writeFileSync(join(context, "src/d1/f5"), "changed");
  rmSync(join(context, "src/d2/f6"));
  const shared = (await rooms.build(context)).image;
  const root = await rooms.snapshots.view("look", shared.layers[0]!.chainId);
  const [kept, changed] = [statSync(join(root, "src/d0/f4")), statSync(join(root, "src/d1/f5"))];
  const times = statSync(join(root, "src/d1")).mtimeMs;
  await rooms.snapshots.remove("look");
  assert.deepEqual([kept.nlink, changed.nlink, existsSync(join(root, "src/d2/f6"))], [2, 1, false]);
  assert.equal(times, Math.floor(statSync(join(context, "src/d1")).mtimeMs / 1000) * 1000);
  const fresh = (await rooms.build(context, { noCache: true, contextName: "another" })).image;
  assert.equal(fresh.layers[0]!.diffId, shared.layers[0]!.diffId);
});

test("SOURCE_DATE_EPOCH makes two builds the same image", { skip }, async () => {
  const dockerfile =
    "FROM busybox\nCOPY a /d/a\nRUN echo b > /b && touch /tmp/gone && rm /tmp/gone && mkdir -p /é/c && ln -s nowhere /é/c/link\nLABEL x=y\n";
  const context = rooms.context({ Dockerfile: dockerfile, a: "a" });
  const options = { noCache: true, buildArgs: { SOURCE_DATE_EPOCH: "1700000000" } };
  const first = (await rooms.build(context, options)).image;
  utimesSync(join(context, "a"), 1_800_000_000, 1_800_000_000);
  // Tars tell whole seconds: until the next one begins.
  for (const built = wholeSeconds(); wholeSeconds() === built;) await new Promise((resolve) => setImmediate(resolve));
  const second = (await rooms.build(context, options)).image;
  assert.equal(second.id, first.id);
  assert.equal(first.config.created, "2023-11-14T22:13:20.000Z");
});

test("the cache stays within its budget: what was used longest ago goes", { skip }, async () => {
  const small = await openBuildRooms({ cacheBytes: 3000 });
  try {
    const context = small.context({ Dockerfile: "FROM scratch\nCOPY a /a\n", a: "" });
    for (const letter of ["a", "b", "c", "d", "e"]) {
      writeFileSync(join(context, "a"), letter.repeat(1000));
      await small.build(context, { tags: [] });
      for (const image of await small.images.list()) await small.images.remove(image.id, { force: true, prune: true });
    }
    const kept = (await small.builder.cache()).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    assert.ok(kept <= 3000, `${kept} bytes`);
    const { steps } = await small.builder.predict({ contextDir: context });
    assert.equal(steps.at(-1)!.outcome, "cached", "the newest stays");
  } finally {
    await small.close();
  }
});

function wholeSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
