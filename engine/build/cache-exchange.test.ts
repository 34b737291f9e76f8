/** Caches that leave one engine and are used by another. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { cannotBuild, openBusyboxBuilds } from "../../test/support/busybox-builds.ts";
import type { BuildRooms } from "../../test/support/build-rooms.ts";
import { realRegistry } from "../../test/support/registry.ts";
import type { BuildProgress, BuildRequest } from "./builder.ts";

const skip = cannotBuild;

const FILES = {
  Dockerfile: [
    "FROM busybox AS tools",
    "RUN echo tool > /tool",
    "FROM busybox",
    "WORKDIR /srv",
    "COPY a.txt b.txt ./",
    "RUN cat a.txt b.txt > both && date > when",
    "COPY --from=tools /tool /tool",
    'CMD ["cat", "both"]',
  ].join("\n"),
  "a.txt": "a",
  "b.txt": "b",
};

/** Engines that have the same base image and nothing else in common. */
async function twoEngines(t: TestContext): Promise<[BuildRooms, BuildRooms]> {
  const engines = [await openBusyboxBuilds(), await openBusyboxBuilds()] as const;
  for (const rooms of engines) t.after(() => rooms.close());
  return [...engines];
}

function cachedSteps(events: readonly BuildProgress[]): string[] {
  const steps = new Map(events.flatMap((event) => (event.type === "plan" ? event.steps.map((step) => [step.id, step] as const) : [])));
  return events.flatMap((event) => {
    if (event.type !== "end") return [];
    const { kind, instruction } = steps.get(event.step)!;
    return ["run", "copy", "workdir"].includes(kind) ? [`${event.cached ? "cached" : "ran"} ${instruction.split(" ", 1)[0]}`] : [];
  });
}

function warnings(events: readonly BuildProgress[]): string[] {
  return events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
}

type Caches = Pick<BuildRequest, "cacheFrom" | "cacheTo">;

/** Builds on the first with `to`, then on the second with `from`. */
async function exchange(engines: readonly [BuildRooms, BuildRooms], { cacheTo, cacheFrom }: Caches, between?: () => Promise<void>) {
  const [first, second] = engines;
  const made = await first.build(first.context(FILES), { cacheTo: cacheTo!, tags: ["made:1"] });
  await between?.();
  const used = await second.build(second.context(FILES), { cacheFrom: cacheFrom! });
  return { made: made.image, used: used.image, steps: cachedSteps(used.events).toSorted(), warnings: warnings(used.events) };
}

const ALL_CACHED = ["cached COPY", "cached COPY", "cached RUN", "cached RUN", "cached WORKDIR"];
const how = { all: true, ignoreError: false };

test("a directory carries the cache of all stages to another engine", { skip }, async (t) => {
  const engines = await twoEngines(t);
  const directory = join(engines[0].directory, "kept");
  const place = { type: "local", directory, tag: "latest" } as const;
  const { made, used, steps } = await exchange(engines, { cacheTo: [{ ...place, ...how }], cacheFrom: [place] });
  assert.deepEqual(steps, ALL_CACHED);
  assert.deepEqual(used.config.rootfs, made.config.rootfs);
  assert.deepEqual(used.config.history!.slice(1), made.config.history!.slice(1), "it is as old as where it was made");
  assert.equal(engines[1].steps.ran.length, 0);
  const { manifests } = JSON.parse(readFileSync(join(directory, "index.json"), "utf8")) as { manifests: { digest: string }[] };
  assert.equal(manifests.length, 1);

  await t.test("a changed file runs what depends on it, nothing else", async () => {
    const changed = await engines[1].build(engines[1].context({ ...FILES, "b.txt": "other" }), { cacheFrom: [place] });
    assert.deepEqual(cachedSteps(changed.events).toSorted(), ["cached RUN", "cached WORKDIR", "ran COPY", "ran COPY", "ran RUN"]);
  });
  await t.test("a second cache lies beside the first one", async () => {
    await engines[1].build(engines[1].context(FILES), { cacheTo: [{ ...place, tag: "two", ...how }] });
    const index = JSON.parse(readFileSync(join(directory, "index.json"), "utf8")) as { manifests: unknown[] };
    assert.equal(index.manifests.length, 2);
  });
});

test("what COPY --link made is found again on top of anything", { skip }, async (t) => {
  const [first, second] = await twoEngines(t);
  const place = { type: "local", directory: join(first.directory, "kept"), tag: "latest" } as const;
  const dockerfile = (before: string): Record<string, string> => ({
    Dockerfile: `FROM busybox\nRUN echo ${before} > /before\nCOPY --link a.txt /a/\nCOPY a.txt /b/\n`,
    "a.txt": "a",
  });
  const made = await first.build(first.context(dockerfile("one")), { cacheTo: [{ ...place, ...how }] });
  const used = await second.build(second.context(dockerfile("other")), { cacheFrom: [place] });
  assert.deepEqual(cachedSteps(used.events), ["ran RUN", "cached COPY", "ran COPY"]);
  const [one, other] = [made, used].map(({ image }) => image.config.rootfs.diff_ids);
  assert.equal(other![2], one![2]);
  assert.notEqual(other![1], one![1]);
});

test("a damaged or missing cache is warned about, and the build goes on without", { skip }, async (t) => {
  const engines = await twoEngines(t);
  const directory = join(engines[0].directory, "kept");
  const place = { type: "local", directory, tag: "latest" } as const;
  const missing = { type: "registry", reference: "127.0.0.1:1/no/cache" } as const;
  const damage = async (): Promise<void> => {
    for (const name of readdirSync(join(directory, "blobs/sha256"))) writeFileSync(join(directory, "blobs/sha256", name), "{}");
  };
  const { steps, warnings } = await exchange(engines, { cacheTo: [{ ...place, ...how }], cacheFrom: [place, missing] }, damage);
  assert.ok(steps.every((step) => step.startsWith("ran")));
  assert.match(warnings[0]!, /failed to import the cache of .*kept: .* has other content|neither a build cache nor an image/);
  assert.match(warnings[1]!, /failed to import the cache of 127.0.0.1:1\/no\/cache: .*ECONNREFUSED|connection refused/);
});

test("a layer that cannot be had any more is made", { skip }, async (t) => {
  const engines = await twoEngines(t);
  const directory = join(engines[0].directory, "kept");
  const place = { type: "local", directory, tag: "latest" } as const;
  const lose = async (): Promise<void> => {
    const blobs = join(directory, "blobs/sha256");
    for (const name of readdirSync(blobs)) if (readFileSync(join(blobs, name)).readUInt16BE(0) === 0x1f8b) rmSync(join(blobs, name));
  };
  const { steps, warnings } = await exchange(engines, { cacheTo: [{ ...place, ...how }], cacheFrom: [place] }, lose);
  assert.ok(steps.every((step) => step.startsWith("ran")));
  assert.match(warnings[0]!, /failed to import the cache of .*kept: ENOENT/);
});

test("a registry carries the cache; mode=min only that of the image's own layers", { skip }, async (t) => {
  const engines = await twoEngines(t);
  const host = await realRegistry(t, engines[0].directory);
  if (host === undefined) return;
  const max = { type: "registry", reference: `${host}/app/cache:max` } as const;
  const first = await exchange(engines, { cacheTo: [{ ...max, ...how }, { ...max, reference: `${host}/app/cache:min`, ...how, all: false }], cacheFrom: [max] }); // oxfmt-ignore
  assert.deepEqual(first.warnings, []);
  assert.deepEqual(first.steps, ALL_CACHED);
  assert.deepEqual(first.used.config.rootfs, first.made.config.rootfs);
  const manifest = (await (await fetch(`http://${host}/v2/app/cache/manifests/max`, { headers: { accept: "application/vnd.oci.image.manifest.v1+json" } })).json()) as { config: { mediaType: string }; layers: { mediaType: string }[] }; // oxfmt-ignore
  assert.equal(manifest.config.mediaType, "application/vnd.buildkit.cacheconfig.v0");
  assert.ok(manifest.layers.every(({ mediaType }) => mediaType.endsWith("+gzip")));

  const [third] = await twoEngines(t);
  const used = await third.build(third.context(FILES), { cacheFrom: [{ ...max, reference: `${host}/app/cache:min` }] });
  assert.deepEqual(cachedSteps(used.events).toSorted(), ["cached COPY", "cached COPY", "cached RUN", "cached WORKDIR", "ran RUN"]);
});

test("an image that was pushed carries its own cache", { skip }, async (t) => {
  const engines = await twoEngines(t);
  const host = await realRegistry(t, engines[0].directory);
  if (host === undefined) return;
  const push = async (): Promise<void> => {
    await engines[0].images.tag("made:1", `${host}/app:1`);
    await engines[0].images.push(`${host}/app:1`, {});
  };
  const from = { type: "registry", reference: `${host}/app:1` } as const;
  const { steps, warnings } = await exchange(engines, { cacheTo: [{ type: "inline", ...how }], cacheFrom: [from] }, push);
  assert.deepEqual(warnings, []);
  assert.deepEqual(steps, ["cached COPY", "cached COPY", "cached RUN", "cached WORKDIR", "ran RUN"]);
});

test("a cache that cannot be written fails the build, unless that is not minded", { skip }, async (t) => {
  const [rooms] = await twoEngines(t);
  const target = { type: "registry", reference: "127.0.0.1:1/no/cache", all: true } as const;
  await assert.rejects(rooms.build(rooms.context(FILES), { cacheTo: [{ ...target, ignoreError: false }] }), /failed to export the cache: /);
  const { events } = await rooms.build(rooms.context(FILES), { cacheTo: [{ ...target, ignoreError: true }] });
  assert.match(warnings(events).join(), /failed to export the cache: /);
});
