import assert from "node:assert/strict";
import { test } from "node:test";
import type { Network } from "../api/types/network.ts";
import { LABEL } from "./labels.ts";
import type { Present } from "./observe.ts";
import type { UpOptions } from "./plan-up.ts";
import type { Project } from "./project.ts";
import { acts, app, CHAIN, container, DATA, network, ONE, present, scaled, SHARED, up } from "../../test/support/projects.ts";

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
