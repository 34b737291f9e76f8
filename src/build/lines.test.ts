import assert from "node:assert/strict";
import { stripVTControlCharacters } from "node:util";
import { test } from "node:test";
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
