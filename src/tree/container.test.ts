import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerSummary } from "../../engine/api/types/container.ts";
import { complete, showContainer, webPorts } from "./container.ts";

const id = "0123456789ab".padEnd(64, "0");

function container(changes: Partial<ContainerSummary>): ContainerSummary {
  return {
    Id: id,
    Names: ["/web"],
    Image: "nginx:1",
    ImageID: "sha256:1",
    Command: "nginx",
    Created: 0,
    Ports: [],
    Labels: {},
    State: "running",
    Status: "Up 3 seconds",
    HostConfig: { NetworkMode: "bridge" },
    NetworkSettings: { Networks: {} },
    Mounts: [],
    ...changes,
  };
}

const published = { IP: "0.0.0.0", PrivatePort: 80, PublicPort: 8080, Type: "tcp" };

const cases: [string, Partial<ContainerSummary>, [label: string, description: string, icon: string, context: string, spoken: string]][] = [
  ["a running one", {}, ["web", "nginx:1", "circle-filled", "container;running", "web, running, nginx:1"]],
  [
    "a published port",
    { Ports: [published, { ...published, IP: "::" }] },
    ["web", ":8080 · nginx:1", "circle-filled", "container;running;web", "web, running, nginx:1, :8080"],
  ],
  [
    "an unhealthy one",
    { Status: "Up 3 seconds (unhealthy)" },
    ["web", "unhealthy · nginx:1", "warning", "container;running", "web, running (unhealthy), nginx:1"],
  ],
  [
    "a health check that has not answered",
    { Status: "Up 1 second (health: starting)" },
    ["web", "nginx:1", "loading~spin", "container;running", "web, running (starting), nginx:1"],
  ],
  [
    "a clean end",
    { State: "exited", Status: "Exited (0) 1 hour ago" },
    ["web", "exited (0) · nginx:1", "circle-outline", "container;exited", "web, exited (0), nginx:1"],
  ],
  [
    "a failure",
    { State: "exited", Status: "Exited (137) 1 hour ago" },
    ["web", "exited (137) · nginx:1", "error", "container;exited", "web, exited (137), nginx:1"],
  ],
  [
    "a paused one",
    { State: "paused", Status: "Up 1 hour (Paused)" },
    ["web", "paused · nginx:1", "debug-pause", "container;paused", "web, paused, nginx:1"],
  ],
  [
    "no name and an image without a name",
    { Names: [], Image: `sha256:${id}`, State: "created", Status: "Created" },
    ["0123456789ab", "created · 0123456789ab", "circle-outline", "container;created", `0123456789ab, created, sha256:${id}`],
  ],
];

for (const [name, changes, [label, description, icon, context, spoken]] of cases)
  test(`showContainer() shows ${name}`, () => {
    const shown = showContainer(container(changes));
    assert.deepEqual({ ...shown, icon: shown.icon.id }, { id, label, description, icon, context, spoken });
  });

test("complete() bears what Podman leaves out", () => {
  const { Ports, Mounts, ...rest } = container({});
  const podman = { ...rest, Labels: null, NetworkSettings: { Networks: null } } as unknown as ContainerSummary;
  assert.deepEqual(complete(podman), { ...container({}), Ports, Mounts });
});

test("webPorts() leaves out what a browser cannot reach", () => {
  const ports = [published, { ...published, IP: "::" }, { PrivatePort: 81, Type: "tcp" }, { ...published, PublicPort: 53, Type: "udp" }];
  assert.deepEqual(webPorts(ports), [published]);
});
