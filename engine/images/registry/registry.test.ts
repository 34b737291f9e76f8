import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { lookup } from "node:dns/promises";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import test from "node:test";
import { gzipSync } from "node:zlib";
import type { JsonMessage } from "../../api/types/image.ts";
import { EngineError } from "../../errors.ts";
import type { PullOptions } from "../images.ts";
import { openRegistry } from "../remote.ts";
import { parseChallenge } from "./auth.ts";
import { endpointsOf, isInsecure } from "./endpoint.ts";
import { fakeRegistry, fresh, imageOf, listen, needsRoot, OCI, realRegistry, sha256, tar } from "../../../test/support/registry.ts";
import type { Fake, Fixture } from "../../../test/support/registry.ts";

async function pull({ images }: Fixture, reference: string, options: PullOptions = {}): Promise<string[]> {
  const said: JsonMessage[] = [];
  await images.pull(reference, { ...options, progress: (message) => said.push(message) });
  return said.filter(({ progressDetail }) => !progressDetail?.total).map(({ id, status }) => (id ? `${id}: ${status}` : status!));
}

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

test("pull() fetches a token with the password, and shows neither to another host", needsRoot, async (t) => {
  const fake = await fakeRegistry(t);
  const storage = await fakeRegistry(t);
  for (const [digest, blob] of fake.blobs) storage.blobs.set(digest, blob);
  fake.answer = (request, response) => {
    const { url = "", headers } = request;
    if (url.startsWith("/token")) {
      const isKnown = headers.authorization === `Basic ${Buffer.from("me:secret").toString("base64")}`;
      response.writeHead(isKnown ? 200 : 401).end(JSON.stringify({ token: "t0ken", expires_in: 300 }));
      return true;
    }
    if (headers.authorization !== "Bearer t0ken") {
      const challenge = `Bearer realm="http://${fake.host}/token",service="fake",scope="repository:app:pull"`;
      response.writeHead(401, { "WWW-Authenticate": challenge }).end();
      return true;
    }
    if (!url.includes("/blobs/")) return false;
    response.writeHead(307, { Location: `http://${storage.host}${url}` }).end();
    return true;
  };
  const fixture = await fresh(t);
  await pull(fixture, `${fake.host}/app:1`, { auth: { username: "me", password: "secret" } });
  assert.ok(storage.requests.length >= 3);
  assert.deepEqual(storage.headers.map(({ authorization }) => authorization).filter(Boolean), []);
  assert.ok(fake.requests.includes("GET /token?service=fake&scope=repository%3Aapp%3Apull"));
  const wrong = (await fresh(t)).images.pull(`${fake.host}/app:1`, { auth: { username: "me", password: "wrong" } });
  await assert.rejects(wrong, /^EngineError: Head "http:.*\/v2\/app\/manifests\/1": unauthorized: incorrect username or password$/);
  const [digest] = fake.blobs.keys();
  const unnamed = (await fresh(t)).images.pull(`${fake.host}/app@${digest}`, {});
  await assert.rejects(
    unnamed,
    /^EngineError: Get "http:.*\/v2\/app\/manifests\/sha256:\w+": unauthorized: incorrect username or password$/,
  );
});

test("login() keeps the identity token of a token server, which stands for the password afterwards", needsRoot, async (t) => {
  const fake = await fakeRegistry(t);
  fake.answer = (request, response) => {
    const { url = "", method, headers } = request;
    if (url.startsWith("/token")) {
      const offline = method === "GET" && url.includes("offline_token=true");
      const isKnown = method === "POST" || headers.authorization === `Basic ${Buffer.from("me:secret").toString("base64")}`;
      response.writeHead(isKnown ? 200 : 401).end(JSON.stringify({ token: "t0ken", ...(offline && { refresh_token: "ident1ty" }) }));
      return true;
    }
    if (headers.authorization === "Bearer t0ken") return false;
    response.writeHead(401, { "WWW-Authenticate": `Bearer realm="http://${fake.host}/token",service="fake"` }).end();
    return true;
  };
  const answer = await openRegistry().login({ username: "me", password: "secret", serveraddress: fake.host });
  assert.deepEqual(answer, { status: "Login Succeeded", identityToken: "ident1ty" });
  const fixture = await fresh(t);
  await pull(fixture, `${fake.host}/app:1`, { auth: { identitytoken: answer.identityToken } });
  assert.ok(fake.requests.includes("POST /token"));
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

test("push() refuses a name that is not here", needsRoot, async (t) => {
  const { images } = await fresh(t);
  const said: JsonMessage[] = [];
  const work = images.push("127.0.0.1:1/x:v1", { progress: (message) => said.push(message) });
  await assert.rejects(work, new EngineError("not-found", "An image does not exist locally with the tag: 127.0.0.1:1/x"));
  assert.deepEqual(said, [{ status: "The push refers to repository [127.0.0.1:1/x]" }]);
});

test("skopeo and Berth exchange images through a real registry, digests equal", needsRoot, async (t) => {
  const fixture = await fresh(t);
  const host = await realRegistry(t, fixture.directory);
  if (!host) return;
  const layout = join(fixture.directory, "images");
  const source = await fixture.images.importTar(Readable.from([gzipSync(tar("file", Buffer.from("x".repeat(100_000))))]), {
    reference: `${host}/from/berth:1`,
    changes: ['CMD ["x"]'],
    message: "",
  });
  const said: string[] = [];
  await fixture.images.push(`${host}/from/berth:1`, { progress: ({ status }) => status && said.push(status) });
  assert.match(said.at(-1)!, new RegExp(`^1: digest: ${source.manifest.digest} size: \\d+$`));
  const seen = JSON.parse(
    execFileSync("skopeo", ["inspect", "--tls-verify=false", `docker://${host}/from/berth:1`], { encoding: "utf8" }),
  ) as { Digest: string };
  assert.equal(seen.Digest, source.manifest.digest);

  for (const format of ["oci", "v2s2"]) {
    const to = `docker://${host}/from/skopeo:${format}`;
    execFileSync("skopeo", [
      "copy",
      "-q",
      "--insecure-policy",
      "--dest-tls-verify=false",
      "--format",
      format,
      `oci:${layout}:${host}/from/berth:1`,
      to,
    ]);
    const other = await fresh(t);
    await pull(other, `${host}/from/skopeo:${format}`);
    const image = await other.images.get(`${host}/from/skopeo:${format}`);
    const inspected = JSON.parse(execFileSync("skopeo", ["inspect", "--tls-verify=false", to], { encoding: "utf8" })) as { Digest: string };
    assert.equal(image.manifest.digest, inspected.Digest);
    assert.deepEqual(image.config.rootfs, source.config.rootfs);
    // What it pulled it can push on, unchanged, and the registry has the layers.
    await other.images.tag(`${host}/from/skopeo:${format}`, `${host}/again/${format}:1`);
    const again: string[] = [];
    await other.images.push(`${host}/again/${format}:1`, { progress: ({ status }) => status && again.push(status) });
    assert.ok(again.includes("Mounted from from/skopeo"), again.join("\n"));
    assert.ok(again.at(-1)!.includes(inspected.Digest));
  }
  await assert.rejects(fixture.images.pull(`${host}/from/berth:nosuch`, {}), /^EngineError: manifest for .*:nosuch not found: manifest unknown: manifest unknown$/); // oxfmt-ignore
});

test("a real registry with TLS and a password is used, and refuses the wrong one", needsRoot, async (t) => {
  const fixture = await fresh(t);
  const { directory } = fixture;
  const at = (name: string): string => join(directory, name);
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", at("key.pem"), "-out", at("cert.pem")], { stdio: "ignore" }); // oxfmt-ignore
  // bcrypt of "secret"
  writeFileSync(at("htpasswd"), "me:$2y$05$p9yd5wC4v0KjDE7RFRZ/4O5wzAfu3wQoOFM4lVkDb/aZecbfdCIB.\n");
  const host = await realRegistry(
    t,
    directory,
    `  tls: {certificate: ${at("cert.pem")}, key: ${at("key.pem")}}\nauth: {htpasswd: {realm: test, path: ${at("htpasswd")}}}\n`,
  );
  if (!host) return;
  const auth = { username: "me", password: "secret", serveraddress: host };
  const registry = openRegistry();
  assert.deepEqual(await registry.login(auth), { status: "Login Succeeded", identityToken: "" });
  const wrong = registry.login({ ...auth, password: "wrong" });
  await assert.rejects(wrong, new EngineError("unauthorized", `Get "https://${host}/v2/": unauthorized: incorrect username or password`));
  const name = `${host}/private/app:1`;
  const image = await fixture.images.importTar(Readable.from([tar("file", Buffer.from("x"))]), {
    reference: name,
    changes: [],
    message: "",
  });
  await assert.rejects(fixture.images.push(name, {}), /no basic auth credentials/);
  await fixture.images.push(name, { auth });
  const { Descriptor, Platforms } = await registry.inspect(name, auth);
  // It was stored as a plain tar and is pushed compressed; its id stays.
  const pushed = await fixture.images.get(image.id);
  assert.equal(Descriptor.digest, pushed.manifest.digest);
  assert.equal(pushed.layers[0]!.descriptor.mediaType, "application/vnd.oci.image.layer.v1.tar+gzip");
  assert.deepEqual(Platforms, [{ architecture: image.config.architecture, os: "linux" }]);
  await assert.rejects(registry.inspect(`${host}/private/app:2`, auth), {
    kind: "not-found",
    message: "manifest unknown: manifest unknown",
  });
  const other = await fresh(t);
  await pull(other, name, { auth: { auth: Buffer.from("me:secret").toString("base64") } });
  assert.equal((await other.images.get(name)).manifest.digest, pushed.manifest.digest);
});

test("a certificate that nobody signed is refused, where the host was not declared to be insecure", needsRoot, async (t) => {
  const { directory, images } = await fresh(t);
  const at = (name: string): string => join(directory, name);
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=x", "-keyout", at("key.pem"), "-out", at("cert.pem")], { stdio: "ignore" }); // oxfmt-ignore
  const server = createTlsServer({ key: readFileSync(at("key.pem")), cert: readFileSync(at("cert.pem")) }, (_, response) =>
    response.end("{}"),
  );
  await listen(t, server as unknown as Server);
  const { port } = server.address() as AddressInfo;
  // A name that means this machine, but is not known to.
  const name = `${hostname()}:${port}/x:1`;
  const address = await lookup(hostname()).catch(() => undefined);
  if (!address?.address.startsWith("127.")) return t.skip("needs a host name that is a loopback address");
  await assert.rejects(
    images.pull(name, {}),
    /tls: failed to verify certificate: x509: certificate signed by unknown authority|ECONNREFUSED|connection refused/,
  );
});

test("pull() does not follow a redirect from HTTPS to HTTP", needsRoot, async (t) => {
  const fake = await fakeRegistry(t);
  const { directory, images } = await fresh(t);
  const at = (name: string): string => join(directory, name);
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=x", "-keyout", at("key.pem"), "-out", at("cert.pem")], { stdio: "ignore" }); // oxfmt-ignore
  const server = createTlsServer({ key: readFileSync(at("key.pem")), cert: readFileSync(at("cert.pem")) }, (request, response) => {
    const manifest = fake.manifests.get("1")!;
    if (!request.url!.includes("/manifests/"))
      response.writeHead(request.url === "/v2/" ? 200 : 307, { Location: `http://${fake.host}${request.url}` }).end(); // oxfmt-ignore
    else response.writeHead(200, { "Content-Type": `${OCI}.manifest.v1+json` }).end(manifest);
  });
  await listen(t, server as unknown as Server);
  const { port } = server.address() as AddressInfo;
  await assert.rejects(
    images.pull(`127.0.0.1:${port}/app:1`, {}),
    /Cannot follow the redirect from https:.* to http:.*: it is not encrypted/,
  );
  assert.deepEqual(fake.requests, []);
});

test("pullAll() brings every tag and says the end once", needsRoot, async (t) => {
  const fake = await fakeRegistry(t);
  fake.manifests.set("2", fake.manifests.get("1")!);
  fake.answer = (request, response) => {
    if (!request.url?.includes("/tags/list")) return false;
    const isSecond = request.url.includes("last=");
    if (!isSecond) response.setHeader("Link", '</v2/app/tags/list?last=1&n=1>; rel="next"');
    response.end(JSON.stringify({ name: "app", tags: isSecond ? ["2"] : ["1"] }));
    return true;
  };
  const { images } = await fresh(t);
  const said: JsonMessage[] = [];
  await images.pullAll(`${fake.host}/app`, { progress: (message) => said.push(message) });
  const digest = sha256(fake.manifests.get("1")!);
  const lines = said
    .filter(({ id, status }) => !id || status?.startsWith("Pulling from"))
    .map(({ id, status }) => (id ? `${id}: ${status}` : status));
  assert.deepEqual(lines, ["1: Pulling from app", `Digest: ${digest}`, "2: Pulling from app", `Digest: ${digest}`, `Status: Downloaded newer image for ${fake.host}/app`]); // oxfmt-ignore
  assert.equal((await images.list())[0]?.repoTags.length, 2);
});

test("search() asks the registry that the term names", async (t) => {
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url);
    response.end(JSON.stringify({ results: [{ name: "a/b", star_count: 3, is_official: true, extra: 1 }] }));
  });
  await listen(t, server);
  const found = await openRegistry().search(`127.0.0.1:${(server.address() as AddressInfo).port}/bus box`, { limit: 5 });
  assert.deepEqual(found, [{ name: "a/b", description: "", star_count: 3, is_official: true, is_automated: false }]);
  assert.deepEqual(asked, ["/v1/search?q=bus+box&n=5"]);
});

const challenges: [header: string | undefined, want: ReturnType<typeof parseChallenge>][] = [
  [undefined, undefined],
  ['Basic realm="a \\"b\\""', { scheme: "basic", parameters: { realm: 'a "b"' } }],
  [
    'Bearer realm="https://auth.example/token",service="r.example",scope="repository:a/b:pull,push"',
    { scheme: "bearer", parameters: { realm: "https://auth.example/token", service: "r.example", scope: "repository:a/b:pull,push" } },
  ],
  ['Basic realm=x, Bearer realm="y"', { scheme: "bearer", parameters: { realm: "y" } }],
  ["Negotiate", undefined],
];
for (const [header, want] of challenges) test(`parseChallenge() reads ${header}`, () => assert.deepEqual(parseChallenge(header), want));

const hosts: [domain: string, insecure: string[], want: boolean][] = [
  ["127.0.0.1:5000", [], true],
  ["127.9.9.9", [], true],
  ["localhost:5000", [], true],
  ["[::1]:5000", [], true],
  ["10.1.2.3:5000", [], false],
  ["10.1.2.3:5000", ["10.0.0.0/8"], true],
  ["registry.example:5000", ["registry.example:5000"], true],
  ["registry.example:5000", ["registry.example"], true],
  ["registry.example", ["other.example"], false],
  ["localhost.example", [], false],
];
for (const [domain, insecure, want] of hosts)
  test(`isInsecure() of ${domain} with ${insecure.join() || "nothing"} is ${want}`, () =>
    assert.equal(isInsecure(domain, { insecure }), want));

test("endpointsOf() knows Docker Hub's host and its mirrors", () => {
  const urls = endpointsOf("docker.io", { mirrors: ["https://mirror.example/"] }).map(({ url, mirror }) => [url, mirror]);
  assert.deepEqual(urls, [["https://mirror.example", true], ["https://registry-1.docker.io", false]]); // oxfmt-ignore
  assert.deepEqual(endpointsOf("quay.io", { mirrors: ["https://mirror.example/"] }).map(({ url }) => url), ["https://quay.io"]); // oxfmt-ignore
});
