/** Manifests, indexes, configs and references as an enemy would write them. `BERTH_FUZZ=2000` for the long run. */
import assert from "node:assert/strict";
import test from "node:test";
import { generator } from "../../test/support/random.ts";
import { fakeRegistry, fresh, needsRoot, sha256 } from "../../test/support/registry.ts";
import { EngineError } from "../errors.ts";
import { canonicalReference, parseReference } from "../syntax/reference.ts";
import { parseConfig, parseManifest } from "./manifest.ts";

const rounds = Number(process.env["BERTH_FUZZ"]) || 60;
const MOST_GROWTH = 64 << 20;
const digest = sha256(Buffer.from("x"));
const descriptor = { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest, size: 3, annotations: { a: "b" } };
const manifest = { schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json", config: descriptor, layers: [descriptor] };
const index = { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [{ ...descriptor, platform: { os: "linux", architecture: "amd64", variant: "v1" } }] }; // oxfmt-ignore
const settings = { Env: ["A=b"], Cmd: ["sh"], Labels: { a: "b" }, ExposedPorts: { "80/tcp": {} }, Volumes: { "/v": {} }, User: "me", Healthcheck: { Test: ["CMD", "x"], Interval: 1 } }; // oxfmt-ignore
const config = { architecture: "amd64", os: "linux", created: "2024-01-01T00:00:00Z", config: settings, rootfs: { type: "layers", diff_ids: [digest] }, history: [{ created_by: "x", empty_layer: true }] }; // oxfmt-ignore
const strangers: unknown[] = [null, 5, -1, 1e300, "", "x", "__proto__", [], {}, [[]], [null], { a: null }, true, "sha256:", "\0", "\ud800"];

/** A copy of which one value, somewhere, is a stranger. */
function disturb(value: unknown, next: (below: number) => number): unknown {
  const isInner = typeof value === "object" && value !== null && Object.keys(value).length > 0;
  if (!isInner || next(4) === 0) return strangers[next(strangers.length)];
  const keys = Object.keys(value);
  const key = keys[next(keys.length)]!;
  const changed = { ...(value as Record<string, unknown>), [key]: disturb((value as Record<string, unknown>)[key], next) };
  return Array.isArray(value) ? Object.values(changed) : changed;
}

function damage(document: unknown, next: (below: number) => number): Buffer {
  if (next(3) > 0) return Buffer.from(JSON.stringify(disturb(document, next)) ?? "");
  const data = Buffer.from(JSON.stringify(document));
  for (let i = next(6); i >= 0; i--) data[next(data.length)] = next(256);
  return data.subarray(0, next(3) === 0 ? next(data.length) : data.length);
}

function refuses(work: () => unknown, what: string): void {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof EngineError, `${what}: ${(error as Error).stack}`);
  }
}

test(`parseManifest(), parseConfig() and parseReference() take or refuse ${rounds * 10} damaged texts`, () => {
  const before = process.memoryUsage().heapUsed;
  for (let seed = 1; seed <= rounds * 10; seed++) {
    const next = generator(seed);
    for (const document of [manifest, index]) refuses(() => parseManifest(damage(document, next)), `seed ${seed}`);
    refuses(() => parseConfig(damage(config, next)), `seed ${seed}`);
    const name = Buffer.from(`host.example:5000/team/app:1.0@${digest}`);
    for (let i = next(5); i >= 0; i--) name[next(name.length)] = next(256);
    const parsed = parseReference(name.subarray(next(20)).toString());
    if ("reference" in parsed) assert.ok("reference" in parseReference(canonicalReference(parsed.reference)), name.toString());
  }
  assert.ok(process.memoryUsage().heapUsed - before < MOST_GROWTH);
});

const deep = "[".repeat(1 << 20) + "]".repeat(1 << 20);
const monsters: [name: string, text: string][] = [
  ["a deep list", deep],
  ["a deep manifest", `{"schemaVersion":2,"manifests":${deep}}`],
  ["twenty thousand layers", JSON.stringify({ ...manifest, layers: Array.from({ length: 20_000 }, () => descriptor) })],
  ["a layer of petabytes", JSON.stringify({ ...manifest, layers: [{ ...descriptor, size: 2 ** 52 }] })],
  ["a config of petabytes", JSON.stringify({ ...manifest, config: { ...descriptor, size: 2 ** 52 } })],
  ["an index in itself", JSON.stringify(index)],
  ["two kinds at once", JSON.stringify({ ...manifest, ...index })],
];
for (const [name, text] of monsters)
  test(`pull() refuses ${name}, and takes an honest image afterwards`, needsRoot, async (t) => {
    const { images } = await fresh(t);
    const fake = await fakeRegistry(t);
    fake.manifests.set("bad", Buffer.from(text));
    fake.manifests.set(digest, Buffer.from(text));
    await assert.rejects(images.pull(`${fake.host}/app:bad`, {}), EngineError);
    assert.deepEqual(await images.list(), []);
    await images.pull(`${fake.host}/app:1`, {});
  });

const wrongFields = [{ config: { Env: 5 } }, { config: { Labels: ["x"] } }, { created: 5 }, { history: [{ created: [] }] }, { config: { Cmd: [1] } }, { config: { Healthcheck: { Test: "x" } } }]; // oxfmt-ignore
for (const wrong of wrongFields)
  test(`parseConfig() refuses ${JSON.stringify(wrong)}`, () => {
    const text = JSON.stringify({ ...config, ...wrong });
    assert.throws(() => parseConfig(Buffer.from(text)), { kind: "invalid", message: /^Cannot read the image config: its field .* is not of the right kind$/ }); // oxfmt-ignore
  });

test("parseConfig() takes null for nothing", () => {
  const { created, config: read } = parseConfig(
    Buffer.from(JSON.stringify({ ...config, created: null, config: { Cmd: null, User: null } })),
  );
  assert.deepEqual([created, read], [undefined, { Cmd: null }]);
});

test("parseConfig() takes one word for a list of one, as Docker does", () => {
  const { config: read } = parseConfig(Buffer.from(JSON.stringify({ ...config, config: { Entrypoint: "/run" } })));
  assert.deepEqual(read, { Entrypoint: ["/run"] });
});
