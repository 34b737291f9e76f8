/** What runs again, and the reason that is given: the cache of steps. */
import assert from "node:assert/strict";
import { chmodSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { again, cannotBuild, ended, fileRooms } from "../../test/support/busybox-builds.ts";
import { topLayer } from "../images/images.ts";
import type { BuildRequest } from "./builder.ts";
import type { BuildProgress } from "./builder.ts";

const skip = cannotBuild;
const rooms = await fileRooms();

const chain = "FROM busybox\nARG WHO\nCOPY one /one\nRUN echo first $WHO\nCOPY dir /dir\nRUN echo second\n";

async function chained(): Promise<string> {
  const context = rooms.context({ Dockerfile: chain, one: "1", "dir/a": "a", "dir/b": "b" });
  await rooms.build(context);
  return context;
}

test("a changed file runs its step and those after it, and is named", { skip }, async () => {
  const context = await chained();
  writeFileSync(join(context, "dir/b"), "changed");
  assert.deepEqual(await again(rooms, context), {
    "COPY dir /dir": 'file "dir/b" changed',
    "RUN echo second": "the step before it changed: COPY dir /dir",
  });
  assert.deepEqual(await again(rooms, context), {});
});

test("new and missing files are named", { skip }, async () => {
  const context = await chained();
  rmSync(join(context, "dir/a"));
  writeFileSync(join(context, "dir/c"), "c");
  assert.equal((await again(rooms, context))["COPY dir /dir"], 'file "dir/c" is new, file "dir/a" is gone');
});

test("a changed mode counts, a changed time does not", { skip }, async () => {
  const context = await chained();
  utimesSync(join(context, "dir/a"), 1, 1);
  utimesSync(join(context, "one"), 5, 5);
  assert.deepEqual(await again(rooms, context), {});
  chmodSync(join(context, "dir/a"), 0o755);
  assert.equal((await again(rooms, context))["COPY dir /dir"], 'the mode of "dir/a" changed');
});

test("a build argument counts where a command can see it", { skip }, async () => {
  const context = await chained();
  const ran = await again(rooms, context, { buildArgs: { WHO: "you" } });
  // The first RUN writes nothing, so the COPY after it finds the same files below it and stays.
  assert.deepEqual(Object.keys(ran), ["RUN echo first $WHO", "RUN echo second"]);
  assert.equal(ran["RUN echo first $WHO"], 'argument "WHO" is new');
  assert.equal((await again(rooms, context, { buildArgs: { WHO: "me" } }))["RUN echo first $WHO"], 'argument "WHO" changed');
});

test("a changed instruction and a changed base are named", { skip }, async () => {
  const context = await chained();
  writeFileSync(join(context, "Dockerfile"), chain.replace("echo second", "echo 2nd"));
  assert.deepEqual(await again(rooms, context), { "RUN echo 2nd": "the instruction changed" });
  const base = await rooms.images.get("busybox");
  await rooms.images.create(
    { ...base.config, author: "x" },
    base.layers.map((layer) => layer.descriptor),
    { names: ["busybox:other"] },
  );
  writeFileSync(join(context, "Dockerfile"), chain.replace("FROM busybox", "FROM busybox:other").replace("echo second", "echo 2nd"));
  assert.deepEqual(await again(rooms, context), {}, "the same layers are the same base");
});

test("COPY --link keeps its layer when what is below changes", { skip }, async () => {
  const context = rooms.context({ f: "linked", Dockerfile: "FROM busybox\nRUN echo 1 >/a\nCOPY --link f /d/f\nRUN cat /d/f /a\n" });
  const first = await rooms.build(context);
  writeFileSync(join(context, "Dockerfile"), readFileSync(join(context, "Dockerfile"), "utf8").replace("echo 1", "echo 2"));
  const { steps } = await rooms.builder.predict({ contextDir: context });
  assert.deepEqual(
    steps.filter(({ outcome }) => outcome === "cached").map(({ instruction }) => instruction),
    ["FROM busybox", "COPY --link f /d/f"],
  );
  const second = await rooms.build(context);
  const ended = second.events.flatMap((event) => (event.type === "end" && event.cached ? [event.step] : []));
  assert.deepEqual(ended, ["0.from", "0.1"], "nothing but the base and the link");
  assert.notEqual(second.image.layers[1]!.diffId, first.image.layers[1]!.diffId);
  assert.deepEqual(second.image.layers[2]!.descriptor, first.image.layers[2]!.descriptor);
  const printed = second.events.flatMap((event) => (event.type === "log" ? [event.data] : []));
  assert.equal(printed.join(""), "linked2\n");
  writeFileSync(join(context, "f"), "other");
  const third = await rooms.build(context);
  assert.notEqual(third.image.layers[2]!.diffId, first.image.layers[2]!.diffId);
});

test("--no-cache runs everything", { skip }, async () => {
  const context = await chained();
  const ran = await again(rooms, context, { noCache: true });
  assert.deepEqual(Object.keys(ran), ["COPY one /one", "RUN echo first $WHO", "COPY dir /dir", "RUN echo second"]);
  assert.equal(ran["RUN echo second"], "the cache is switched off");
});

test("the cache survives a restart, and a lost layer is made again", { skip }, async () => {
  const context = rooms.context({ Dockerfile: "FROM busybox\nRUN echo kept > /kept\n" });
  const { image } = await rooms.build(context);
  const builder = await rooms.reopen();
  await builder.sweep();
  const events: BuildProgress[] = [];
  const request = {
    contextDir: context,
    dockerfile: { path: "Dockerfile" },
    tags: [],
    buildArgs: {},
    labels: {},
    noCache: false,
    pull: false,
  };
  await builder.build(request, (event) => events.push(event));
  assert.equal(ended(events)["RUN echo kept > /kept"], "cached");
  await rooms.snapshots.removeLayer(topLayer(image)!);
  assert.deepEqual(await again(rooms, context), { "RUN echo kept > /kept": "nothing changed, but the cache has no result of it" });
});

test("prune() removes what no image uses, and with all the rest", { skip }, async () => {
  const { image } = await rooms.build(rooms.context({ Dockerfile: "FROM busybox\nRUN echo pruned > /pruned\n" }));
  const listed = await rooms.builder.cache();
  assert.ok(listed.some((entry) => entry.description === "RUN echo pruned > /pruned" && entry.inUse && entry.sizeBytes > 0));
  const some = await rooms.builder.prune({ all: false });
  assert.ok(!some.deleted.some((id) => listed.find((entry) => entry.id === id)?.inUse));
  const all = await rooms.builder.prune({ all: true });
  assert.ok(all.deleted.length > 0);
  assert.deepEqual(await rooms.builder.cache(), []);
  assert.ok(await rooms.snapshots.layer(topLayer(image)!), "an image keeps its layers");
});

test("a changed .dockerignore is named, a secret counts by its id and not by its content", { skip }, async () => {
  const dockerfile = (id: string): string => `FROM busybox\nCOPY dir /dir\nRUN --mount=type=secret,id=${id} true\nRUN true\n`;
  const context = rooms.context({ Dockerfile: dockerfile("a"), "dir/a": "1", "dir/b": "2" });
  const options = (content: string): Partial<BuildRequest> => ({ secret: () => Promise.resolve(Buffer.from(content)) });
  await rooms.build(context, options("1"));
  assert.deepEqual(await again(rooms, context, options("2")), {});
  writeFileSync(join(context, ".dockerignore"), "dir/b\n");
  const ignored = await again(rooms, context, options("2"));
  assert.equal(ignored["COPY dir /dir"], 'file ".dockerignore" changed, file "dir/b" is gone');
  writeFileSync(join(context, "Dockerfile"), dockerfile("b"));
  assert.deepEqual(await again(rooms, context, options("2")), {
    // It leaves the same layer as before, so what follows need not run.
    "RUN --mount=type=secret,id=b true": 'secret "a" is gone, secret "b" is new',
  });
});
