import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import test from "node:test";
import type { TestContext } from "node:test";
import type { JsonMessage } from "../../api/types/image.ts";
import { fakeRegistry, fresh, imageOf, needsRoot, openStore, rootless, tar } from "../../../test/support/registry.ts";
import type { Fake, Fixture } from "../../../test/support/registry.ts";
import { topLayer } from "../images.ts";

function random(seed: string, length: number): Buffer {
  return Buffer.from(createHash("shake256", { outputLength: length }).update(seed).digest());
}

const SIZES = { a: 1_500_000, b: 900_000, c: 600_000 };
const TOTAL = 3_000_000;

async function threeLayers(t: TestContext): Promise<Fake> {
  return fakeRegistry(
    t,
    Object.entries(SIZES).map(([name, size]) => tar(name, random(name, size))),
  );
}

/** Sends blobs in pieces, and tells after each how many bytes of blobs have gone out, and to whom. */
function slowly(fake: Fake, sent: (bytes: number, responses: readonly ServerResponse[]) => void): void {
  let total = 0;
  const responses: ServerResponse[] = [];
  fake.answer = (request, response) => {
    const digest = /\/blobs\/(sha256:[0-9a-f]{64})$/.exec(request.url ?? "")?.[1];
    const blob = digest && fake.blobs.get(digest);
    if (!blob) return false;
    const from = Number(/\d+/.exec(request.headers.range ?? "")?.[0] ?? 0);
    fake.served += blob.length - from;
    const headers = { "Content-Length": blob.length - from, "Content-Range": `bytes ${from}-${blob.length - 1}/${blob.length}` };
    response.writeHead(from > 0 ? 206 : 200, headers);
    responses.push(response);
    send(response, blob, from, (bytes) => sent((total += bytes), responses));
    return true;
  };
}

/** After so many bytes everything that is under way breaks off, and nothing is answered any more. */
function dyingAfter(fake: Fake, most: number): void {
  slowly(fake, (bytes, responses) => {
    if (bytes <= most) return;
    fake.answer = (_, response) => Boolean(response.socket?.destroy());
    for (const response of responses) response.socket?.destroy();
  });
}

function send(response: ServerResponse, blob: Buffer, from: number, sent: (bytes: number) => void): void {
  if (from >= blob.length) return void response.end();
  const piece = blob.subarray(from, from + 50_000);
  response.write(piece, (error) => {
    if (error) return;
    sent(piece.length);
    send(response, blob, from + piece.length, sent);
  });
}

/** Pulls in a process of its own. `said` hears its words; what it returns kills. Resolves to whether it lived to the end. */
function pullElsewhere(directory: string, reference: string): { ended: Promise<boolean>; kill: () => void; words: AsyncIterable<string> } {
  const file = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
  const program = join(directory, "pull.mts");
  writeFileSync(
    program,
    `import { openSnapshots } from ${file("../../layers/overlay.ts")};
    import { openImages } from ${file("../store.ts")};
    import { Events } from ${file("../../events.ts")};
    const directory = ${JSON.stringify(directory)};
    const snapshots = await openSnapshots({ directory, rootless: ${rootless} });
    const images = await openImages({ directory: directory + "/images", snapshots, events: new Events() });
    await images.pull(${JSON.stringify(reference)}, { progress: ({ status }) => console.log(status) });`,
  );
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise<boolean>((done) => child.once("exit", (code) => done(code === 0)));
  return { ended, kill: () => child.kill("SIGKILL"), words: createInterface({ input: child.stdout }) };
}

/** Bytes of layers that a killed pull has stored, whole or in part. */
function storedBytes(directory: string): number {
  const paths = ["blobs/sha256", "ingest"].flatMap((part) =>
    readdirSync(join(directory, "images", part)).map((name) => join(directory, "images", part, name)),
  );
  return paths.reduce((sum, path) => sum + statSync(path).size, 0);
}

/** Points of a pull: after so many bytes, or at its n-th word of a kind. */
const points: (number | [word: string, nth: number])[] = [
  0,
  50_000,
  400_000,
  1_000_000,
  1_700_000,
  2_500_000,
  ["Verifying Checksum", 1],
  ["Download complete", 3],
  ["Pull complete", 1],
  ["Pull complete", 3],
];

for (const point of points)
  test(`pull() killed at ${JSON.stringify(point)} shows nothing, and the next one brings only what is missing`, needsRoot, async (t) => {
    const fake = await threeLayers(t);
    const { directory } = await fresh(t);
    const pull = pullElsewhere(directory, `${fake.host}/app:1`);
    slowly(fake, (bytes) => typeof point === "number" && bytes > point && pull.kill());
    let left = Array.isArray(point) ? point[1] : 0;
    for await (const word of pull.words) if (Array.isArray(point) && word === point[0] && --left === 0) pull.kill();
    const lived = await pull.ended;
    const stored = storedBytes(directory);
    const { images, snapshots } = await openStore(directory);
    // What hears a word may kill too late, when all is stored.
    if (!lived && !Array.isArray(point)) assert.deepEqual(await images.list(), []);
    if (point === 0) assert.equal(lived, false);
    fake.served = 0;
    const image = await images.pull(`${fake.host}/app:1`, {});
    const all = [...fake.blobs.values()].reduce((sum, { length }) => sum + length, 0);
    assert.ok(fake.served <= all - stored + 4096, `${fake.served} bytes served though ${stored} of ${all} were here`);
    const root = await snapshots.view("v", topLayer(image)!);
    for (const [name, size] of Object.entries(SIZES)) assert.deepEqual(readFileSync(join(root, name)), random(name, size));
    await snapshots.remove("v");
    assert.deepEqual(readdirSync(join(directory, "images/ingest")), []);
    assert.equal(readdirSync(join(directory, "layers")).length, 7);
  });

test("pull() from a registry that dies keeps what came, for the next attempt; prune frees it", needsRoot, async (t) => {
  const fake = await threeLayers(t);
  const fixture = await fresh(t);
  dyingAfter(fake, 1_700_000);
  await assert.rejects(fixture.images.pull(`${fake.host}/app:1`, {}), /connection reset|socket hang up|EPIPE|ended after/);
  assert.deepEqual(await fixture.images.list(), []);
  const stored = storedBytes(fixture.directory);
  assert.ok(stored > 0 && stored < TOTAL, `${stored} bytes are kept`);
  fake.answer = () => false;
  fake.served = 0;
  await fixture.images.pull(`${fake.host}/app:1`, {});
  assert.ok(fake.served < TOTAL - stored + 10_000);

  const other = await fresh(t);
  dyingAfter(fake, 1_700_000);
  await assert.rejects(other.images.pull(`${fake.host}/app:1`, {}));
  await other.images.prune(() => false);
  assert.equal(storedBytes(other.directory), 0);
  assert.deepEqual(readdirSync(join(other.directory, "layers")), ["empty"]);
});

test("pull() that is aborted fails no other pull of the same blobs", needsRoot, async (t) => {
  const fake = await threeLayers(t);
  fake.manifests.set("2", fake.manifests.get("1")!);
  const fixture = await fresh(t);
  for (const after of [0, 500_000, 1_800_000, TOTAL - 60_000]) {
    const abort = new AbortController();
    slowly(fake, (bytes) => bytes > after && abort.abort(new Error("ctrl-c")));
    const first = fixture.images.pull(`${fake.host}/app:1`, { signal: abort.signal });
    const second = fixture.images.pull(`${fake.host}/app:2`, {});
    const [aborted, done] = await Promise.allSettled([first, second]);
    assert.equal(aborted.status, "rejected");
    assert.equal(done.status, "fulfilled", String((done as PromiseRejectedResult).reason));
    await fixture.images.remove(`${fake.host}/app:2`, { force: true, prune: true });
  }
});

test("an image pulled while everything else is pruned again and again is whole", needsRoot, async (t) => {
  const fake = await threeLayers(t);
  const base = Object.entries(SIZES).map(([name, size]) => tar(name, random(name, size)));
  for (const tag of ["2", "3", "4"])
    fake.manifests.set(tag, imageOf(fake, [...base.slice(0, 2), tar(`own-${tag}`, random(tag, 300_000))]).data);
  const fixture = await fresh(t);
  let pulling = true;
  const pruning = (async () => {
    let rounds = 0;
    for (; pulling; rounds++) await fixture.images.prune(({ repoTags }) => repoTags.length === 0);
    return rounds;
  })();
  const tags = ["1", "2", "3", "4"];
  for (let round = 0; round < 3; round++) {
    await Promise.all(tags.map((tag) => fixture.images.pull(`${fake.host}/app:${tag}`, {})));
    await assertWhole(fixture);
    for (const tag of tags) await fixture.images.remove(`${fake.host}/app:${tag}`, { force: true, prune: true });
  }
  pulling = false;
  assert.ok((await pruning) > 3);
  assert.equal(storedBytes(fixture.directory), 0);
});

async function assertWhole({ images, snapshots, directory }: Fixture): Promise<void> {
  const all = await images.list();
  assert.equal(all.length, 4);
  for (const image of all) {
    for (const { descriptor } of image.layers)
      assert.equal(statSync(join(directory, "images/blobs/sha256", descriptor.digest.slice(7))).size, descriptor.size);
    const root = await snapshots.view("v", topLayer(image)!);
    assert.deepEqual(readFileSync(join(root, "a")), random("a", SIZES.a));
    await snapshots.remove("v");
  }
}

const lies: [what: string, answer: (fake: Fake, digest: string) => Fake["answer"], error: RegExp][] = [
  ["promises more bytes than it has", (fake, digest) => whole(fake, digest, (blob, response) => {
    response.writeHead(200, { "Content-Length": blob.length + 1000 });
    response.end(Buffer.concat([blob, Buffer.alloc(1000)]));
  }), /more than the \d+ bytes that were promised/], // oxfmt-ignore
  ["sends fewer bytes than promised and says that is all", (fake, digest) => whole(fake, digest, (blob, response) => {
    response.writeHead(200, { "Content-Length": blob.length - 1000 });
    response.end(blob.subarray(0, -1000));
  }), /verification failed|ended after|416|416/], // oxfmt-ignore
  ["redirects to something that is no HTTP", (fake, digest) => whole(fake, digest, (_, response) => {
    response.writeHead(307, { Location: "ftp://storage.example/blob" }).end();
  }), /Cannot follow the redirect from .* it is not encrypted/], // oxfmt-ignore
  ["answers 429 for ever", (fake, digest) => whole(fake, digest, (_, response) => {
    response.writeHead(429, { "Retry-After": "0.01" }).end();
  }), /toomanyrequests/], // oxfmt-ignore
];

function whole(fake: Fake, digest: string, answer: (blob: Buffer, response: ServerResponse) => void): Fake["answer"] {
  return (request, response) => {
    if (!request.url?.endsWith(digest)) return false;
    answer(fake.blobs.get(digest)!, response);
    return true;
  };
}

for (const [what, answer, error] of lies)
  test(`pull() from a registry that ${what} says so, and shows nothing`, needsRoot, async (t) => {
    const fake = await threeLayers(t);
    const digest = [...fake.blobs].find(([, { length }]) => length > 500_000)![0];
    fake.answer = answer(fake, digest);
    const fixture = await fresh(t);
    const said: JsonMessage[] = [];
    await assert.rejects(fixture.images.pull(`${fake.host}/app:1`, { progress: (each) => said.push(each) }), error);
    assert.deepEqual(await fixture.images.list(), []);
    await fixture.images.prune(() => false);
    assert.equal(storedBytes(fixture.directory), 0);
    assert.deepEqual(readdirSync(join(fixture.directory, "layers")), ["empty"]);
  });
