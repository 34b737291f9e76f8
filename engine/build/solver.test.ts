import assert from "node:assert/strict";

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { cannotBuild, ended, failing, logs, fileRooms, within } from "../../test/support/busybox-builds.ts";
import type { BuildRequest } from "./builder.ts";
import { StepError } from "./builder.ts";

const skip = cannotBuild;
const rooms = await fileRooms();

test("a build runs each step once, and nothing the second time", { skip }, async () => {
  const files = {
    Dockerfile: 'FROM busybox\nRUN echo hello > /hello.txt && echo said\nCOPY a.txt /a.txt\nENV A=1\nCMD ["cat"]\n',
    "a.txt": "content",
  };
  const context = rooms.context(files);
  const first = await rooms.build(context);
  assert.deepEqual(ended(first.events), {
    "FROM busybox": "cached",
    "RUN echo hello > /hello.txt && echo said": "it was not built before",
    "COPY a.txt /a.txt": "it was not built before",
    "ENV A=1": "ran",
    'CMD ["cat"]': "ran",
  });
  assert.equal(logs(first.events), "said\n");
  await within(rooms, first.image, (root) => {
    assert.equal(readFileSync(join(root, "hello.txt"), "utf8"), "hello\n");
    assert.equal(readFileSync(join(root, "a.txt"), "utf8"), "content");
  });
  const ran = rooms.steps.ran.length;
  const second = await rooms.build(context);
  assert.equal(rooms.steps.ran.length, ran);
  assert.ok(Object.values(ended(second.events)).every((end) => end === "cached"));
  assert.equal(second.image.id, first.image.id);
});

test("a parent cgroup goes with the command, or the build says that there are none", { skip }, async () => {
  const context = rooms.context({ Dockerfile: "FROM busybox\nRUN echo placed\n" });
  const { events } = await rooms.build(context, { resources: { CgroupParent: "/some.slice" } });
  assert.deepEqual(rooms.steps.ran.at(-1)!.resources, { CgroupParent: "/some.slice" });
  const [warning] = events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
  assert.equal(warning, "--cgroup-parent has no effect: this engine has no control groups");
});

test("the image's config and history are as BuildKit writes them", { skip }, async () => {
  const context = rooms.context({
    Dockerfile: [
      "ARG TAG=latest",
      "FROM busybox:$TAG",
      "ARG WHO=world",
      "RUN echo $WHO > /who",
      "LABEL a=b c='d e'",
      "EXPOSE 80 53/udp",
      "WORKDIR /srv",
      "WORKDIR app",
      "USER 1000:1000",
      "VOLUME /data",
      "HEALTHCHECK --interval=5s --retries=2 CMD true",
      "STOPSIGNAL SIGQUIT",
      'ENTRYPOINT ["cat"]',
      'CMD ["/who"]',
    ].join("\n"),
  });
  const { image, events } = await rooms.build(context, { buildArgs: { WHO: "you", UNUSED: "1" }, labels: { l: "1" } });
  assert.deepEqual(image.config.config, {
    Env: ["PATH=/bin"],
    Cmd: ["/who"],
    Labels: { a: "b", c: "d e", l: "1" },
    ExposedPorts: { "80/tcp": {}, "53/udp": {} },
    WorkingDir: "/srv/app",
    User: "1000:1000",
    Volumes: { "/data": {} },
    Healthcheck: { Test: ["CMD-SHELL", "true"], Interval: 5e9, Retries: 2 },
    StopSignal: "SIGQUIT",
    Entrypoint: ["cat"],
    ArgsEscaped: true,
  });
  assert.deepEqual(
    image.config.history!.slice(1).map((entry) => [entry.created_by, entry.empty_layer ?? false]),
    [
      ["ARG WHO=you", true],
      ["RUN |1 WHO=you /bin/sh -c echo $WHO > /who # buildkit", false],
      ["LABEL a=b c=d e", true],
      ["EXPOSE [80/tcp 53/udp]", true],
      ["WORKDIR /srv", false],
      ["WORKDIR /srv/app", false],
      ["USER 1000:1000", true],
      ["VOLUME [/data]", true],
      ["HEALTHCHECK {Test:[CMD-SHELL true] Interval:5s Timeout:0s StartPeriod:0s StartInterval:0s Retries:2}", true],
      ["STOPSIGNAL SIGQUIT", true],
      ['ENTRYPOINT ["cat"]', true],
      ['CMD ["/who"]', true],
    ],
  );
  assert.ok(image.config.history!.every((entry) => entry.created));
  assert.ok(events.some((event) => event.type === "warning" && event.message === "One or more build-args [UNUSED] were not consumed"));
  assert.deepEqual(
    events.flatMap((event) => (event.type === "plan" ? event.steps.map((step) => step.name).filter(Boolean) : [])),
    ["[1/4] FROM busybox:latest", "[2/4] RUN echo $WHO > /who", "[3/4] WORKDIR /srv", "[4/4] WORKDIR app"],
  );
});

test("stages that the target does not need are left out", { skip }, async () => {
  const context = rooms.context({
    Dockerfile:
      "FROM busybox AS build\nRUN echo built > /out.txt\nFROM busybox AS unused\nRUN false\nFROM scratch\nCOPY --from=build /out.txt /out.txt\nCOPY --from=0 /bin /bin\n",
  });
  const { image, events } = await rooms.build(context);
  assert.ok(!("RUN false" in ended(events)));
  assert.equal(image.layers.length, 2);
  assert.deepEqual(image.config.config, { Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], WorkingDir: "/" });
  await within(rooms, image, (root) => assert.ok(existsSync(join(root, "bin/busybox"))));
  assert.deepEqual(
    Object.values(ended((await rooms.build(context)).events)).filter((end) => end !== "cached"),
    [],
  );
});

test("stages that do not need each other run at the same time", { skip }, async () => {
  const wait = "for i in $(seq 1200); do test -e /meet/$OTHER && exit 0; sleep 0.1; done; exit 1";
  const stage = (own: string, other: string): string =>
    `FROM busybox AS ${own}\nRUN --mount=type=cache,target=/meet,id=meet OTHER=${other}; touch /meet/${own}; ${wait}\nRUN echo ${own} > /${own}\n`;
  const context = rooms.context({
    Dockerfile: `${stage("x", "y")}${stage("y", "x")}FROM scratch\nCOPY --from=x /x /\nCOPY --from=y /y /\n`,
  });
  const { image } = await rooms.build(context);
  await within(rooms, image, (root) => assert.deepEqual(readdirSync(root), ["x", "y"]));
});

test("what is wrong with a request is said before anything runs", { skip }, async () => {
  const cases: [Record<string, string>, Partial<BuildRequest>, string][] = [
    [{}, {}, "Cannot locate specified Dockerfile: Dockerfile"],
    [{ Dockerfile: "" }, {}, "the Dockerfile (Dockerfile) cannot be empty"],
    [{ Dockerfile: "FROM busybox\nRUNN echo" }, {}, "dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)"],
    [{ Dockerfile: "FROM busybox AS final" }, { target: "nope" }, 'target stage "nope" could not be found'],
    [{ Dockerfile: "FROM busybox AS final" }, { target: "fnal" }, 'target stage "fnal" could not be found (did you mean final?)'],
    [
      { Dockerfile: "# syntax=acme/frontend:1\nFROM a" },
      {},
      'Cannot build with "# syntax=acme/frontend:1": Berth knows the Dockerfile language (docker/dockerfile) and runs no other frontend',
    ],
    [{ Dockerfile: "FROM busybox" }, { platform: "a/b/c/d" }, '"a/b/c/d": cannot parse platform specifier: invalid argument'],
  ];
  for (const [files, options, want] of cases) assert.equal((await failing(rooms, rooms.context(files), options)).message, want);
});

test("the build checks warn, and fail the build when the Dockerfile says so", { skip }, async () => {
  const Dockerfile = "FROM busybox as b\nENV A=$UNDEFINED\nCOPY x /x\n";
  const context = rooms.context({ Dockerfile, x: "" });
  const { events } = await rooms.build(context);
  const warnings = events.flatMap((event) =>
    event.type === "warning" ? [`${event.check} ${event.range?.startLine} ${event.message}`] : [],
  );
  assert.deepEqual(warnings, [
    "FromAsCasing 1 'as' and 'FROM' keywords' casing do not match",
    "UndefinedVar 2 Usage of undefined variable '$UNDEFINED'",
  ]);
  writeFileSync(join(context, "Dockerfile"), `# check=error=true\n${Dockerfile}`);
  assert.equal((await failing(rooms, context)).message, "lint violation found for rules: FromAsCasing, UndefinedVar");
});

test("a failing step names itself and stays, a few of them", { skip }, async () => {
  const context = rooms.context({ Dockerfile: "FROM busybox\nRUN echo before\nRUN echo here > /trace; exit 7\nRUN echo after\n" });
  const error = await failing(rooms, context);
  assert.ok(error instanceof StepError);
  assert.equal(error.exitCode, 7);
  assert.equal(error.step, "0.1");
  const { inspector } = rooms.builder;
  const { content } = await inspector.readFile("latest", "0.1", "/trace");
  assert.equal(await text(content), "here\n");
  const [record] = await inspector.list();
  assert.equal(record!.status, "failed");
  const step = record!.steps.find(({ id }) => id === "0.1")!;
  assert.equal(step.chainId, error.chainId);
  assert.equal(step.exitCode, 7);
  assert.deepEqual(await inspector.changes(record!.id, "0.1", new AbortController().signal), [
    { path: "/trace", kind: "added", type: "file", sizeBytes: 5 },
  ]);
  for (let count = 0; count < 5; count++) {
    writeFileSync(join(context, "Dockerfile"), `FROM busybox\nRUN echo ${count} > /trace; exit 7\n`);
    await failing(rooms, context);
  }
  await rooms.images.prune(() => false);
  assert.equal(await rooms.snapshots.layer(error.chainId!), undefined, "only the newest failures stay");
  await assert.rejects(inspector.files(record!.id, "0.1", "/"), /no longer in the build cache/);
});

test("what a build did can be read afterwards", { skip }, async () => {
  const context = rooms.context({ Dockerfile: "FROM busybox\nRUN echo one; echo two >&2\n" });
  await rooms.build(context, { noCache: true });
  const [record] = await rooms.builder.inspector.list();
  assert.equal(record!.status, "succeeded");
  const run = record!.steps.find((step) => step.kind === "run")!;
  assert.deepEqual(run.range, { startLine: 2, endLine: 2 });
  assert.ok(run.key && run.chainId && run.startedMs! <= run.endedMs!);
  assert.deepEqual((await rooms.builder.inspector.log(record!.id, run.id)).toString().split("\n").toSorted(), ["", "one", "two"]);
  await assert.rejects(rooms.builder.inspector.get("0123"), /No such build: 0123/);
});

test("an aborted build leaves nothing and can be run again", { skip }, async () => {
  const context = rooms.context({ Dockerfile: "FROM busybox\nRUN sleep 60; echo never\n" });
  const before = (await rooms.snapshots.keys()).toSorted();
  const abort = new AbortController();
  rooms.steps.onStart = () => abort.abort(new Error("no longer wanted"));
  try {
    await assert.rejects(rooms.build(context, {}, abort.signal), /no longer wanted/);
  } finally {
    rooms.steps.onStart = undefined;
  }
  assert.deepEqual((await rooms.snapshots.keys()).toSorted(), before);
  assert.equal((await rooms.builder.inspector.list())[0]!.status, "canceled");
});

test("ONBUILD triggers of a base run in the stage that uses it", { skip }, async () => {
  const base = rooms.context({ Dockerfile: "FROM busybox\nONBUILD COPY app /app\nONBUILD RUN cat /app > /ran\n" });
  await rooms.build(base, { tags: ["onbuild"] });
  const { image, events } = await rooms.build(rooms.context({ Dockerfile: "FROM onbuild\nRUN cat /ran\n", app: "triggered\n" }));
  assert.equal(logs(events), "triggered\n");
  assert.equal(image.config.config!.OnBuild, undefined);
  assert.deepEqual(Object.keys(ended(events)), ["FROM onbuild", "COPY app /app", "RUN cat /app > /ran", "RUN cat /ran"]);
  const names = events.flatMap((event) => (event.type === "plan" ? event.steps.map((step) => step.name) : []));
  assert.deepEqual(names, ["[1/4] FROM onbuild", "[2/4] ONBUILD COPY app /app", "[3/4] ONBUILD RUN cat /app > /ran", "[4/4] RUN cat /ran"]);
});

test("ONBUILD triggers of a stage run in the stage that begins with it, and not further", { skip }, async () => {
  const Dockerfile =
    "FROM busybox AS base\nONBUILD RUN echo triggered >> /t\nFROM base AS child\nRUN echo own >> /t\nFROM child\nRUN cat /t\n";
  const { events } = await rooms.build(rooms.context({ Dockerfile }));
  assert.equal(logs(events), "triggered\nown\n");
});

test("sweep() ends what a killed engine left", { skip }, async () => {
  await rooms.snapshots.prepare("build-0123456789ab-0.1", null);
  await rooms.snapshots.mount("build-0123456789ab-0.1");
  writeFileSync(join(rooms.directory, "build/temporary/left.tar"), "");
  const builder = await rooms.reopen();
  await builder.sweep();
  assert.ok(!(await rooms.snapshots.keys()).includes("build-0123456789ab-0.1"));
  assert.deepEqual(readdirSync(join(rooms.directory, "build/temporary")), []);
});
