/** Names and tags of registries, from a real one, through the API of an engine's rooms. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { AuthConfig } from "../../../engine/api/types/image.ts";
import { connect } from "../../../engine/client/client.ts";
import type { DockerClient } from "../../../engine/client/client.ts";
import { openRegistry } from "../../../engine/images/remote.ts";
import { startApi } from "../../../test/support/api-server.ts";
import { fakeServices } from "../../../test/support/fake-services.ts";
import { fakeRegistry, realRegistry } from "../../../test/support/registry.ts";
import { ImageNames, newestFirst } from "./image-names.ts";

const none = (): Promise<undefined> => Promise.resolve(undefined);
const linkTo = (client: DockerClient | undefined, local: string[] = []) => ({
  client,
  signal: new AbortController().signal,
  images: () => Promise.resolve(local),
  tags: (repository: string) =>
    Promise.resolve(local.filter((name) => name.startsWith(`${repository}:`)).map((name) => name.slice(repository.length + 1))),
});

async function engineApi(
  t: { after: (work: () => unknown) => void },
  options: Parameters<typeof openRegistry>[0] = {},
): Promise<DockerClient> {
  const api = await startApi(fakeServices({ registry: openRegistry({ retryMs: 5, ...options }) }));
  const client = connect(`unix://${api.socketPath}`);
  t.after(async () => {
    await client.close();
    await api.close();
  });
  return client;
}

/** An image of no layers under some tags. */
async function push(host: string, repository: string, tags: readonly string[]): Promise<void> {
  const upload = await fetch(`http://${host}/v2/${repository}/blobs/uploads/`, { method: "POST" });
  const digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
  const url = new URL(upload.headers.get("location")!, `http://${host}`);
  url.searchParams.set("digest", digest);
  await fetch(url, { method: "PUT", body: "{}", headers: { "content-type": "application/octet-stream" } });
  const config = { mediaType: "application/vnd.oci.image.config.v1+json", digest, size: 2 };
  const manifest = { schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json", config, layers: [] };
  for (const tag of tags) {
    const headers = { "content-type": manifest.mediaType };
    const put = await fetch(`http://${host}/v2/${repository}/manifests/${tag}`, { method: "PUT", headers, body: JSON.stringify(manifest) });
    assert.equal(put.status, 201, await put.text());
  }
}

test("tags() and images() are the local store's and a real registry's", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "berth-names-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const host = await realRegistry(t, folder);
  if (!host) return;
  await push(host, "team/app", ["1.9", "1.10", "latest", "edge"]);
  await push(host, "team/base", ["1"]);
  const names = new ImageNames(linkTo(await engineApi(t), [`${host}/team/app:mine`]), { auth: none, waitMs: 10_000 });
  assert.deepEqual(await names.tags(`${host}/team/app`), ["mine", "latest", "1.10", "1.9", "edge"]);
  assert.deepEqual(await names.images(`${host}/te`), [`${host}/team/app:mine`, `${host}/team/base`]);
  assert.deepEqual(await names.tags(`${host}/no/such`), []);
});

test("tags() come from a mirror of Docker Hub, are kept, and are asked with the user's account", async (t) => {
  const mirror = await fakeRegistry(t);
  mirror.answer = (request, response) => {
    if (!request.url?.includes("/tags/list")) return false;
    response.end(JSON.stringify({ name: "library/nginx", tags: ["1", "2"] }));
    return true;
  };
  const domains: string[] = [];
  const auth = (domain: string): Promise<AuthConfig> => {
    domains.push(domain);
    return Promise.resolve({ username: "me", password: "secret" });
  };
  const client = await engineApi(t, { mirrors: [`http://${mirror.host}`] });
  const names = new ImageNames(linkTo(client), { auth, waitMs: 10_000 });
  assert.deepEqual(await names.tags("nginx"), ["2", "1"]);
  assert.deepEqual(await names.tags("docker.io/library/nginx"), ["2", "1"]);
  assert.deepEqual(
    mirror.requests.filter((request) => request.includes("tags")),
    ["GET /v2/library/nginx/tags/list"],
  );
  assert.deepEqual(domains, ["docker.io"]);
  // The account of Docker Hub is nothing for a mirror.
  assert.deepEqual(new Set(mirror.headers.map(({ authorization }) => authorization)), new Set([undefined]));
});

test("a registry that never answers holds no completion up", async (t) => {
  const silent = createServer(() => {});
  await new Promise<void>((done) => silent.listen(0, "127.0.0.1", done));
  t.after(() => silent.close());
  const host = `127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const names = new ImageNames(linkTo(await engineApi(t), [`${host}/a:1`]), { auth: none, waitMs: 50 });
  const started = performance.now();
  assert.deepEqual(await names.tags(`${host}/a`), ["1"]);
  assert.ok(performance.now() - started < 60_000);
});

test("without an engine nothing is asked", async () => {
  const names = new ImageNames(linkTo(undefined), { auth: () => assert.fail("asked"), waitMs: 10 });
  assert.deepEqual([await names.tags("nginx"), await names.images("nginx"), await names.images("localhost:5000/")], [[], [], []]);
});

test("newestFirst() sorts tags as people look for them", () =>
  assert.deepEqual(["1.9", "edge", "1.10", "latest", "alpine", "v2"].toSorted(newestFirst), [
    "latest",
    "v2",
    "1.10",
    "1.9",
    "edge",
    "alpine",
  ]));
