import assert from "node:assert/strict";
import { test } from "node:test";
import { containerRequest } from "./config.ts";
import { planImages } from "./images.ts";
import { LABEL } from "./labels.ts";
import { inStartOrder, selectServices } from "./order.ts";
import { planDown, planStop } from "./plan-down.ts";
import type { ServiceConfig } from "./service.ts";
import { acts, app, CHAIN, container, DATA, ONE, present } from "../../test/support/projects.ts";

test("planDown() removes dependents first, then networks; volumes and images when asked", () => {
  const all = [container(CHAIN, "db"), container(CHAIN, "seed", { state: "exited" }), container(CHAIN, "web")];
  const there = present(CHAIN, all);
  const plan = planDown(CHAIN, there, {});
  const after = (id: string): readonly string[] => plan.steps.find((step) => step.id === id)?.after ?? [];
  assert.deepEqual(after("remove app-db-1"), ["remove app-seed-1", "remove app-web-1"]);
  assert.deepEqual(after("remove app-web-1"), []);
  assert.equal(after("remove network app_default").length, 3);
  assert.deepEqual(acts(planDown(CHAIN, there, { services: ["web"] })), ["remove app-web-1"]);
  assert.deepEqual(acts(planDown(DATA, present(DATA), { volumes: true, images: "all" })), [
    "remove network app_default",
    "remove volume app_data",
    "remove image img:latest",
  ]);
  assert.deepEqual(acts(planDown(ONE, present(ONE, [container(ONE, "old")]), {})), ["remove network app_default"]);
  assert.deepEqual(acts(planDown(ONE, present(ONE, [container(ONE, "old")]), { removeOrphans: true })), [
    "remove app-old-1",
    "remove network app_default",
  ]);
});

test("planStop() stops dependents first", () => {
  const plan = planStop(CHAIN, [container(CHAIN, "db"), container(CHAIN, "web")]);
  assert.deepEqual(plan.steps.find(({ id }) => id === "stop app-db-1")?.after, ["stop app-web-1"]);
});

const images: readonly (readonly [
  text: string,
  service: ServiceConfig,
  there: boolean,
  options: { build?: boolean; noBuild?: boolean; pull?: string },
  want: string,
])[] = [
  ["pulls what is missing", { image: "img" }, false, {}, "pull"],
  ["pulls nothing that is there", { image: "img" }, true, {}, ""],
  ["pulls always when told so", { image: "img" }, true, { pull: "always" }, "pull"],
  ["pulls when the policy says so", { image: "img", pull_policy: "always" }, true, {}, "pull"],
  ["pulls what is older than a day", { image: "img", pull_policy: "daily" }, true, {}, "pull"],
  ["builds what is missing", { image: "img", build: {} }, false, {}, "build"],
  ["builds nothing that is there", { image: "img", build: {} }, true, {}, ""],
  ["builds when told so", { image: "img", build: {} }, true, { build: true }, "build"],
  ["pulls instead of building when it may not build", { image: "img", build: {} }, false, { noBuild: true }, "pull"],
];

for (const [text, service, there, options, want] of images)
  test(`planImages() ${text}`, () => {
    const project = app({ web: service });
    const steps = planImages(project, there ? present(project) : { ...present(project), images: new Map() }, {
      services: ["web"],
      now: Date.parse("2026-02-01"),
      ...options,
    });
    assert.equal(steps.map(({ action }) => action).join(), want);
  });

test("planImages() refuses an image that is missing and may not be pulled", () => {
  const project = app({ web: { image: "img" } });
  const nothing = { ...present(project), images: new Map() };
  assert.throws(() => planImages(project, nothing, { services: ["web"], now: 0, pull: "never" }), { message: "No such image: img" });
});

test("selectServices() takes what is needed along", () => {
  assert.deepEqual(selectServices(CHAIN, ["seed"], { dependencies: true }), ["db", "seed"]);
  assert.deepEqual(selectServices(CHAIN, ["seed"], { dependencies: false }), ["seed"]);
  assert.throws(() => selectServices(CHAIN, ["x"], { dependencies: true }), { message: "no such service: x" });
  assert.deepEqual(inStartOrder(CHAIN.services), ["db", "seed", "web"]);
});

test("containerRequest() hands anonymous volumes on, and nothing else", () => {
  const project = app({
    web: {
      volumes: [
        { type: "volume", target: "/anon" },
        { type: "bind", source: "/src", target: "/src" },
        { type: "tmpfs", target: "/tmp" },
      ],
    },
  });
  const mount = (Destination: string, Type = "volume") => ({
    Type,
    Name: `old-${Destination.slice(1)}`,
    Source: "",
    Destination,
    Mode: "",
    RW: true,
    Propagation: "",
  });
  const replaced = { ...container(project, "web"), Mounts: [mount("/anon"), mount("/image"), mount("/other"), mount("/src", "bind")] };
  const wish = {
    project,
    name: "web",
    number: 1,
    service: project.services["web"]!,
    mounted: project.services["web"]!,
    image: { id: "sha256:i", volumes: ["/image"] },
    links: [],
    severalNetworks: true,
  };
  const { request } = containerRequest({ ...wish, replaced, networkName: (key) => `app_${key}`, readFile: () => "" });
  assert.deepEqual(request.HostConfig?.Binds, ["/src:/src:rw"]);
  assert.deepEqual(
    request.HostConfig?.Mounts?.map(({ Target, Source }) => `${Target} ${Source ?? "new"}`),
    ["/anon old-anon", "/image old-image", "/tmp new"],
  );
  assert.equal(request.Labels?.[LABEL.replace], replaced.Id);
  assert.deepEqual(request.NetworkingConfig?.EndpointsConfig?.["app_default"]?.Aliases, ["app-web-1", "web"]);
});
