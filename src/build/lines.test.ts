import assert from "node:assert/strict";
import { stripVTControlCharacters } from "node:util";
import { test } from "node:test";
import type { BuildProgress } from "../../engine/api/types/builds.ts";
import type { JsonMessage } from "../../engine/api/types/image.ts";
import { BuildLines } from "./lines.ts";

/** The clock goes on by half a second at each look. */
function render(messages: JsonMessage[]): { text: string; lines: BuildLines } {
  let time = 0;
  const lines = new BuildLines(() => (time += 500));
  const text = messages.map((message) => lines.push(message)).join("") + lines.finish();
  return { text: stripVTControlCharacters(text).replaceAll("\r\n", "\n"), lines };
}

const says = (...texts: string[]): JsonMessage[] => texts.map((stream) => ({ stream }));

const cases: [string, JsonMessage[], string][] = [
  [
    "steps without output",
    says(
      "Step 1/2 : FROM busybox\n",
      " ---> 0123\n",
      "Step 2/2 : ENV a=b\n",
      " ---> Running in 45\n",
      " ---> Removed intermediate container 45\n",
      " ---> 67\n",
    ),
    "[1/2] FROM busybox  0.5 s\n[2/2] ENV a=b  0.5 s\n",
  ],
  [
    "cached steps",
    says("Step 1/2 : FROM busybox\n", " ---> 0123\n", "Step 2/2 : RUN make\n", " ---> Using cache\n", " ---> 67\n"),
    "[1/2] FROM busybox  0.5 s\n[2/2] RUN make  CACHED\n",
  ],
  [
    "Podman's steps",
    says("[1/2] STEP 1/2: FROM busybox AS base\n", "[1/2] STEP 2/2: RUN make\n", "--> Using cache 0123\n", "STEP 1/1: FROM base\n"),
    "[1/2] FROM busybox AS base  0.5 s\n[2/2] RUN make  CACHED\n[1/1] FROM base  0.5 s\n",
  ],
  [
    "what a command prints",
    says("Step 1/1 : RUN make\n", " ---> Running in 45\n", "cc", " -o main\nld\n", "done\n", "Removing intermediate container 45\n"),
    "[1/1] RUN make\n      cc -o main\n      ld\n      done\n      0.5 s\n",
  ],
  [
    "a last line without an end",
    says("Step 1/2 : RUN printf ...\n", "...", "Step 2/2 : RUN true\n"),
    "[1/2] RUN printf ...\n      ...\n      0.5 s\n[2/2] RUN true  0.5 s\n",
  ],
  ["our words in pieces", says("Ste", "p 1/1 : RUN a\nSuccess", "fully built 0123\nSuccessfully tagged web:1\n"), "[1/1] RUN a  0.5 s\n"],
  [
    "a failure",
    [
      ...says("Step 1/1 : RUN false\n", " ---> Running in 45\n"),
      { error: "x", errorDetail: { code: 1, message: "The command '/bin/sh -c false' returned a non-zero code: 1" } },
    ],
    "[1/1] RUN false  FAILED\nThe command '/bin/sh -c false' returned a non-zero code: 1\n",
  ],
  [
    "the pull of a base",
    [
      ...says("Step 1/1 : FROM busybox\n"),
      { status: "Pulling from library/busybox", id: "latest" },
      { status: "Downloading", id: "ab", progressDetail: { current: 1, total: 2 } },
      { status: "Pull complete", id: "ab", progressDetail: {} },
    ],
    "[1/1] FROM busybox\n      latest: Pulling from library/busybox\n      ab: Pull complete\n      0.5 s\n",
  ],
];

for (const [name, messages, want] of cases) test(`BuildLines shows ${name}`, () => assert.equal(render(messages).text, want));

test("BuildLines knows the outcome", () => {
  const { lines } = render([
    ...says("Step 1/1 : RUN a\n", " ---> Using cache\n", "Successfully built 0123\n"),
    { aux: { ID: "sha256:0123" } },
  ]);
  assert.deepEqual([lines.imageId, lines.error, lines.cachedSteps], ["sha256:0123", undefined, 1]);
  assert.equal(render([{ error: "no such file" }]).lines.error, "no such file");
});

const plan: BuildProgress = {
  type: "plan",
  steps: [
    { id: "0.from", name: "[a 1/2] FROM busybox", instruction: "FROM busybox AS a", kind: "from", stage: "a", inputs: [] },
    { id: "0.0", name: "", instruction: "ENV A=1", kind: "config", stage: "a", inputs: ["0.from"] },
    { id: "0.1", name: "[a 2/2] RUN make", instruction: "RUN make", kind: "run", stage: "a", inputs: ["0.0"] },
    { id: "1.0", name: "[b 1/1] COPY . .", instruction: "COPY . .", kind: "copy", stage: "b", inputs: [] },
  ],
};
const start = (step: string): BuildProgress => ({ type: "start", step });
const log = (step: string, data: string): BuildProgress => ({ type: "log", step, stream: "stdout", data });
const end = (step: string, more: Partial<BuildProgress & { type: "end" }> = {}): BuildProgress => ({
  type: "end",
  step,
  cached: false,
  durationMs: 200,
  addedBytes: 0,
  ...more,
});

const exact: [string, BuildProgress[], string][] = [
  [
    "what a step took and added, and why it ran",
    [
      start("0.from"),
      end("0.from", { cached: true, durationMs: 1, addedBytes: 4_100_000 }),
      start("0.0"),
      end("0.0"),
      start("0.1"),
      end("0.1", { addedBytes: 41_000_000, reason: "main.c has changed", causes: [{ kind: "file", name: "main.c" }] }),
    ],
    "[a 1/2] FROM busybox  CACHED · +4.1 MB\n[a 2/2] RUN make  0.2 s · +41 MB — main.c has changed\n",
  ],
  ["a slow look into the cache", [start("0.1"), end("0.1", { cached: true, addedBytes: 1 })], "[a 2/2] RUN make  CACHED · 0.2 s · +1 B\n"],
  ["no reason on a first build", [start("0.1"), end("0.1", { reason: "x", causes: [{ kind: "first" }] })], "[a 2/2] RUN make  0.2 s\n"],
  [
    "steps side by side",
    [start("0.1"), log("0.1", "cc"), start("1.0"), log("0.1", " -o x\n"), end("1.0"), end("0.1")],
    "[a 2/2] RUN make\n      cc\n[b 1/1] COPY . .\n[a 2/2] RUN make\n       -o x\n[b 1/1] COPY . .  0.2 s\n[a 2/2] RUN make  0.2 s\n",
  ],
  [
    "a failure and a warning",
    [
      { type: "warning", message: "old", range: { startLine: 3, endLine: 3 } },
      start("0.1"),
      log("0.1", "no\n"),
      end("0.1", { error: "x" }),
      { type: "finish", status: "failed", error: "make: exit code 1" },
    ],
    "Warning: old, line 3\n[a 2/2] RUN make\n      no\n      FAILED · 0.2 s\nmake: exit code 1\n",
  ],
];

for (const [name, events, want] of exact)
  test(`BuildLines shows ${name}`, () =>
    assert.equal(
      render([{ type: "build", id: "b" } as const, plan, ...events].map((event) => ({ aux: { "berth.progress": event } }))).text,
      want,
    ));
