import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import type { JsonMessage } from "../api/types/image.ts";
import { BuildReader } from "./build-events.ts";
import { checkBuildFlags } from "./build-checks.ts";
import { excerptOf } from "./build-failure.ts";
import { readOutputs } from "./build-outputs.ts";
import { PlainScreen } from "./build-plain.ts";
import { RawJsonScreen } from "./build-rawjson.ts";

/** What the plain form shows of a build; each message comes a tenth of a second after the one before. */
async function plain(messages: readonly JsonMessage[], error?: string): Promise<{ output: string; imageId: string }> {
  let time = 0;
  const output = new PassThrough();
  const reader = new BuildReader(() => time);
  const screen = new PlainScreen(output, () => time);
  for (const message of messages) {
    time += 100;
    for (const event of reader.read(message)) screen.show(event);
  }
  for (const event of reader.end(error)) screen.show(event);
  screen.close();
  output.end();
  return { output: await text(output), imageId: reader.imageId };
}

const lines = (...texts: string[]): JsonMessage[] => texts.map((stream) => ({ stream }));

test("PlainScreen draws the classic builder's lines", async () => {
  const { output, imageId } = await plain([
    ...lines("Step 1/3 : FROM busybox", "\n", " ---> 4f7fef9c978d\n", "Step 2/3 : RUN echo hi", "\n", " ---> Running in d6d69fba93f0\n"),
    ...lines("hi\n", "\u001b[91moops\n\u001b[0m", " ---> Removed intermediate container d6d69fba93f0\n", " ---> 7be702d1bf94\n"),
    ...lines("Step 3/3 : COPY a /a\n", " ---> Using cache\n", " ---> 5c8aac2bd47c\n"),
    { aux: { ID: "sha256:5c8a" } },
    ...lines("Successfully built 5c8aac2bd47c\n", "Successfully tagged x:latest\n"),
  ]);
  assert.equal(
    output,
    `#1 [1/3] FROM busybox
#1 DONE 0.3s

#2 [2/3] RUN echo hi
#2 0.200 hi
#2 0.300 oops
#2 DONE 0.6s

#3 [3/3] COPY a /a
#3 CACHED
`,
  );
  assert.equal(imageId, "sha256:5c8a");
});

test("PlainScreen names the step that failed", async () => {
  const { output } = await plain(lines("Step 1/1 : RUN false\n", "working\n"), "exit code: 1");
  assert.equal(output, "#1 [1/1] RUN false\n#1 0.100 working\n#1 ERROR: exit code: 1\n");
});

const progress = (event: object): JsonMessage => ({ aux: { "berth.progress": event } });

test("PlainScreen draws our engine's steps with size and reason, also side by side", async () => {
  const steps = [
    { id: "from", name: "", kind: "from", inputs: [] },
    { id: "a", name: "[a 1/1] RUN make", kind: "run", inputs: ["from"] },
    { id: "b", name: "[b 1/1] COPY . .", kind: "copy", inputs: [] },
    { id: "c", name: "[b 2/2] ENV X=1", kind: "config", inputs: ["b"] },
  ];
  const { output, imageId } = await plain([
    progress({ type: "plan", steps }),
    progress({ type: "start", step: "from" }),
    progress({ type: "end", step: "from", cached: true, durationMs: 0, addedBytes: 0 }),
    progress({ type: "start", step: "a" }),
    progress({ type: "start", step: "b" }),
    progress({ type: "log", step: "a", stream: "stdout", data: "compi" }),
    progress({ type: "end", step: "b", cached: true, durationMs: 1, addedBytes: 0 }),
    progress({ type: "log", step: "a", stream: "stdout", data: "ling\nlinking" }),
    progress({ type: "end", step: "a", cached: false, reason: "main.c changed", durationMs: 1234, addedBytes: 41_000_000 }),
    progress({ type: "start", step: "c" }),
    progress({ type: "end", step: "c", cached: false, durationMs: 0, addedBytes: 0 }),
    progress({ type: "warning", message: "JSON arguments recommended" }),
    progress({ type: "image", id: "sha256:1", tags: [] }),
  ]);
  assert.equal(
    output,
    `#1 [a 1/1] RUN make

#2 [b 1/1] COPY . .
#2 CACHED

#1 [a 1/1] RUN make
#1 0.400 compiling
#1 0.500 linking
#1 not cached: main.c changed
#1 DONE 1.2s · +41MB
WARNING: JSON arguments recommended
`,
  );
  assert.equal(imageId, "sha256:1");
});

test("PlainScreen says which step was under way when the build was canceled", async () => {
  const plan = { type: "plan", steps: [{ id: "a", name: "[1/1] RUN sleep 9", kind: "run", inputs: [] }] };
  const { output } = await plain([progress(plan), progress({ type: "start", step: "a" })]);
  assert.equal(output, "#1 [1/1] RUN sleep 9\n#1 CANCELED\n");
});

test("RawJsonScreen announces steps with their inputs, starts and ends them, and tells of the image", async () => {
  const output = new PassThrough();
  const reader = new BuildReader(() => 0);
  const screen = new RawJsonScreen(output, () => 0);
  const steps = [
    { id: "f", name: "[1/2] FROM busybox", kind: "from", inputs: [] },
    { id: "e", name: "ENV X=1", kind: "config", inputs: ["f"] },
    { id: "r", name: "[2/2] RUN make", kind: "run", inputs: ["e"] },
  ];
  for (const event of [
    { type: "plan", steps },
    { type: "warning", message: "odd", range: { startLine: 2, endLine: 3 }, url: "u" },
    { type: "start", step: "r" },
    { type: "log", step: "r", stream: "stderr", data: "oops" },
    { type: "end", step: "r", cached: true, durationMs: 0, addedBytes: 0 },
    { type: "image", id: "sha256:1", tags: ["a/b"] },
    { type: "image", id: "sha256:1", tags: ["a/b"], index: "sha256:2" },
  ])
    for (const shown of reader.read(progress(event))) screen.show(shown);
  output.end();
  const epoch = "1970-01-01T00:00:00.000Z";
  const written = (await text(output)).trimEnd().split("\n").map((line) => JSON.parse(line) as Record<string, Record<string, unknown>[]>); // oxfmt-ignore
  const [from, run] = written.slice(0, 2).map(({ vertexes }) => vertexes![0]!);
  assert.deepEqual([from!["name"], run!["inputs"]], ["[1/2] FROM busybox", [from!["digest"]]]);
  const { vertex: _, ...warning } = written[2]!["warnings"]![0]!;
  assert.deepEqual(warning, { level: 1, short: "b2Rk", url: "u", range: [{ start: { line: 2 }, end: { line: 3 } }] });
  assert.deepEqual(written.slice(3, 6), [
    { vertexes: [{ ...run, started: epoch }] },
    { logs: [{ vertex: run!["digest"], stream: 2, data: "b29wcw==", timestamp: epoch }] },
    { vertexes: [{ ...run, started: epoch, completed: epoch, cached: true }] },
  ]);
  const exported = written.slice(6).map(({ vertexes, statuses }) => vertexes?.[0]!["name"] ?? statuses![0]!["id"]);
  const vertex = "exporting to image";
  assert.deepEqual(exported, [vertex, vertex, "exporting layers", "writing image sha256:1", "naming to docker.io/a/b:latest", vertex]);
});

for (const [line, wanted] of [
  [1, "D:1\n--------------------\n   1 | >>> a\n   2 |     b\n   3 |     c\n--------------------\n"],
  [3, "D:3\n--------------------\n   1 |     a\n   2 |     b\n   3 | >>> c\n   4 |     d\n   5 |     e\n--------------------\n"],
] as const)
  test(`excerptOf() shows line ${line} among others`, () => {
    assert.equal(excerptOf("a\nb\nc\nd\ne\nf", { name: "D", range: { startLine: line, endLine: line } }), wanted);
  });

const FINE = { "add-host": [], allow: [], "build-arg": [], label: [], "no-cache": false, "no-cache-filter": [], ulimit: [] };

for (const [flags, wanted] of [
  [{ "add-host": ["a:1.2.3.4", "b=::1", "c=[::1]", "d:host-gateway"], allow: ["network.host"], ulimit: ["nofile=1:2"] }, undefined],
  [{ "add-host": ["a:999"] }, "invalid host a:999"],
  [{ "add-host": ["a"] }, "invalid host a"],
  [{ allow: ["all"] }, "unknown entitlement all"],
  [{ label: ["=x"] }, 'invalid key-value pair "=x": empty key'],
  [{ "no-cache": true, "no-cache-filter": ["a"] }, "--no-cache and --no-cache-filter cannot currently be used together"],
  [{ ulimit: ["nofile=5:1"] }, 'invalid argument "nofile=5:1" for "--ulimit" flag: ulimit soft limit must be less than or equal to hard limit: 5 > 1'], // oxfmt-ignore
] as const)
  test(`checkBuildFlags() of ${JSON.stringify(flags)}`, async () => {
    const said = await checkBuildFlags({ ...FINE, ...flags }).catch((error: Error) => error.message);
    assert.equal(said, wanted);
  });

for (const [output, wanted] of [
  ["type=oci,dest=x,tar=false", /writes an archive: leave out tar=false/],
  ["type=image,name=a,compression=zstd", /compression type "zstd" is not supported/],
] as const)
  test(`readOutputs() refuses ${output}`, () => {
    assert.throws(() => readOutputs({ output: [output], load: false, push: false }), wanted);
  });
