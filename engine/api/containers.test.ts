import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import type { IncomingMessage } from "node:http";
import { after, test } from "node:test";
import { startApi } from "../../test/support/api-server.ts";
import { containerRecord, fakeServices } from "../../test/support/fake-services.ts";
import type { ContainerRecord, LogLine, LogOptions } from "../containers/containers.ts";
import type { Image } from "../images/images.ts";
import type { Digest } from "../layers/snapshots.ts";
import type { ContainerSummary } from "./types/container.ts";

const state = containerRecord().state;
const at = (second: number): string => `2026-11-21T03:49:0${second}Z`;
const base = image("a", ["busybox:latest"], ["l1"]);
const child = image("b", ["app:1"], ["l1", "l2"]);

function image(letter: string, repoTags: string[], layers: string[]): Image {
  return {
    id: `sha256:${letter.repeat(64)}`,
    manifest: { mediaType: "", digest: "sha256:0", size: 0 },
    config: {
      architecture: "amd64",
      os: "linux",
      rootfs: { type: "layers", diff_ids: [] },
      history: layers.map((name) => ({ created_by: name })),
    },
    layers: layers.map((name) => ({
      diffId: name as Digest,
      chainId: name as Digest,
      descriptor: { mediaType: "", digest: "sha256:0", size: 0 },
    })),
    repoTags,
    repoDigests: [],
    sizeBytes: 1,
    lastTaggedMs: 0,
  };
}

const records: ContainerRecord[] = [
  containerRecord({
    id: "1".repeat(64),
    name: "web",
    createdAt: at(1),
    imageId: child.id,
    imageName: "app:1",
    config: { Labels: { tier: "front", project: "shop" }, ExposedPorts: { "80/tcp": {} } },
    hostConfig: { NetworkMode: "shop_front", PortBindings: { "80/tcp": [{ HostPort: "8080" }] } },
    networking: { EndpointsConfig: { shop_front: {} } },
    sandbox: { ports: { "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "8080" }] } } as unknown as NonNullable<ContainerRecord["sandbox"]>,
    state: { ...state, status: "running", startedAt: at(1), health: { status: "healthy", failingStreak: 0, log: [] } },
  }),
  containerRecord({
    id: "2".repeat(64),
    name: "db",
    createdAt: at(2),
    imageId: base.id,
    config: { Labels: { tier: "back" } },
    mounts: [{ Type: "volume", Name: "data", Source: "/v/data", Destination: "/data", Mode: "", RW: true, Propagation: "" }],
    state: { ...state, status: "exited", exitCode: 3, startedAt: at(2), finishedAt: at(3) },
  }),
  containerRecord({ id: "3".repeat(64), name: "idle", createdAt: at(3), imageId: base.id, imageName: base.id }),
];

const lines: LogLine[] = ["one\n", "two\n"].map((text) => ({ stream: "stdout", timeNs: 1795232956_000000007n, data: Buffer.from(text) }));
let asked: LogOptions | undefined;
let ended: () => void = () => undefined;
const services = fakeServices({
  records,
  allImages: [base, child],
  containers: {
    logs: async (_id, options) => {
      asked = options;
      return Promise.resolve(each(lines));
    },
    wait: (_id, _condition, signal) => ({
      registered: Promise.resolve(),
      exit: new Promise((resolve, reject) => {
        ended = () => resolve({ statusCode: 7 });
        signal?.addEventListener("abort", () => reject(signal.reason as Error));
      }),
    }),
    stats: async () => Promise.resolve({ read: at(5), cpu_stats: { cpu_usage: { total_usage: (usage += 10) } } }),
    remove: async (id) => {
      removed.push(id);
      return Promise.resolve();
    },
    size: async () => Promise.resolve({ rwBytes: 100, rootFsBytes: 1000 }),
  },
});
let usage = 0;
const removed: string[] = [];
const api = await startApi(services);
after(() => api.close());

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item);
}

/** What is asked for, and the names of the containers that are found. */
const filters: [query: string, names: string[]][] = [
  ["", ["web"]],
  ["all=1", ["idle", "db", "web"]],
  ["limit=2", ["idle", "db"]],
  ['all=1&filters={"name":{"^/w":true}}', ["web"]],
  ['all=1&filters={"name":["d"]}', ["idle", "db"]],
  ['all=1&filters={"id":["222"]}', ["db"]],
  ['all=1&filters={"label":["tier=front","project"]}', ["web"]],
  ['all=1&filters={"label":["tier"]}', ["db", "web"]],
  ['filters={"status":["exited","created"]}', ["idle", "db"]],
  ['all=1&filters={"exited":["3"]}', ["db"]],
  ['all=1&filters={"ancestor":["busybox"]}', ["idle", "db", "web"]],
  ['all=1&filters={"ancestor":["app:1"]}', ["web"]],
  ['all=1&filters={"ancestor":["nosuch"]}', []],
  ['all=1&filters={"before":["idle"]}', ["db", "web"]],
  ['all=1&filters={"since":["web"]}', ["idle", "db"]],
  ['all=1&filters={"volume":["data"]}', ["db"]],
  ['all=1&filters={"volume":["/data"]}', ["db"]],
  ['all=1&filters={"network":["shop_front"]}', ["web"]],
  ['all=1&filters={"publish":["8080"]}', ["web"]],
  ['all=1&filters={"expose":["70-90/tcp"]}', ["web"]],
  ['all=1&filters={"publish":["80"]}', []],
  ['all=1&filters={"expose":["80/udp"]}', []],
  ['all=1&filters={"health":["healthy"]}', ["web"]],
  ['all=1&filters={"is-task":["false"]}', ["idle", "db", "web"]],
];
for (const [query, names] of filters)
  test(`containers by ${query || "nothing"}`, async () => {
    const answer = await api.ask("GET", `/containers/json?${encodeURI(query)}`);
    assert.deepEqual(
      (answer.json() as ContainerSummary[]).map(({ Names }) => Names[0]!.slice(1)),
      names,
    );
  });

test("a state that is none is refused in dockerd's words", async () => {
  const answer = await api.ask("GET", '/containers/json?filters={"status":["bogus"]}');
  const known = "created, running, paused, restarting, removing, exited, dead";
  assert.deepEqual(answer.json(), { message: `invalid filter 'status=bogus': invalid value for state (bogus): must be one of ${known}` });
});

test("states in words, sizes where asked for, and the image's id where its name has moved", async () => {
  const list = (await api.ask("GET", "/containers/json?all=1&size=1")).json() as ContainerSummary[];
  const [idle, db, web] = list;
  assert.match(web!.Status, /^Up .* \(healthy\)$/);
  assert.match(db!.Status, /^Exited \(3\) .* ago$/);
  assert.equal(idle!.Status, "Created");
  assert.deepEqual([web!.Image, idle!.Image], ["app:1", base.id]);
  assert.deepEqual([web!.SizeRw, web!.SizeRootFs], [100, 1000]);
});

test("logs carry timestamps and details in front of each line", async () => {
  const answer = await api.ask("GET", "/v1.41/containers/web/logs?stdout=1&timestamps=1&details=1&tail=5&since=1.5");
  assert.equal(answer.headers["content-type"], "application/vnd.docker.raw-stream");
  assert.equal(answer.text.slice(8, 44), "2026-11-21T03:49:16.000000007Z  one\n");
  assert.deepEqual([asked?.tail, asked?.sinceNs, asked?.stdout, asked?.stderr], [5, 1_500_000_000n, true, false]);
});

function open(method: string, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request({ socketPath: api.socketPath, method, path, agent: false }, resolve).on("error", reject).end();
  });
}

test("wait sends its head before the container has ended", async () => {
  const response = await open("POST", "/containers/web/wait");
  assert.equal(response.statusCode, 200);
  ended();
  const [chunk] = (await once(response, "data")) as [Buffer];
  assert.deepEqual(JSON.parse(chunk.toString()), { StatusCode: 7 });
});

test("stats say what was before, except in one shot", async () => {
  const shot = (await api.ask("GET", "/containers/web/stats?stream=0&one-shot=1")).json() as Record<string, unknown>;
  assert.equal(shot["preread"], "0001-01-01T00:00:00Z");
  assert.deepEqual([shot["name"], shot["id"]], ["/web", "1".repeat(64)]);
  const two = (await api.ask("GET", "/containers/web/stats?stream=0")).json() as Record<
    "cpu_stats" | "precpu_stats",
    { cpu_usage: { total_usage: number } }
  >;
  assert.equal(two.cpu_stats.cpu_usage.total_usage - two.precpu_stats.cpu_usage.total_usage, 10);
});

test("stats of a container that does not run are empty", async () => {
  const answer = (await api.ask("GET", "/containers/db/stats?stream=0")).json() as Record<string, unknown>;
  assert.deepEqual([answer["read"], answer["pids_stats"], answer["memory_stats"]], ["0001-01-01T00:00:00Z", {}, {}]);
});

test("prune removes what does not run and has the label", async () => {
  const answer = await api.ask("POST", '/containers/prune?filters={"label":["tier"]}');
  assert.deepEqual(answer.json(), { ContainersDeleted: ["2".repeat(64)], SpaceReclaimed: 100 });
  assert.deepEqual(removed, ["2".repeat(64)]);
});

async function eventLines(response: IncomingMessage, count: number): Promise<string[]> {
  let text = "";
  while (text.split("\n").length <= count) {
    const [chunk] = (await once(response, "data")) as [Buffer];
    text += chunk.toString();
  }
  return text.trim().split("\n");
}

test("events: what was, what comes, only what is asked for", async () => {
  const { events } = services;
  events.publish("container", "create", "c1", { name: "one", image: "busybox", tier: "front" });
  events.publish("volume", "create", "v1", { driver: "local" });
  const filters = encodeURIComponent(JSON.stringify({ type: ["container"], event: ["create", "exec_create"], label: ["tier=front"] }));
  const response = await open("GET", `/events?since=1&filters=${filters}`);
  const [first] = await eventLines(response, 1);
  assert.equal((JSON.parse(first!) as { id: string }).id, "c1");
  events.publish("container", "start", "c1", { name: "one", tier: "front" });
  events.publish("container", "exec_create: sh", "c1", { name: "one", tier: "front" });
  const [second] = await eventLines(response, 1);
  assert.equal((JSON.parse(second!) as { Action: string }).Action, "exec_create: sh");
  const before = events.listeners;
  response.destroy();
  while (events.listeners === before) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(events.listeners, before - 1);
});

test("events end at until", async () => {
  const answer = await api.ask("GET", `/events?since=1&until=${Math.trunc(Date.now() / 1000) + 1}`);
  assert.ok(answer.text.split("\n").length > 3);
});
