import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerSummary } from "../api/types/container.ts";
import type { Network } from "../api/types/network.ts";
import type { Volume } from "../api/types/volume.ts";
import { containerRequest } from "./config.ts";
import { networkHash, serviceHash } from "./hash.ts";
import { planImages } from "./images.ts";
import { LABEL } from "./labels.ts";
import type { Present } from "./observe.ts";
import { inStartOrder, selectServices } from "./order.ts";
import { planDown, planStop } from "./plan-down.ts";
import { planUp } from "./plan-up.ts";
import type { UpOptions } from "./plan-up.ts";
import type { Plan } from "./plan.ts";
import type { Project } from "./project.ts";
import { resolveReferences } from "./references.ts";
import type { ServiceConfig } from "./service.ts";

const EMPTY = { disabledServices: {}, secrets: {}, configs: {}, models: {}, extensions: {}, environment: {}, envFiles: [], profiles: [] };

/** A project called `app` whose services are on its default network. */
function app(services: Record<string, ServiceConfig>, more: Partial<Project> = {}): Project {
  const connected = Object.entries(services).map(([name, service]) => [
    name,
    service.network_mode ? service : { image: "img", networks: { default: null }, ...service },
  ]);
  return {
    name: "app",
    services: Object.fromEntries(connected),
    networks: { default: { name: "app_default", ipam: {} } },
    volumes: {},
    workingDir: "/app",
    files: ["/app/compose.yaml"],
    ...EMPTY,
    ...more,
  };
}

/** Text that ends like an id. */
const idOf = (name: string): string => name.padEnd(64, "0");

interface There {
  readonly number?: number;
  readonly state?: ContainerSummary["State"];
  readonly labels?: Record<string, string>;
  readonly name?: string;
}

/** A container that is as the project says. */
function container(project: Project, service: string, there: There = {}): ContainerSummary {
  const { number = 1, state = "running", name = `app-${service}-${number}` } = there;
  const config = project.services[service] ?? {};
  const owners = (other: string) => [{ Id: idOf(`app-${other}-1`), Names: [`/app-${other}-1`] }];
  return {
    Id: idOf(name),
    Names: [`/${name}`],
    Image: "img",
    ImageID: "sha256:i",
    Command: "",
    Created: 0,
    Ports: [],
    State: state,
    Status: "",
    HostConfig: { NetworkMode: "" },
    Mounts: (config.volumes ?? []).map(({ source = "", target }) => ({
      Type: "volume",
      Name: `app_${source}`,
      Source: "",
      Destination: target,
      Mode: "",
      RW: true,
      Propagation: "",
    })),
    NetworkSettings: {
      Networks: Object.fromEntries(Object.keys(config.networks ?? {}).map((key) => [`app_${key}`, { NetworkID: `id-${key}` }])),
    },
    Labels: {
      [LABEL.project]: "app",
      [LABEL.service]: service,
      [LABEL.number]: String(number),
      [LABEL.oneOff]: "False",
      [LABEL.image]: "sha256:i",
      [LABEL.configHash]: serviceHash(resolveReferences(config, owners)),
      [LABEL.dependsOn]: Object.keys(config.depends_on ?? {})
        .map((other) => `${other}:service_started:false`)
        .join(","),
      ...there.labels,
    },
  };
}

function network(project: Project, key: string, labels: Record<string, string> = {}): Network {
  const own = { [LABEL.project]: "app", [LABEL.network]: key, [LABEL.configHash]: networkHash(project.networks[key]!) };
  return { Name: `app_${key}`, Id: `id-${key}`, Labels: { ...own, ...labels } } as unknown as Network;
}

function present(project: Project, containers: readonly ContainerSummary[] = [], more: Partial<Present> = {}): Present {
  return {
    containers,
    networks: new Map(Object.keys(project.networks).map((key) => [`app_${key}`, network(project, key)])),
    volumes: new Map(
      Object.keys(project.volumes).map((key) => [
        `app_${key}`,
        { Name: `app_${key}`, Labels: { [LABEL.project]: "app" } } as unknown as Volume,
      ]),
    ),
    images: new Map([["img", { id: "sha256:i", volumes: [], hasHealthcheck: false, tagged: "2026-01-01T00:00:00Z" }]]),
    ...more,
  };
}

function up(project: Project, there: Present, options: Partial<UpOptions> = {}): Plan {
  return planUp(project, there, { services: Object.keys(project.services), ...options });
}

/** What a plan does, without what it leaves alone. */
function acts(plan: Plan): string[] {
  return plan.steps.filter(({ kind }) => kind !== "keep" && kind !== "barrier").map(({ id }) => id);
}

const ONE = app({ web: {} });
const CHAIN = app({
  web: {
    depends_on: {
      db: { condition: "service_healthy", required: true, restart: true },
      seed: { condition: "service_completed_successfully", required: true },
    },
  },
  db: {},
  seed: { depends_on: { db: { condition: "service_started", required: true } } },
});
const SHARED = app({ main: {}, side: { image: "img", network_mode: "service:main" } });
const DATA = app({ db: { volumes: [{ type: "volume", source: "data", target: "/data" }] } }, { volumes: { data: { name: "app_data" } } });

const scaled = (count: number): Project => app({ web: { scale: count } });

const ups: readonly (readonly [text: string, project: Project, there: Present, options: Partial<UpOptions>, want: readonly string[]])[] = [
  ["makes what is missing", ONE, present(ONE, [], { networks: new Map() }), {}, ["network default", "create app-web-1", "start app-web-1"]],
  ["leaves alone what is right", ONE, present(ONE, [container(ONE, "web")]), {}, []],
  ["starts what has stopped", ONE, present(ONE, [container(ONE, "web", { state: "exited" })]), {}, ["start app-web-1"]],
  ["only makes when it is not to start", ONE, present(ONE), { start: false }, ["create app-web-1"]],
  [
    "makes anew what was asked for",
    ONE,
    present(ONE, [container(ONE, "web")]),
    { recreate: "force" },
    ["create app-web-1", "start app-web-1"],
  ],
  [
    "keeps what differs when told so",
    ONE,
    present(ONE, [container(ONE, "web", { labels: { [LABEL.configHash]: "x" } })]),
    { recreate: "never" },
    [],
  ],
  [
    "only forces what is named",
    CHAIN,
    present(
      CHAIN,
      ["web", "db", "seed"].map((name) => container(CHAIN, name)),
    ),
    { recreate: "force", named: ["web"] },
    ["create app-web-1", "wait db service_healthy", "wait seed service_completed_successfully", "start app-web-1"],
  ],
  [
    "stops dependents that restart with it",
    CHAIN,
    present(CHAIN, [container(CHAIN, "web"), container(CHAIN, "db", { labels: { [LABEL.configHash]: "x" } }), container(CHAIN, "seed")]),
    {},
    [
      "stop app-web-1",
      "create app-db-1",
      "start app-db-1",
      "wait db service_healthy",
      "wait seed service_completed_successfully",
      "start app-web-1",
    ],
  ],
  [
    "adds replicas after the highest number",
    scaled(3),
    present(scaled(3), [container(scaled(3), "web", { number: 4 })]),
    {},
    ["create app-web-5", "create app-web-6", "start app-web-5", "start app-web-6"],
  ],
  [
    "takes the highest replicas away",
    scaled(1),
    present(
      scaled(1),
      [1, 2, 3].map((number) => container(scaled(1), "web", { number })),
    ),
    {},
    ["remove app-web-2", "remove app-web-3"],
  ],
  [
    "takes replicas that differ away first",
    scaled(1),
    present(scaled(1), [container(scaled(1), "web", { labels: { [LABEL.configHash]: "x" } }), container(scaled(1), "web", { number: 2 })]),
    {},
    ["remove app-web-1"],
  ],
  ["takes all away for no replicas", scaled(0), present(scaled(0), [container(scaled(0), "web")]), {}, ["remove app-web-1"]],
  [
    "removes orphans when told so",
    ONE,
    present(ONE, [container(ONE, "web"), container(ONE, "old")]),
    { removeOrphans: true },
    ["remove app-old-1"],
  ],
  [
    "makes a sharer anew with its owner",
    SHARED,
    present(SHARED, [container(SHARED, "main", { labels: { [LABEL.configHash]: "x" } }), container(SHARED, "side")]),
    {},
    ["create app-main-1", "create app-side-1", "start app-main-1", "start app-side-1"],
  ],
  ["leaves a sharer alone", SHARED, present(SHARED, [container(SHARED, "main"), container(SHARED, "side")]), {}, []],
  [
    "goes on where an update was interrupted",
    ONE,
    present(ONE, [
      container(ONE, "web", { labels: { [LABEL.configHash]: "x" } }),
      container(ONE, "web", { name: "0123456789ab_app-web-1", state: "created", labels: { [LABEL.replace]: "0123" } }),
    ]),
    {},
    ["create app-web-1", "remove app-web-1", "start app-web-1"],
  ],
  ["makes a volume that is missing", DATA, present(DATA, [container(DATA, "db")], { volumes: new Map() }), {}, ["volume data"]],
  [
    "waits for everything when told so",
    ONE,
    present(ONE),
    { wait: true },
    ["create app-web-1", "start app-web-1", "wait web running_or_healthy"],
  ],
];

for (const [text, project, there, options, want] of ups)
  test(`planUp() ${text}`, () => assert.deepEqual(acts(up(project, there, options)), want));

const reasons: readonly (readonly [text: string, project: Project, there: Present, want: RegExp])[] = [
  ["a configuration", ONE, present(ONE, [container(ONE, "web", { labels: { [LABEL.configHash]: "x" } })]), /^its configuration changed$/],
  ["an image", ONE, present(ONE, [container(ONE, "web", { labels: { [LABEL.image]: "sha256:old" } })]), /^its image changed$/],
  [
    "a network that is lost",
    ONE,
    present(ONE, [{ ...container(ONE, "web"), NetworkSettings: { Networks: {} } }]),
    /^it is not connected to network app_default$/,
  ],
  ["a volume that is lost", DATA, present(DATA, [{ ...container(DATA, "db"), Mounts: [] }]), /^volume app_data is not mounted$/],
];

for (const [text, project, there, want] of reasons)
  test(`planUp() says that a container is replaced for ${text}`, () => {
    const step = up(project, there).steps.find(({ kind }) => kind === "create");
    assert.match(step?.reason ?? "", want);
  });

test("planUp() replaces a network that changed, with the containers on it", () => {
  const old = new Map([["app_default", network(ONE, "default", { [LABEL.configHash]: "x" })]]);
  const plan = up(ONE, present(ONE, [container(ONE, "web")], { networks: old }));
  assert.deepEqual(acts(plan), ["stop app-web-1", "remove network default", "network default", "create app-web-1", "start app-web-1"]);
  assert.deepEqual(plan.steps.find(({ id }) => id === "network default")?.after, ["remove network default"]);
});

test("planUp() starts in the order of needs, everything made first", () => {
  const { steps } = up(CHAIN, present(CHAIN));
  const after = (id: string): readonly string[] => steps.find((step) => step.id === id)?.after ?? [];
  assert.deepEqual(after("start app-db-1"), ["created"]);
  assert.deepEqual(after("start app-seed-1"), ["created", "start app-db-1"]);
  assert.deepEqual(after("start app-web-1"), ["created", "wait db service_healthy", "wait seed service_completed_successfully"]);
  assert.deepEqual(after("wait seed service_completed_successfully"), ["created", "start app-seed-1"]);
  assert.ok(["create app-web-1", "create app-db-1", "create app-seed-1"].every((id) => after("created").includes(id)));
});

const refused: readonly (readonly [text: string, project: Project, want: RegExp])[] = [
  [
    "a circle",
    app({
      a: { depends_on: { b: { condition: "service_started", required: true } } },
      b: { depends_on: { a: { condition: "service_started", required: true } } },
    }),
    /^dependency cycle detected: a -> b -> a$/,
  ],
  ["replicas with one name", app({ a: { scale: 2, container_name: "me" } }), /custom container name "me"/],
  ["replicas with one port", app({ a: { scale: 2, ports: [{ target: 80, published: "80" }] } }), /they would all publish port 80/],
  [
    "a missing external network",
    app({ a: {} }, { networks: { default: { name: "other", external: true } } }),
    /^network other declared as external, but could not be found$/,
  ],
  [
    "a missing external volume",
    app({ a: {} }, { volumes: { v: { name: "other", external: true } } }),
    /^external volume "other" not found$/,
  ],
];

for (const [text, project, want] of refused)
  test(`planUp() refuses ${text}`, () =>
    assert.throws(() => up(project, { ...present(project), networks: new Map(), volumes: new Map() }), { message: want }));

test("planUp() tells of orphans and of strangers' networks", () => {
  const strange = new Map([["app_default", { Name: "app_default", Id: "id-default", Labels: {} } as unknown as Network]]);
  const { warnings } = up(ONE, present(ONE, [container(ONE, "old")], { networks: strange }));
  assert.match(warnings.join("\n"), /a network with name app_default exists but was not created by compose\.\n/);
  assert.match(warnings.join("\n"), /Found orphan containers \(\[app-old-1\]\) for this project/);
});

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
