import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { recordedBuilds } from "../../test/conformance/dockerd.ts";
import type { BuildProgress, BuildStep } from "../build/builder.ts";
import { ClassicOutput } from "./build-output.ts";
import type { JsonMessage } from "./types/image.ts";

type Event = BuildProgress;

/** What a builder would have reported for dockerd's messages, in their order, to see whether they come out the same. */
function eventsOf(messages: readonly JsonMessage[]): Event[] {
  const headlines = messages.filter(({ stream }) => stream?.startsWith("Step "));
  const stages = stagesOf(headlines.map(({ stream }) => stream!));
  const steps = headlines.map(({ stream }, index): BuildStep => {
    const instruction = stream!.replace(/^Step \d+\/\d+ : /, "");
    const word = instruction.split(" ")[0]!.toLowerCase();
    const kind = word === "from" || word === "run" || word === "copy" ? word : stages[index] === null ? "arg" : "config";
    return { id: String(index), name: instruction, instruction, kind, stage: stages[index]!, inputs: [] };
  });
  const total = Number(/^Step \d+\/(\d+)/.exec(headlines[0]!.stream!)![1]);
  const never = Array.from({ length: total - steps.length }, (_, index): BuildStep => ({ ...steps.at(-1)!, id: `never-${index}` }));
  const events: Event[] = [{ type: "plan", steps: [...steps, ...never] }];
  let at = -1;
  let end: { imageId?: `sha256:${string}`; cached: boolean } = { cached: false };
  const finish = (): void => {
    if (at >= 0) events.push({ type: "end", step: String(at), durationMs: 0, addedBytes: 0, ...end });
    end = { cached: false };
  };
  for (const { stream = "" } of messages) {
    const running = /Running in (\w+)/.exec(stream)?.[1];
    const id = /^ ---> ([0-9a-f]{12})\n/.exec(stream)?.[1];
    const output = /^(?:\u001b\[91m)?([^\u001b]*)/.exec(stream)![1]!;
    if (stream.startsWith("Step ")) {
      finish();
      at += 1;
      const waits = steps[at]!.kind === "run" || steps[at]!.kind === "config";
      const container = messages.slice(messages.indexOf(headlines[at]!)).find((message) => message.stream?.includes("Running in"));
      const found = waits ? /Running in (\w+)/.exec(container?.stream ?? "")?.[1] : undefined;
      const next = messages.indexOf(headlines[at + 1]!);
      const own = container && (next < 0 || messages.indexOf(container) < next);
      events.push({ type: "start", step: String(at), ...(found && own && { containerId: found }) });
    } else if (stream === " ---> Using cache\n") end.cached = true;
    else if (id !== undefined) end.imageId = fullId(messages, id);
    else if (stream.startsWith("[Warning] ")) events.push({ type: "warning", message: stream.slice(10, -1) });
    else if (stream.startsWith("Successfully built")) {
      finish();
      at = -1;
      const tags = messages.flatMap((message) => /^Successfully tagged (.*)\n/.exec(message.stream ?? "")?.[1] ?? []);
      events.push({ type: "image", id: lastId(messages), tags });
    } else if (running === undefined && stream !== "\n" && !stream.startsWith("Successfully") && !stream.startsWith(" ---> "))
      if (stream !== "")
        events.push({ type: "log", step: String(at), stream: stream.startsWith("\u001b") ? "stderr" : "stdout", data: output });
  }
  return events;
}

function stagesOf(lines: readonly string[]): (string | null)[] {
  let stage: number | null = null;
  return lines.map((line) => {
    if (/: FROM /.test(line)) stage = (stage ?? -1) + 1;
    return stage === null ? null : String(stage);
  });
}

/** Only the images that end a stage are named in full. */
function fullId(messages: readonly JsonMessage[], short: string): `sha256:${string}` {
  const full = messages.map(({ aux }) => aux?.["ID"]).find((id) => typeof id === "string" && id.startsWith(`sha256:${short}`));
  return (full as `sha256:${string}` | undefined) ?? `sha256:${short}`;
}

function lastId(messages: readonly JsonMessage[]): `sha256:${string}` {
  return messages.findLast(({ aux }) => aux)!.aux!["ID"] as `sha256:${string}`;
}

for (const name of ["ok", "cached", "multi-stage", "build-arg", "failing-step", "copy-missing"])
  test(`a classic build "${name}" is told in dockerd's words`, () => {
    const recorded = recordedBuilds[name]!;
    const sent: JsonMessage[] = [];
    const output = new ClassicOutput((message) => sent.push(message), tmpdir());
    for (const event of eventsOf(recorded)) output.progress(event);
    assert.deepEqual(
      sent,
      recorded.filter(({ error }) => error === undefined),
    );
  });

const steps = ["FROM a", "RUN one", "FROM b", "RUN two"].map((instruction, index): BuildStep => ({
  id: String(index),
  name: instruction,
  instruction,
  kind: index % 2 === 0 ? "from" : "run",
  stage: index < 2 ? "0" : "1",
  inputs: [],
}));

test("steps that run at the same time are told one after another", () => {
  const lines: string[] = [];
  const output = new ClassicOutput(({ stream }) => stream !== undefined && stream !== "\n" && lines.push(stream.trim()), tmpdir());
  const end = (step: string): Event => ({
    type: "end",
    step,
    cached: false,
    durationMs: 0,
    addedBytes: 0,
    imageId: `sha256:${step.repeat(12)}`,
  });
  const log = (step: string, data: string): Event => ({ type: "log", step, stream: "stdout", data });
  output.progress({ type: "plan", steps });
  for (const step of ["2", "0"]) output.progress({ type: "start", step });
  output.progress(end("2"));
  output.progress(end("0"));
  output.progress({ type: "start", step: "3" });
  output.progress(log("3", "two begins"));
  output.progress({ type: "start", step: "1" });
  output.progress(log("1", "one"));
  assert.equal(lines.at(-1), "one", "the step whose turn it is, is live");
  output.progress(end("3"));
  output.progress(end("1"));
  const told = ["Step 1/4 : FROM a", "---> 000000000000", "Step 2/4 : RUN one", "one", "---> 111111111111"];
  assert.deepEqual(lines, [...told, "Step 3/4 : FROM b", "---> 222222222222", "Step 4/4 : RUN two", "two begins", "---> 333333333333"]);
});

test("what a step prints before its turn is told whole, however much it is", async () => {
  const pieces: string[] = [];
  const output = new ClassicOutput(({ stream = "" }) => pieces.push(stream), tmpdir());
  output.progress({ type: "plan", steps });
  for (const step of ["0", "1", "2", "3"]) output.progress({ type: "start", step });
  const end = (step: string): Event => ({ type: "end", step, cached: false, durationMs: 0, addedBytes: 0 });
  for (const step of ["0", "2"]) output.progress(end(step));
  for (let count = 0; count < 600; count++)
    output.progress({ type: "log", step: "3", stream: "stdout", data: `${String(count).padEnd(10_000)}\n` });
  output.progress(end("3"));
  output.progress(end("1"));
  output.progress({ type: "image", id: `sha256:${"a".repeat(64)}`, tags: [] });
  await output.end();
  const text = pieces.join("");
  const told = [...text.matchAll(/^(\d+) +$/gm)].map(([, count]) => Number(count));
  assert.deepEqual(
    told,
    Array.from({ length: 600 }, (_, count) => count),
  );
  assert.match(text.slice(-40), /Successfully built aaaaaaaaaaaa\n$/);
  assert.ok(text.indexOf("Step 4/4") < text.indexOf("0  "));
});
