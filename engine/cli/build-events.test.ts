import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import type { JsonMessage } from "../api/types/image.ts";
import { BuildReader } from "./build-events.ts";
import { PlainScreen } from "./build-plain.ts";

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
    { id: "a", name: "[a 1/1] RUN make", kind: "run" },
    { id: "b", name: "[b 1/1] COPY . .", kind: "copy" },
    { id: "c", name: "[b 2/2] ENV X=1", kind: "config" },
  ];
  const { output, imageId } = await plain([
    progress({ type: "plan", steps }),
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
