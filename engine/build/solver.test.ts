import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs"; // oxfmt-ignore
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import { findBusybox, makeBusyboxRoot } from "../../test/support/busybox.ts";
import { openBuildRooms } from "../../test/support/build-rooms.ts";
import type { BuildRooms } from "../../test/support/build-rooms.ts";
import type { Image } from "../images/images.ts";
import { topLayer } from "../images/images.ts";
import type { BuildProgress, BuildRequest } from "./builder.ts";
import { StepError } from "./builder.ts";
import { receiveContext } from "./tar-tree.ts";

const skip = process.getuid!() !== 0 ? "needs root" : findBusybox() ? false : "needs busybox-static";
let rooms: BuildRooms;

before(async () => {
  if (skip) return;
  rooms = await openBuildRooms();
  const root = mkdtempSync(join(tmpdir(), "berth-busybox-"));
  await makeBusyboxRoot(root);
  const tar = execFileSync("tar", ["--numeric-owner", "-C", root, "-c", "."], { maxBuffer: 1 << 28 });
  rmSync(root, { recursive: true });
  await rooms.images.importTar(Readable.from([tar]), { reference: "busybox", changes: ["ENV PATH=/bin", 'CMD ["sh"]'], message: "base" });
});
after(async () => {
  if (!skip) await rooms.close();
});

/** Lets `look` see the root file system of an image. */
async function within<T>(image: Image, look: (root: string) => T): Promise<T> {
  const root = await rooms.snapshots.view("look", topLayer(image)!);
  try {
    return look(root);
  } finally {
    await rooms.snapshots.remove("look");
  }
}

function ended(events: readonly BuildProgress[]): Record<string, string> {
  const plan = new Map(
    events.flatMap((event) => (event.type === "plan" ? event.steps.map((step) => [step.id, step.instruction] as const) : [])),
  );
  return Object.fromEntries(
    events.flatMap((event) =>
      event.type === "end" ? [[plan.get(event.step)!, event.error ?? (event.cached ? "cached" : (event.reason ?? "ran"))]] : [],
    ),
  );
}

function logs(events: readonly BuildProgress[]): string {
  return events.map((event) => (event.type === "log" ? event.data : "")).join("");
}

async function failing(contextDir: string, options: Partial<BuildRequest> = {}): Promise<Error> {
  return rooms.build(contextDir, options).then(
    () => assert.fail("the build succeeded"),
    (error: unknown) => error as Error,
  );
}

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
  await within(first.image, (root) => {
    assert.equal(readFileSync(join(root, "hello.txt"), "utf8"), "hello\n");
    assert.equal(readFileSync(join(root, "a.txt"), "utf8"), "content");
  });
  const ran = rooms.steps.ran.length;
  const second = await rooms.build(context);
  assert.equal(rooms.steps.ran.length, ran);
  assert.ok(Object.values(ended(second.events)).every((end) => end === "cached"));
  assert.equal(second.image.id, first.image.id);
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

const chain = "FROM busybox\nARG WHO\nCOPY one /one\nRUN echo first $WHO\nCOPY dir /dir\nRUN echo second\n";

async function chained(): Promise<string> {
  const context = rooms.context({ Dockerfile: chain, one: "1", "dir/a": "a", "dir/b": "b" });
  await rooms.build(context);
  return context;
}

/** What ran and why, by instruction. */
async function again(context: string, options: Partial<BuildRequest> = {}): Promise<Record<string, string>> {
  const { events } = await rooms.build(context, options);
  const settings = new Set(
    events
      .flatMap((event) => (event.type === "plan" ? event.steps.filter((step) => step.kind === "config" || step.kind === "arg") : []))
      .map((step) => step.instruction),
  );
  return Object.fromEntries(Object.entries(ended(events)).filter(([instruction, end]) => end !== "cached" && !settings.has(instruction)));
}

test("a changed file runs its step and those after it, and is named", { skip }, async () => {
  const context = await chained();
  writeFileSync(join(context, "dir/b"), "changed");
  assert.deepEqual(await again(context), {
    "COPY dir /dir": 'file "b" changed',
    "RUN echo second": "the step before it changed: COPY dir /dir",
  });
  assert.deepEqual(await again(context), {});
});

test("new and missing files are named", { skip }, async () => {
  const context = await chained();
  rmSync(join(context, "dir/a"));
  writeFileSync(join(context, "dir/c"), "c");
  assert.equal((await again(context))["COPY dir /dir"], 'file "c" is new, file "a" is gone');
});

test("a changed mode counts, a changed time does not", { skip }, async () => {
  const context = await chained();
  utimesSync(join(context, "dir/a"), 1, 1);
  utimesSync(join(context, "one"), 5, 5);
  assert.deepEqual(await again(context), {});
  chmodSync(join(context, "dir/a"), 0o755);
  assert.equal((await again(context))["COPY dir /dir"], 'the mode of "a" changed');
});

test("a build argument counts where a command can see it", { skip }, async () => {
  const context = await chained();
  const ran = await again(context, { buildArgs: { WHO: "you" } });
  // The first RUN writes nothing, so the COPY after it finds the same files below it and stays.
  assert.deepEqual(Object.keys(ran), ["RUN echo first $WHO", "RUN echo second"]);
  assert.equal(ran["RUN echo first $WHO"], 'argument "WHO" is new');
  assert.equal((await again(context, { buildArgs: { WHO: "me" } }))["RUN echo first $WHO"], 'argument "WHO" changed');
});

test("a changed instruction and a changed base are named", { skip }, async () => {
  const context = await chained();
  writeFileSync(join(context, "Dockerfile"), chain.replace("echo second", "echo 2nd"));
  assert.deepEqual(await again(context), { "RUN echo 2nd": "the instruction changed" });
  const base = await rooms.images.get("busybox");
  await rooms.images.create(
    { ...base.config, author: "x" },
    base.layers.map((layer) => layer.descriptor),
    { names: ["busybox:other"] },
  );
  writeFileSync(join(context, "Dockerfile"), chain.replace("FROM busybox", "FROM busybox:other").replace("echo second", "echo 2nd"));
  assert.deepEqual(await again(context), {}, "the same layers are the same base");
});

test("COPY --link keeps its layer when what is below changes", { skip }, async () => {
  const context = rooms.context({ f: "linked", Dockerfile: "FROM busybox\nRUN echo 1 >/a\nCOPY --link f /d/f\nRUN cat /d/f /a\n" });
  const first = await rooms.build(context);
  writeFileSync(join(context, "Dockerfile"), readFileSync(join(context, "Dockerfile"), "utf8").replace("echo 1", "echo 2"));
  const { steps } = await rooms.builder.predict({ contextDir: context });
  assert.deepEqual(
    steps.filter(({ outcome }) => outcome === "cached").map(({ instruction }) => instruction),
    ["FROM busybox", "COPY --link f /d/f"],
  );
  const second = await rooms.build(context);
  const ended = second.events.flatMap((event) => (event.type === "end" && event.cached ? [event.step] : []));
  assert.deepEqual(ended, ["0.from", "0.1"], "nothing but the base and the link");
  assert.notEqual(second.image.layers[1]!.diffId, first.image.layers[1]!.diffId);
  assert.deepEqual(second.image.layers[2]!.descriptor, first.image.layers[2]!.descriptor);
  const printed = second.events.flatMap((event) => (event.type === "log" ? [event.data] : []));
  assert.equal(printed.join(""), "linked2\n");
  writeFileSync(join(context, "f"), "other");
  const third = await rooms.build(context);
  assert.notEqual(third.image.layers[2]!.diffId, first.image.layers[2]!.diffId);
});

test("--no-cache runs everything", { skip }, async () => {
  const context = await chained();
  const ran = await again(context, { noCache: true });
  assert.deepEqual(Object.keys(ran), ["COPY one /one", "RUN echo first $WHO", "COPY dir /dir", "RUN echo second"]);
  assert.equal(ran["RUN echo second"], "the cache is switched off");
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
  await within(image, (root) => assert.ok(existsSync(join(root, "bin/busybox"))));
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
  await within(image, (root) => assert.deepEqual(readdirSync(root), ["x", "y"]));
});

test("secrets are files or variables of one command, and are nowhere afterwards", { skip }, async () => {
  const Dockerfile = [
    "FROM busybox",
    "RUN --mount=type=secret,id=key,mode=0440,uid=1000 stat -c '%a %u' /run/secrets/key && wc -c < /run/secrets/key > /size",
    "RUN --mount=type=secret,id=key,env=KEY test ${#KEY} = 26 && test ! -e /run/secrets/key",
    "RUN --mount=type=secret,id=none test ! -e /run/secrets/none",
  ].join("\n");
  const value = "never-to-be-found-anywhere";
  const secret = async (id: string): Promise<Buffer | undefined> => Promise.resolve(id === "key" ? Buffer.from(value) : undefined);
  const { image, events } = await rooms.build(rooms.context({ Dockerfile }), { secret });
  assert.equal(logs(events), "440 1000\n");
  await within(image, (root) => {
    assert.equal(readFileSync(join(root, "size"), "utf8"), "26\n");
    assert.ok(!existsSync(join(root, "run")));
  });
  assert.throws(() => execFileSync("grep", ["-rqs", value, rooms.directory]), "no file holds the secret");
});

test("mounts show the context without what is excluded, another stage, and caches that stay", { skip }, async () => {
  const Dockerfile = [
    "FROM busybox AS other",
    "RUN mkdir /out && echo staged > /out/file",
    "FROM busybox",
    "RUN --mount=type=bind,target=/c ls /c && ! touch /c/x 2>/dev/null",
    "RUN --mount=type=bind,from=other,source=/out,target=/o cat /o/file",
    "RUN --mount=type=bind,target=/c,rw touch /c/new",
    "RUN --mount=type=cache,id=lines,target=/cache echo x >> /cache/lines; wc -l < /cache/lines",
    "RUN --mount=type=cache,id=lines,target=/cache,uid=1000,mode=0700 stat -c %u:%a /cache; ls /cache",
  ].join("\n");
  const context = rooms.context({ Dockerfile, seen: "", hidden: "", ".dockerignore": "hidden\nDockerfile\n.dockerignore\n" });
  const first = await rooms.build(context);
  assert.equal(logs(first.events), "seen\nstaged\n1\n1000:700\n");
  assert.deepEqual(readdirSync(context).toSorted(), [".dockerignore", "Dockerfile", "hidden", "seen"]);
  assert.equal(logs((await rooms.build(context, { noCache: true })).events), "seen\nstaged\n2\n1000:700\n");
  writeFileSync(join(context, "seen"), "changed");
  const ran = await again(context);
  assert.equal(ran["RUN --mount=type=bind,target=/c ls /c && ! touch /c/x 2>/dev/null"], 'file "seen" changed');
});

test(".dockerignore keeps files out and lets some back in", { skip }, async () => {
  const context = rooms.context({
    Dockerfile: "FROM scratch\nCOPY . /\n",
    ".dockerignore": "*.log\nnode_modules\n!node_modules/keep\nDockerfile\n",
    "a.log": "",
    "a.txt": "",
    "node_modules/x": "",
    "node_modules/keep/y": "",
  });
  const { image } = await rooms.build(context);
  await within(image, (root) => {
    assert.deepEqual(readdirSync(root), [".dockerignore", "a.txt", "node_modules"]);
    assert.deepEqual(readdirSync(join(root, "node_modules")), ["keep"]);
  });
  writeFileSync(join(context, "a.log"), "changed");
  assert.deepEqual(await again(context), {});
});

const placements: [string, Record<string, string>, Record<string, string>][] = [
  ["COPY a.txt /b", { "a.txt": "1" }, { b: "644 0 0" }],
  ["COPY a.txt /d/", { "a.txt": "1" }, { "d/a.txt": "644 0 0", d: "755 0 0" }],
  ["COPY a.txt b.txt /d/", { "a.txt": "1", "b.txt": "2" }, { "d/a.txt": "644 0 0", "d/b.txt": "644 0 0" }],
  ["COPY dir /d", { "dir/x": "1", "dir/s/y": "2" }, { "d/x": "644 0 0", "d/s/y": "644 0 0" }],
  ["COPY *.txt /d/", { "a.txt": "1", "b.txt": "2", "c.md": "3" }, { "d/a.txt": "644 0 0", "d/b.txt": "644 0 0", "!d/c.md": "" }],
  ["COPY */x /d/", { "p/x": "1", "q/y": "2" }, { "d/x": "644 0 0", "!d/y": "" }],
  ["COPY --chmod=700 a /a", { a: "1" }, { a: "700 0 0" }],
  ["COPY --chmod=u=rwX,go=rX dir /d", { "dir/x": "1", "dir/s/y": "2" }, { "d/x": "644 0 0", "d/s": "755 0 0" }],
  ["COPY --chown=7:8 dir /new/d/", { "dir/x": "1" }, { "new/d/x": "644 7 8", "new/d": "755 7 8" }],
  ["COPY --chown=app dir /d", { "dir/x": "1" }, { "d/x": "644 1000 1000" }],
  ["COPY --chown=app:staff dir /d", { "dir/x": "1" }, { "d/x": "644 1000 50" }],
  ["COPY --parents p/q/x /d/", { "p/q/x": "1" }, { "d/p/q/x": "644 0 0" }],
  ["COPY --parents p/./q/*.txt /d/", { "p/q/x.txt": "1", "p/q/y.md": "" }, { "d/q/x.txt": "644 0 0", "!d/q/y.md": "" }],
  [
    "COPY --parents ./src/**/*.txt /d/",
    { "src/a.txt": "", "src/x/y/b.txt": "", "src/x/c": "" },
    { "d/src/a.txt": "644 0 0", "d/src/x/y/b.txt": "644 0 0", "!d/src/x/c": "" },
  ],
  [
    "COPY --exclude=*.md --exclude=s dir /d",
    { "dir/a": "", "dir/b.md": "", "dir/s/c": "" },
    { "d/a": "644 0 0", "!d/b.md": "", "!d/s": "" },
  ],
  ["WORKDIR /w\nCOPY a .", { a: "1" }, { "w/a": "644 0 0" }],
  ["WORKDIR /w\nCOPY a sub/b", { a: "1" }, { "w/sub/b": "644 0 0" }],
  ["COPY a /tmp/a", { a: "1" }, { tmp: "1777 0 0", "tmp/a": "644 0 0" }],
  ["RUN ln -s /srv/real /link && mkdir -p /srv/real\nCOPY a /link/", { a: "1" }, { "srv/real/a": "644 0 0" }],
  ["RUN mkdir /there\nCOPY a /there", { a: "1" }, { "there/a": "644 0 0" }],
  ["RUN mkdir -m 700 /there && chown 5:6 /there\nCOPY dir /there", { "dir/x": "1" }, { there: "700 5 6", "there/x": "644 0 0" }],
  ["COPY ../../a /a", { a: "1" }, { a: "644 0 0" }],
  ["COPY <<EOF /etc/conf\nx=$PATH\nEOF", {}, { "etc/conf": "644 0 0" }],
  ['COPY ["a b", "/c d"]', { "a b": "1" }, { "c d": "644 0 0" }],
  ["COPY --link a /l/a", { a: "1" }, { "l/a": "644 0 0" }],
  ["USER app\nWORKDIR /home/app/x", {}, { "home/app/x": "755 1000 1000" }],
];
for (const [instruction, files, want] of placements) {
  test(
    `${instruction.split("\n").at(-1)!.startsWith("EOF") ? "COPY with a heredoc" : instruction.replaceAll("\n", "; ")} places files`,
    { skip },
    async () => {
      const { image } = await rooms.build(rooms.context({ Dockerfile: `FROM busybox\n${instruction}\n`, ...files }));
      await within(image, (root) => {
        for (const [path, line] of Object.entries(want)) {
          if (path.startsWith("!")) {
            assert.ok(!existsSync(join(root, path.slice(1))), path);
            continue;
          }
          const { mode, uid, gid } = statSync(join(root, path));
          assert.equal(`${(mode & 0o7777).toString(8)} ${uid} ${gid}`, line, path);
        }
      });
    },
  );
}

const refused: [string, Record<string, string>, RegExp][] = [
  ["COPY nosuch /x", {}, /^COPY failed: file not found in build context or excluded by \.dockerignore: stat nosuch: file does not exist$/],
  ["COPY out /x", { ".dockerignore": "out", out: "" }, /stat out: file does not exist$/],
  [
    "COPY a b /x",
    { a: "", b: "" },
    /^When using COPY with more than one source file, the destination must be a directory and end with a \/$/,
  ],
  ["COPY --chown=nobody:x a /x", { a: "" }, /^unable to find user nobody: no matching entries in passwd file$/],
  ["COPY --chmod=999 a /x", { a: "" }, /line 2: invalid chmod parameter: '999'\. it should be octal string and between 0 and 07777$/],
  ["COPY dir /bin/sh", { "dir/a": "" }, /^cannot copy to non-directory: \/bin\//],
  ["COPY http://x/y /x", {}, /line 2: source can't be a URL for COPY$/],
  ["WORKDIR /proc/self", {}, /line 2: WORKDIR "\/proc\/self" is not allowed: it is below \/proc$/],
  ["RUN ln -s /proc/self/fd /x\nWORKDIR /x/7", {}, /WORKDIR "\/x\/7" is not allowed: it is below \/proc$/],
  ['RUN sh -c "echo oops >&2; exit 3"', {}, /^The command '\/bin\/sh -c sh -c "echo oops >&2; exit 3"' returned a non-zero code: 3$/],
  ["STOPSIGNAL SIGNOPE", {}, /line 2: invalid signal: SIGNOPE$/],
  ["RUN --network=host true", {}, /^network\.host is not allowed: RUN --network=host needs "--allow network\.host"$/],
  ["EXPOSE abc", {}, /line 2: invalid containerPort: abc$/],
  [
    "COPY --from=later a /x\nFROM busybox AS later\nFROM busybox\nCOPY --from=0 /x /x",
    {},
    /line 2: cannot copy from stage "later", it needs to be defined before current stage "stage-0"$/,
  ],
  ["RUN --mount=type=secret,id=s,required true", {}, /^secret s: not found$/],
  ["USER ${x:?must be set}", {}, /line 2: failed to process "\$\{x:\?must be set\}": x: must be set$/],
];
for (const [instruction, files, want] of refused) {
  test(`${instruction.replaceAll("\n", "; ")} is refused`, { skip }, async () => {
    const error = await failing(rooms.context({ Dockerfile: `FROM busybox\n${instruction}\n`, ...files }));
    assert.match(error.message, want);
  });
}

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
    [{ Dockerfile: "FROM busybox" }, { platform: "a/b/c/d" }, '"a/b/c/d": unknown operating system or architecture: invalid argument'],
  ];
  for (const [files, options, want] of cases) assert.equal((await failing(rooms.context(files), options)).message, want);
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
  assert.equal((await failing(context)).message, "lint violation found for rules: FromAsCasing, UndefinedVar");
});

test("a link of the context cannot show what is outside", { skip }, async () => {
  const context = rooms.context({ Dockerfile: "FROM scratch\nCOPY link /x\n" });
  symlinkSync("../../../../../../etc/hostname", join(context, "link"));
  assert.match((await failing(context)).message, /stat link: file does not exist$/);
  symlinkSync("/etc", join(context, "etc"));
  writeFileSync(join(context, "Dockerfile"), "FROM scratch\nCOPY etc/passwd /x\n");
  assert.match((await failing(context)).message, /file does not exist$/);
});

test("a failing step names itself and stays, a few of them", { skip }, async () => {
  const context = rooms.context({ Dockerfile: "FROM busybox\nRUN echo before\nRUN echo here > /trace; exit 7\nRUN echo after\n" });
  const error = await failing(context);
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
    await failing(context);
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

test("ADD unpacks archives and keeps what is no archive", { skip }, async () => {
  const context = rooms.context({
    Dockerfile: "FROM busybox\nADD a.tgz plain.gz b.tar /d/\nADD --unpack=false b.tar /b.tar\n",
    "x/one": "1",
    "x/sub/two": "2",
  });
  execFileSync("tar", ["-C", join(context, "x"), "--owner=7", "--group=8", "-czf", join(context, "a.tgz"), "one"]);
  execFileSync("tar", ["-C", join(context, "x"), "-cf", join(context, "b.tar"), "sub"]);
  writeFileSync(join(context, "plain.gz"), "not compressed at all");
  const { image } = await rooms.build(context);
  await within(image, (root) => {
    assert.deepEqual(readdirSync(join(root, "d")), ["one", "plain.gz", "sub"]);
    assert.equal(readFileSync(join(root, "d/sub/two"), "utf8"), "2");
    assert.equal(statSync(join(root, "d/one")).uid, 7);
    assert.ok(statSync(join(root, "b.tar")).size > 1000);
  });
});

test("ADD downloads, checks the sum, and refuses where a redirect must not lead", { skip }, async () => {
  const server = createServer((request, response) => {
    const redirects: Record<string, string> = {
      "/file": "file:///etc/passwd",
      "/meta": "http://169.254.169.254/latest",
      "/ok": "/data.bin",
    };
    const to = redirects[request.url!];
    if (to) response.writeHead(302, { location: to }).end();
    else if (request.url === "/data.bin") response.writeHead(200, { "last-modified": "Wed, 01 Jan 2020 00:00:00 GMT" }).end("data");
    else response.writeHead(404).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const add = (line: string): string => rooms.context({ Dockerfile: `FROM busybox\nADD ${line}\n` });
  try {
    const sum = "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7";
    const { image } = await rooms.build(add(`--checksum=sha256:${sum} ${url}/data.bin /d/`));
    await within(image, (root) => {
      const { mode, mtimeMs } = statSync(join(root, "d/data.bin"));
      assert.deepEqual([(mode & 0o777).toString(8), mtimeMs], ["600", Date.UTC(2020, 0, 1)]);
    });
    await rooms.build(add(`${url}/ok /x`));
    assert.match((await failing(add(`${url}/file /x`))).message, /file:\/\/ is refused/);
    assert.match((await failing(add(`${url}/meta /x`))).message, /link-local address 169\.254\.169\.254 is refused/);
    assert.match((await failing(add(`${url}/none /x`))).message, /invalid response status 404/);
    assert.match((await failing(add(`--checksum=sha256:00 ${url}/data.bin /x`))).message, /digest mismatch/);
  } finally {
    server.close();
  }
});

test("a context can come as a tar", { skip }, async () => {
  const source = rooms.context({
    Dockerfile: "FROM busybox\nCOPY . /c\nRUN cat /c/dir/a\n",
    ".dockerignore": "skip",
    "dir/a": "from a tar\n",
    skip: "",
  });
  symlinkSync("dir/a", join(source, "link"));
  execFileSync("ln", [join(source, "dir/a"), join(source, "hard")]);
  const send = (name: string): Promise<string> =>
    receiveContext(Readable.from([execFileSync("tar", ["-C", source, "-cz", "."])]), join(rooms.directory, name));
  const { image, events } = await rooms.build(await send("received-1"), { contextName: "tarred" });
  assert.equal(logs(events), "from a tar\n");
  await within(image, (root) => {
    assert.deepEqual(readdirSync(join(root, "c")), [".dockerignore", "Dockerfile", "dir", "hard", "link"]);
    assert.equal(statSync(join(root, "c/hard")).ino, statSync(join(root, "c/dir/a")).ino);
  });
  const second = await rooms.build(await send("received-2"), { contextName: "tarred" });
  assert.deepEqual(
    Object.values(ended(second.events)).filter((end) => end !== "cached"),
    [],
  );
  const direct = await rooms.build(source);
  assert.deepEqual(
    Object.values(ended(direct.events)).filter((end) => end !== "cached"),
    [],
    "a directory has the same keys",
  );
});

test("a malformed context is refused", { skip }, async () => {
  await assert.rejects(
    receiveContext(Readable.from([Buffer.from("not a tar at all".repeat(100))]), join(rooms.directory, "bad")),
    /invalid tar header/,
  );
});

test("named contexts stand for --from and FROM", { skip }, async () => {
  const other = rooms.context({ file: "from the other context\n" });
  const context = rooms.context({ Dockerfile: "FROM base\nCOPY --from=other file /file\nRUN cat /file\n" });
  const { events } = await rooms.build(context, { contexts: { other: { dir: other }, base: { image: "busybox" } } });
  assert.equal(logs(events), "from the other context\n");
});

test("the cache survives a restart, and a lost layer is made again", { skip }, async () => {
  const context = rooms.context({ Dockerfile: "FROM busybox\nRUN echo kept > /kept\n" });
  const { image } = await rooms.build(context);
  const builder = await rooms.reopen();
  await builder.sweep();
  const events: BuildProgress[] = [];
  const request = {
    contextDir: context,
    dockerfile: { path: "Dockerfile" },
    tags: [],
    buildArgs: {},
    labels: {},
    noCache: false,
    pull: false,
  };
  await builder.build(request, (event) => events.push(event));
  assert.equal(ended(events)["RUN echo kept > /kept"], "cached");
  await rooms.snapshots.removeLayer(topLayer(image)!);
  assert.deepEqual(await again(context), { "RUN echo kept > /kept": "its result is no longer in the cache" });
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

test("prune() removes what no image uses, and with all the rest", { skip }, async () => {
  const { image } = await rooms.build(rooms.context({ Dockerfile: "FROM busybox\nRUN echo pruned > /pruned\n" }));
  const listed = await rooms.builder.cache();
  assert.ok(listed.some((entry) => entry.description === "RUN echo pruned > /pruned" && entry.inUse && entry.sizeBytes > 0));
  const some = await rooms.builder.prune({ all: false });
  assert.ok(!some.deleted.some((id) => listed.find((entry) => entry.id === id)?.inUse));
  const all = await rooms.builder.prune({ all: true });
  assert.ok(all.deleted.length > 0);
  assert.deepEqual(await rooms.builder.cache(), []);
  assert.ok(await rooms.snapshots.layer(topLayer(image)!), "an image keeps its layers");
});
