import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { lookup } from "node:dns/promises";
import { createServer } from "node:http";
import type { Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import test from "node:test";
import { gzipSync } from "node:zlib";
import type { JsonMessage } from "../../api/types/image.ts";
import { EngineError } from "../../errors.ts";
import { openRegistry } from "../remote.ts";
import { fakeRegistry, fresh, listen, needsRoot, OCI, pull, realRegistry, sha256, tar } from "../../../test/support/registry.ts";

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
