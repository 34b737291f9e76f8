import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import test from "node:test";
import type { JsonMessage } from "../../api/types/image.ts";
import { EngineError } from "../../errors.ts";
import { fakeRegistry, fresh, imageOf, needsRoot, OCI, pull, sha256, tar } from "../../../test/support/registry.ts";
import type { Fake, Fixture } from "../../../test/support/registry.ts";

/** Nothing of a failed pull may be left. */
async function assertEmpty({ images, directory }: Fixture): Promise<void> {
  assert.deepEqual(await images.list(), []);
  assert.deepEqual(readdirSync(join(directory, "images/blobs/sha256")), []);
  assert.deepEqual(readdirSync(join(directory, "layers")), ["empty"]);
}

test("pull() brings an image and says what Docker says", needsRoot, async (t) => {
  const fake = await fakeRegistry(t);
  const fixture = await fresh(t);
  const name = `${fake.host}/my/app:1`;
  const [one, two] = [...fake.blobs.keys()].map((digest) => digest.slice(7, 19));
  const digest = sha256(fake.manifests.get("1")!);
  const said = await pull(fixture, name);
  assert.deepEqual(said.slice(0, 3), ["1: Pulling from my/app", `${one}: Pulling fs layer`, `${two}: Pulling fs layer`]);
  assert.deepEqual(said.filter((line) => line.startsWith(one!)), ["Pulling fs layer", "Verifying Checksum", "Download complete", "Pull complete"].map((word) => `${one}: ${word}`)); // oxfmt-ignore
  assert.deepEqual(said.slice(-3), [`${two}: Pull complete`, `Digest: ${digest}`, `Status: Downloaded newer image for ${name}`]);
  const [image] = await fixture.images.list();
  assert.deepEqual([image?.repoTags, image?.repoDigests], [[name], [`${fake.host}/my/app@${digest}`]]);
  assert.deepEqual(await pull(fixture, name), ["1: Pulling from my/app", `Digest: ${digest}`, `Status: Image is up to date for ${name}`]);
  assert.deepEqual(await pull(fixture, `${fake.host}/my/app@${digest}`), [
    `${fake.host}/my/app@${digest}: Pulling from my/app`,
    `Digest: ${digest}`,
    `Status: Image is up to date for ${fake.host}/my/app@${digest}`,
  ]);
  assert.deepEqual(
    fixture.events.recent().slice(0, 1).map(({ action, id, attributes }) => [action, id, attributes]), // oxfmt-ignore
    [["pull", name, { name: `${fake.host}/my/app` }]],
  );
  // A tag goes with its repository's digest, and the image with them.
  const removed = await fixture.images.remove(name, { force: false, prune: true });
  assert.deepEqual(removed.slice(0, 2), [{ untagged: name }, { untagged: `${fake.host}/my/app@${digest}` }]);
  await assertEmpty(fixture);
});

test("pull() takes what is here already", needsRoot, async (t) => {
  const base = tar("base", Buffer.from("base"));
  const fake = await fakeRegistry(t, [base]);
  fake.manifests.set("2", imageOf(fake, [base, tar("more", Buffer.from("more"))]).data);
  const fixture = await fresh(t);
  await pull(fixture, `${fake.host}/app:1`);
  const before = fake.requests.length;
  const said = await pull(fixture, `${fake.host}/app:2`);
  assert.match(said[1]!, /Already exists$/);
  assert.equal(fake.requests.slice(before).filter((line) => line.includes("/blobs/")).length, 2);
});

test("pull() chooses the platform of an index and keeps the index", needsRoot, async (t) => {
  const fake = await fakeRegistry(t);
  const manifests = ["amd64", "arm64"].map((architecture) => {
    const { data, digest } = imageOf(fake, [tar(architecture, Buffer.from(architecture))], { os: "linux", architecture });
    return { mediaType: `${OCI}.manifest.v1+json`, digest, size: data.length, platform: { os: "linux", architecture } };
  });
  const attestation = {
    mediaType: `${OCI}.manifest.v1+json`,
    digest: sha256(Buffer.from("?")),
    size: 1,
    platform: { os: "unknown", architecture: "unknown" },
  };
  const index = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: `${OCI}.index.v1+json`, manifests: [attestation, ...manifests] }),
  );
  fake.manifests.set("multi", index);
  const fixture = await fresh(t);
  await pull(fixture, `${fake.host}/app:multi`, { platform: { os: "linux", architecture: "amd64" } });
  const image = await fixture.images.get(`${fake.host}/app:multi`);
  assert.equal(image.config.architecture, "amd64");
  assert.deepEqual(image.repoDigests, [`${fake.host}/app@${sha256(index)}`]);
  await fixture.images.prune(() => false);
  assert.deepEqual(readFileSync(join(fixture.directory, "images/blobs/sha256", sha256(index).slice(7))), index);
  await pull(fixture, `${fake.host}/app:multi`, { platform: { os: "linux", architecture: "arm64", variant: "v8" } });
  assert.equal((await fixture.images.get(`${fake.host}/app:multi`)).config.architecture, "arm64");
  const none = fixture.images.pull(`${fake.host}/app:multi`, { platform: { os: "linux", architecture: "s390x" } });
  await assert.rejects(none, new EngineError("not-found", "no matching manifest for linux/s390x in the manifest list entries"));
});

const answers: [what: string, answer: (fake: Fake) => Fake["answer"], error: RegExp][] = [
  ["a registry without the image", (fake) => (fake.manifests.clear(), () => false), /^manifest for 127.0.0.1:\d+\/app:1 not found: manifest unknown: manifest unknown$/], // oxfmt-ignore
  ["a manifest that is no JSON", (fake) => (fake.manifests.set("1", Buffer.from("{")), only("manifests", (_, response) => void response.end("{"))), /Cannot read the manifest/], // oxfmt-ignore
  [
    "a manifest of schema 1",
    () => only("manifests", (_, response) => void response.end('{"schemaVersion":1}')),
    /unsupported manifest format/,
  ],
  ["a manifest without end", () => only("manifests", (_, response) => endless(response)), /larger than/],
  ["a blob with another content", (fake) => (fake.blobs.forEach((blob, digest) => fake.blobs.set(digest, Buffer.alloc(blob.length))), () => false), /layer verification failed for digest/], // oxfmt-ignore
  ["a blob that is too long", () => only("blobs", (_, response) => endless(response)), /more than the \d+ bytes that were promised/],
  ["a blob that is not there", (fake) => (fake.blobs.clear(), () => false), /blob unknown/],
  ["a refusal", () => only("manifests", (_, response) => void response.writeHead(403).end('{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}')), /^pull access denied for 127.0.0.1:\d+\/app, repository does not exist or may require 'docker login': denied: requested access to the resource is denied$/], // oxfmt-ignore
  ["a password that is missing", () => only("manifests", (_, response) => void response.writeHead(401, { "WWW-Authenticate": 'Basic realm="x"' }).end()), /^Head "http:\/\/127.0.0.1:\d+\/v2\/app\/manifests\/1": no basic auth credentials$/], // oxfmt-ignore
  ["a redirect in a circle", () => only("blobs", (request, response) => void response.writeHead(307, { Location: request.url! }).end()), /stopped after 5 redirects/], // oxfmt-ignore
  ["a redirect to a file", () => only("blobs", (_, response) => void response.writeHead(307, { Location: "file:///etc/passwd" }).end()), /Cannot follow the redirect/], // oxfmt-ignore
];

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

function only(kind: "manifests" | "blobs", answer: Answer): Fake["answer"] {
  return (request, response) => {
    if (!request.url?.includes(`/${kind}/`)) return false;
    answer(request, response);
    return true;
  };
}

function endless(response: ServerResponse): void {
  const chunk = Buffer.alloc(1 << 20);
  const write = (): void => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on("drain", write);
  write();
}

for (const [what, answer, error] of answers)
  test(`pull() meets ${what} and leaves nothing`, needsRoot, async (t) => {
    const fake = await fakeRegistry(t);
    fake.answer = answer(fake);
    const fixture = await fresh(t);
    await assert.rejects(fixture.images.pull(`${fake.host}/app:1`, {}), ({ message }: Error) => {
      assert.match(message, error);
      return true;
    });
    await assertEmpty(fixture);
  });

test("pull() of a bomb ends, and leaves nothing", needsRoot, async (t) => {
  const fake = await fakeRegistry(t, [tar("small", Buffer.from("x")), tar("bomb", Buffer.alloc(60_000_000))]);
  const fixture = await fresh(t);
  await assert.rejects(fixture.images.pull(`${fake.host}/app:1`, {}), /the content is larger than 50000000 bytes/);
  await assertEmpty(fixture);
});

test("pull() goes on where a broken line stopped", needsRoot, async (t) => {
  const fake = await fakeRegistry(t, [tar("f", Buffer.from(createHash("shake256", { outputLength: 900_000 }).update("x").digest()))]);
  const [digest, blob] = [...fake.blobs][0]!;
  let breaks = 0;
  fake.answer = (request, response) => {
    if (!request.url?.endsWith(digest) || breaks === 2) return false;
    breaks++;
    const from = Number(/\d+/.exec(request.headers.range ?? "")?.[0] ?? 0);
    const headers = { "Content-Length": blob.length - from, "Content-Range": `bytes ${from}-${blob.length - 1}/${blob.length}` };
    response.writeHead(from > 0 ? 206 : 200, headers);
    response.write(blob.subarray(from, from + 300_000), () => response.socket?.destroySoon());
    return true;
  };
  const fixture = await fresh(t);
  await pull(fixture, `${fake.host}/app:1`);
  const ranges = fake.headers.map(({ range }) => range).filter(Boolean);
  assert.equal(ranges.length, 2);
  assert.notEqual(ranges[0], ranges[1]);
  assert.deepEqual(readdirSync(join(fixture.directory, "images/ingest")), []);
});

test("pull() takes up what a killed engine had downloaded, and drops it if it was damaged", needsRoot, async (t) => {
  for (const [what, damage] of [
    ["good", 0],
    ["damaged", 1],
  ] as const) {
    // oxfmt-ignore
    const fake = await fakeRegistry(t, [tar("f", Buffer.from(createHash("shake256", { outputLength: 500_000 }).update(what).digest()))]);
    const fixture = await fresh(t);
    const [digest, blob] = [...fake.blobs][0]!;
    const part = Buffer.from(blob.subarray(0, 200_000));
    part[100]! ^= damage;
    writeFileSync(join(fixture.directory, "images/ingest", `${digest.slice(7)}.partial`), part);
    const work = fixture.images.pull(`${fake.host}/app:1`, {});
    if (damage) {
      await assert.rejects(work, /layer verification failed/);
      await fixture.images.pull(`${fake.host}/app:1`, {});
    } else await work;
    assert.ok(fake.headers.some(({ range }) => range === "bytes=200000-"));
  }
});

test("pull() waits where a registry asks to slow down", needsRoot, async (t) => {
  const fake = await fakeRegistry(t);
  let refusals = 0;
  fake.answer = (request, response) => {
    if (!request.url?.includes("manifests") || ++refusals > 2) return false;
    response.writeHead(refusals === 1 ? 429 : 503, { "Retry-After": "0" }).end();
    return true;
  };
  await pull(await fresh(t), `${fake.host}/app:1`);
  assert.equal(refusals, 3);
});

test("pull() uses a mirror for Docker Hub, without credentials", needsRoot, async (t) => {
  const fake = await fakeRegistry(t);
  const fixture = await fresh(t, { mirrors: [`http://${fake.host}`] });
  await pull(fixture, "nginx:1", { auth: { username: "me", password: "secret" } });
  assert.deepEqual((await fixture.images.get("nginx:1")).repoTags, ["nginx:1"]);
  assert.ok(fake.requests.includes("GET /v2/library/nginx/manifests/1"));
  assert.deepEqual(fake.headers.map(({ authorization }) => authorization).filter(Boolean), []);
});

test("pull() of two images at once downloads what they share once", needsRoot, async (t) => {
  const fake = await fakeRegistry(t);
  fake.manifests.set("2", fake.manifests.get("1")!);
  const fixture = await fresh(t);
  await Promise.all([pull(fixture, `${fake.host}/app:1`), pull(fixture, `${fake.host}/app:2`), fixture.images.prune(() => true)]);
  const blobs = fake.requests.filter((line) => line.includes("/blobs/"));
  assert.equal(new Set(blobs).size, blobs.length);
  assert.equal((await fixture.images.list())[0]?.repoTags.length, 2);
});

test("pull() stops when it is aborted, and the next one goes on", needsRoot, async (t) => {
  const fake = await fakeRegistry(t, [tar("f", Buffer.from(createHash("shake256", { outputLength: 900_000 }).update("y").digest()))]);
  const [digest, blob] = [...fake.blobs][0]!;
  const abort = new AbortController();
  fake.answer = (request, response) => {
    if (!request.url?.endsWith(digest) || abort.signal.aborted) return false;
    response.writeHead(200, { "Content-Length": blob.length });
    response.write(blob.subarray(0, 400_000));
    return true;
  };
  const fixture = await fresh(t);
  const progress = ({ status, progressDetail }: JsonMessage): void => {
    if (status === "Downloading" && (progressDetail?.current ?? 0) >= 100) abort.abort(new Error("ctrl-c"));
  };
  await assert.rejects(fixture.images.pull(`${fake.host}/app:1`, { signal: abort.signal, progress }), /ctrl-c/);
  assert.deepEqual(await fixture.images.list(), []);
  await fixture.images.pull(`${fake.host}/app:1`, {});
  assert.ok(fake.headers.some(({ range }) => range !== undefined));
});

const offline: [reference: string, message: RegExp][] = [
  ["127.0.0.1:1/x:1", /^Get "http:\/\/127\.0\.0\.1:1\/v2\/": dial tcp 127\.0\.0\.1:1: connect: connection refused$/],
  ["registry.invalid/x", /^Get "https:\/\/registry\.invalid\/v2\/": dial tcp: lookup registry\.invalid: /],
];
for (const [reference, message] of offline)
  test(`pull() of ${reference} says what is wrong, without another attempt`, needsRoot, async (t) => {
    // Who tried again would wait for an hour.
    const { images } = await fresh(t, { retryMs: 3_600_000 });
    await assert.rejects(images.pull(reference, {}), (error: Error) => message.test(error.message));
  });
