/**
 * What dockerd answered and what this engine answers in its place, value by value. The records behind our answer are made of
 * dockerd's, so whatever differs is either listed here with its reason or a mistake in `engine/api`.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { encodeEvent } from "../../engine/api/event-stream.ts";
import type { ContainerInspect, ContainerSummary } from "../../engine/api/types/container.ts";
import type { ImageInspect, ImageSummary } from "../../engine/api/types/image.ts";
import type { Network } from "../../engine/api/types/network.ts";
import type { EventMessage } from "../../engine/api/types/system.ts";
import type { Volume, VolumeListResponse } from "../../engine/api/types/volume.ts";
import type { EventType } from "../../engine/events.ts";
import { startApi } from "../support/api-server.ts";
import type { ApiUnderTest } from "../support/api-server.ts";
import { fakeServices } from "../support/fake-services.ts";
import type { FakeParts } from "../support/fake-services.ts";
import { recordedAnswers, recordedEvents } from "./dockerd.ts";
import type { RecordedAnswer } from "./dockerd.ts";
import {
  containerFromInspect,
  containerFromSummary,
  imageFromInspect,
  imageFromSummary,
  networkFromWire,
  volumeFromWire,
} from "./from-wire.ts";

const open: ApiUnderTest[] = [];
after(() => Promise.all(open.map((api) => api.close())));

async function apiWith(parts: FakeParts): Promise<ApiUnderTest> {
  const api = await startApi(fakeServices(parts));
  open.push(api);
  return api;
}

/** Paths that are left out of a comparison on both sides, each for a reason. `*` is any key or index. */
type Differences = readonly string[];

function without(value: unknown, paths: Differences): unknown {
  const copy = structuredClone(value);
  for (const path of paths) remove(copy, path.split("."));
  return copy;
}

function remove(value: unknown, [key, ...rest]: string[]): void {
  if (typeof value !== "object" || value === null || key === undefined) return;
  const record = value as Record<string, unknown>;
  for (const name of key === "*" ? Object.keys(record) : [key]) {
    if (rest.length > 0) remove(record[name], rest);
    else delete record[name];
  }
}

const contentType = ({ headers }: RecordedAnswer): string | undefined => headers["content-type"];

async function compare(api: ApiUnderTest, recorded: RecordedAnswer, differences: Differences): Promise<void> {
  const answer = await api.ask("GET", recorded.path);
  assert.equal(answer.status, recorded.status);
  assert.equal(answer.headers["content-type"], contentType(recorded));
  for (const name of ["api-version", "docker-experimental", "ostype"]) assert.equal(answer.headers[name], recorded.headers[name], name);
  assert.deepEqual(without(answer.json(), differences), without(recorded.body, differences));
}

const CONTAINER_DIFFERENCES: Differences = [
  // Files of the host that Berth keeps elsewhere or makes only while a container runs.
  "ResolvConfPath",
  "HostnamePath",
  "HostsPath",
  "LogPath",
  // A container's layers are the storage's own business.
  "GraphDriver",
  "NetworkSettings.SandboxID",
  // Berth knows the network before the first start; dockerd says "" until then.
  "NetworkSettings.Networks.*.NetworkID",
  // Absent is null: dockerd leaves these two out or shows null, depending on how the container was made.
  "HostConfig.MaskedPaths",
  "HostConfig.ReadonlyPaths",
];

for (const [index, recorded] of recordedAnswers("GET /containers/{id}/json").entries()) {
  const wire = recorded.body as ContainerInspect;
  test(`inspect of a container ${wire.Name} (${wire.State.Status}, ${index}) is dockerd's`, async () => {
    const api = await apiWith({ records: [containerFromInspect(wire)] });
    const path = recorded.path.replace(/containers\/[^/]+/, `containers/${wire.Id}`);
    await compare(api, { ...recorded, path: path.replace(/\?.*$/, "") }, [...CONTAINER_DIFFERENCES, "SizeRw", "SizeRootFs"]);
  });
}

/** Status texts hold a duration that only dockerd knew; how it is worded is tested in duration.test.ts. */
const SUMMARY_DIFFERENCES: Differences = ["*.Status", "*.NetworkSettings.Networks.*.NetworkID", "*.SizeRw", "*.SizeRootFs"];

for (const [index, recorded] of recordedAnswers("GET /containers/json").entries())
  test(`list of containers ${index} is dockerd's`, async () => {
    const at = { startedAt: new Date().toISOString(), finishedAt: new Date().toISOString() };
    const wire = recorded.body as ContainerSummary[];
    // An image whose name has moved on is shown by its id: here every name still means what it meant.
    const images = wire.map(({ ImageID, Image }) => ({
      ...imageFromSummary({ Id: ImageID, Created: 0 } as ImageSummary),
      repoTags: [tagged(Image)],
    }));
    const api = await apiWith({ records: wire.map((summary) => containerFromSummary(summary, at)), allImages: images });
    await compare(api, { ...recorded, path: "/v1.51/containers/json?all=1" }, SUMMARY_DIFFERENCES);
  });

function tagged(name: string): string {
  return /:[^/]*$/.test(name) ? name : `${name}:latest`;
}

for (const [index, recorded] of recordedAnswers("GET /images/json").entries())
  test(`list of images ${index} is dockerd's`, async () => {
    const api = await apiWith({ allImages: (recorded.body as ImageSummary[]).map(imageFromSummary) });
    // Images made by the classic builder have a parent there; here builds keep no image for each step.
    await compare(api, { ...recorded, path: "/v1.51/images/json" }, ["*.ParentId"]);
  });

for (const recorded of recordedAnswers("GET /images/{name}/json")) {
  const wire = recorded.body as ImageInspect;
  test(`inspect of an image ${wire.RepoTags[0] ?? wire.Id} is dockerd's`, async () => {
    const api = await apiWith({ allImages: [imageFromInspect(wire)] });
    const differences = ["Parent", "DockerVersion", "GraphDriver", "Metadata.LastTagTime"];
    await compare(api, { ...recorded, path: `/v1.51/images/${wire.Id}/json` }, differences);
  });
}

for (const recorded of recordedAnswers("GET /images/{name}/history"))
  test("history of an image has dockerd's fields", async () => {
    const [newest] = recorded.body as { Id: string; Tags: string[]; Size: number; Comment: string; Created: number }[];
    const summary = {
      Id: newest!.Id,
      RepoTags: newest!.Tags,
      RepoDigests: [],
      Created: newest!.Created,
      Size: newest!.Size,
    } as unknown as ImageSummary;
    const image = imageFromSummary(summary);
    const config = { ...image.config, history: [{ created: image.config.created!, comment: newest!.Comment }] };
    const layers = [{ descriptor: image.manifest, diffId: image.id, chainId: image.id }];
    const layer = { diffId: image.id, chainId: image.id, parent: null, sizeBytes: newest!.Size };
    const api = await apiWith({ allImages: [{ ...image, config, layers }], layers: { layer: async () => Promise.resolve(layer) } });
    await compare(api, { ...recorded, path: `/v1.51/images/${image.id}/history` }, []);
  });

for (const [index, recorded] of recordedAnswers("GET /networks").entries())
  test(`list of networks ${index} is dockerd's`, async () => {
    const api = await apiWith({ allNetworks: (recorded.body as Network[]).map(networkFromWire) });
    await compare(api, { ...recorded, path: "/v1.51/networks" }, []);
  });

for (const recorded of recordedAnswers("GET /networks/{id}")) {
  const wire = recorded.body as Network;
  test(`inspect of a network ${wire.Name} with ${Object.keys(wire.Containers).length} containers is dockerd's`, async () => {
    const api = await apiWith({ networks: { get: async () => Promise.resolve(networkFromWire(wire)) } });
    await compare(api, recorded, []);
  });
}

for (const [index, recorded] of recordedAnswers("GET /volumes").entries())
  test(`list of volumes ${index} is dockerd's`, async () => {
    const wire = (recorded.body as VolumeListResponse).Volumes;
    const api = await apiWith({ volumes: { list: async () => Promise.resolve(wire.map(volumeFromWire)) } });
    const byName = {
      ...recorded,
      path: "/v1.51/volumes",
      body: { Volumes: wire.toSorted((a, b) => (a.Name < b.Name ? -1 : 1)), Warnings: null },
    };
    await compare(api, byName, []);
  });

for (const endpoint of ["GET /volumes/{name}", "POST /volumes/create"])
  for (const recorded of recordedAnswers(endpoint)) {
    const wire = recorded.body as Volume;
    test(`${endpoint} of ${wire.Name.slice(0, 12)} shows dockerd's volume`, async () => {
      const one = async (): Promise<ReturnType<typeof volumeFromWire>> => Promise.resolve(volumeFromWire(wire));
      const api = await apiWith({ volumes: { get: one, create: one } });
      const [method = ""] = endpoint.split(" ");
      const answer = await api.ask(method, recorded.path, method === "POST" ? { json: { Name: wire.Name } } : {});
      assert.deepEqual([answer.status, answer.json()], [recorded.status, wire]);
    });
  }

for (const recorded of recordedEvents) {
  const { Type, Action, Actor, timeNano } = recorded as unknown as EventMessage;
  test(`the event ${Type} ${Action} is dockerd's`, () => {
    const event = { type: Type as EventType, action: Action, id: Actor.ID, attributes: Actor.Attributes, timeNs: BigInt(timeNano) };
    const text = encodeEvent(event);
    assert.deepEqual(JSON.parse(text), recorded);
    assert.ok(text.endsWith(`"timeNano":${BigInt(timeNano)}}`), "all digits of the time");
  });
}

const anyImage = imageFromSummary({
  Id: `sha256:${"a".repeat(64)}`,
  RepoTags: ["busybox:latest"],
  RepoDigests: [],
  Created: 0,
} as unknown as ImageSummary);

/** Answers whose values are the service's own: what is compared is everything else. */
const writes: readonly { readonly endpoint: string; readonly json?: object; readonly parts: (body: never) => FakeParts }[] = [
  {
    endpoint: "POST /containers/create",
    json: { Image: "busybox" },
    parts: ({ Id }: { Id: string }) => ({ containers: { create: async () => Promise.resolve({ id: Id, warnings: [] }) } }),
  },
  {
    endpoint: "POST /containers/{id}/exec",
    json: { Cmd: ["true"] },
    parts: ({ Id }: { Id: string }) => ({ containers: { execCreate: async () => Promise.resolve(Id) } }),
  },
  {
    endpoint: "POST /containers/{id}/update",
    json: { Memory: 1 },
    parts: () => ({ containers: { update: async () => Promise.resolve({ warnings: [] }) } }),
  },
  {
    endpoint: "GET /containers/{id}/top",
    parts: (body: { Titles: string[]; Processes: string[][] }) => ({ containers: { top: async () => Promise.resolve(body) } }),
  },
  {
    endpoint: "GET /containers/{id}/changes",
    parts: (body: { Path: string; Kind: 0 | 1 | 2 }[]) => ({
      containers: { changes: async () => Promise.resolve(each(body.map(({ Path, Kind }) => ({ path: Path, kind: KINDS[Kind] })))) },
    }),
  },
  { endpoint: "GET /exec/{id}/json", parts: (body: never) => ({ containers: { execInspect: async () => Promise.resolve(body) } }) },
  {
    endpoint: "DELETE /images/{name}",
    parts: (body: { Untagged?: string; Deleted?: `sha256:${string}` }[]) => ({
      images: {
        remove: async () =>
          Promise.resolve(body.map(({ Untagged, Deleted }) => (Untagged ? { untagged: Untagged } : { deleted: Deleted! }))),
      },
    }),
  },
  { endpoint: "POST /images/prune", parts: () => ({ images: { prune: async () => Promise.resolve({ removed: [], spaceReclaimed: 0 }) } }) },
  {
    endpoint: "POST /images/create",
    parts: ({ status }: { status: string }) => ({
      images: { importTar: async () => Promise.resolve({ ...anyImage, id: status as `sha256:${string}` }) },
    }),
  },
  {
    endpoint: "POST /build/prune",
    parts: ({ CachesDeleted, SpaceReclaimed }: { CachesDeleted: string[]; SpaceReclaimed: number }) => ({
      builder: { prune: async () => Promise.resolve({ deleted: CachesDeleted, reclaimedBytes: SpaceReclaimed }) },
    }),
  },
  {
    endpoint: "POST /networks/create",
    json: { Name: "n" },
    parts: ({ Id }: { Id: string }) => ({
      networks: { create: async () => Promise.resolve({ network: networkFromWire({ ...emptyNetwork, Id }), warning: "" }) },
    }),
  },
];

const KINDS = ["modified", "added", "deleted"] as const;
const emptyNetwork = recordedAnswers("GET /networks/{id}").map(({ body }) => body as Network)[0]!;

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) {
    await Promise.resolve();
    yield item;
  }
}

for (const { endpoint, json, parts } of writes)
  for (const [index, recorded] of recordedAnswers(endpoint).entries())
    test(`${endpoint} ${index} answers as dockerd`, async () => {
      const api = await apiWith(parts(recorded.body as never));
      const answer = await api.ask(endpoint.split(" ")[0]!, recorded.path, { ...(json && { json }) });
      assert.equal(answer.status, recorded.status);
      assert.equal(answer.headers["content-type"], recorded.headers["content-type"]);
      assert.deepEqual(answer.json(), recorded.body);
    });
