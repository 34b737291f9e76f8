import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pack } from "tar-stream";
import { buffer } from "node:stream/consumers";
import { startApi } from "../../test/support/api-server.ts";
import { fakeServices } from "../../test/support/fake-services.ts";
import { StepError } from "../build/builder.ts";
import type { BuildProgress, BuildRequest, BuildStep } from "../build/builder.ts";
import { isReceived, TarTree } from "../build/tar-tree.ts";
import { EngineError } from "../errors.ts";

const scratch = mkdtempSync(join(tmpdir(), "berth-build-"));
const id = `sha256:${"a1".repeat(32)}` as const;
const steps: BuildStep[] = [
  { id: "0", name: "FROM busybox", instruction: "FROM busybox", kind: "from", stage: "0", inputs: [] },
  { id: "1", name: "RUN make", instruction: "RUN make", kind: "run", stage: "0", inputs: ["0"] },
];

let asked: BuildRequest;
let names: string[];
let outcome: "succeeds" | "fails" | "is refused" | "waits" = "succeeds";
let aborted: (reason: unknown) => void = () => undefined;
const services = fakeServices({
  system: { scratch },
  builder: {
    build: async (request, progress, signal) => {
      asked = request;
      // A tar stays a tar, which the builder reads where it lies.
      names = await namesIn(request.contextDir);
      if (outcome === "is refused") throw new EngineError("invalid", "dockerfile parse error on line 1: unknown instruction: FORM");
      report(progress);
      if (outcome === "fails") throw new StepError("The command '/bin/sh -c make' returned a non-zero code: 2", { step: "1", exitCode: 2 });
      if (outcome === "waits")
        await new Promise((_resolve, reject) =>
          signal!.addEventListener("abort", () => (aborted(signal!.reason), reject(signal!.reason as Error))),
        );
      progress({ type: "end", step: "1", cached: false, durationMs: 1, addedBytes: 1, imageId: id });
      progress({ type: "image", id, tags: ["app:1"] });
      return Promise.resolve({ imageId: id, manifest: { mediaType: "", digest: id, size: 0 } });
    },
  },
});
const api = await startApi(services);
after(async () => {
  await api.close();
  rmSync(scratch, { recursive: true });
});

/** A tar stays a tar, which the builder reads where it lies. */
async function namesIn(context: string): Promise<string[]> {
  if (!isReceived(context)) return readdirSync(context);
  const tree = await TarTree.open(context);
  tree.close();
  return [...tree.children("")];
}

function report(progress: (event: BuildProgress) => void): void {
  progress({ type: "plan", steps });
  progress({ type: "start", step: "0" });
  progress({ type: "end", step: "0", cached: true, durationMs: 1, addedBytes: 0, imageId: id });
  progress({ type: "start", step: "1", containerId: "c".repeat(64) });
  progress({ type: "log", step: "1", stream: "stdout", data: "making\n" });
}

async function tar(): Promise<Buffer> {
  const archive = pack();
  archive.entry({ name: "Dockerfile" }, "FROM busybox\nRUN make\n");
  archive.finalize();
  return buffer(archive);
}

/** The context goes after the answer has ended, so that nobody waits for it. */
async function emptied(): Promise<void> {
  while (readdirSync(scratch).length > 0) await new Promise((resolve) => setImmediate(resolve));
}

const headers = { "content-type": "application/x-tar" };

async function build(query: string, how: typeof outcome): Promise<{ status: number; messages: Record<string, unknown>[]; text: string }> {
  outcome = how;
  const { status, text } = await api.ask("POST", `/build?${query}`, { headers, body: await tar() });
  const lines = text.split("\r\n").filter((line) => line !== "");
  return { status, text, messages: status === 200 ? lines.map((line) => JSON.parse(line) as Record<string, unknown>) : [] };
}

test("a build gets its context and its options, and leaves neither", async () => {
  const args = encodeURIComponent(JSON.stringify({ A: "1", B: null }));
  const labels = encodeURIComponent(JSON.stringify({ l: "1" }));
  const query = `t=app:1&t=app:2&dockerfile=Dockerfile&buildargs=${args}&labels=${labels}&nocache=1&target=final&networkmode=host&shmsize=64&extrahosts=${encodeURIComponent('["a:1.2.3.4"]')}&platform=linux/arm64`;
  const { status, messages, text } = await build(query, "succeeds");
  assert.equal(status, 200, text);
  assert.deepEqual(messages.slice(-3), [
    { aux: { ID: id } },
    { stream: "Successfully built a1a1a1a1a1a1\n" },
    { stream: "Successfully tagged app:1\n" },
  ]);
  const { contextDir, auth: _auth, client, ...options } = asked;
  assert.equal(client?.directory, process.cwd(), "the process that asks");
  assert.deepEqual(options, {
    dockerfile: { path: "Dockerfile" },
    tags: ["app:1", "app:2"],
    buildArgs: { A: "1", B: null },
    labels: { l: "1" },
    noCache: true,
    pull: false,
    target: "final",
    networkMode: "host",
    extraHosts: ["a:1.2.3.4"],
    shmSizeBytes: 64,
    platform: "linux/arm64",
  });
  assert.deepEqual(names, ["Dockerfile"]);
  assert.ok(contextDir.startsWith(scratch));
  await emptied();
});

test("a quiet build says its id alone", async () => {
  assert.deepEqual((await build("q=1", "succeeds")).messages, [{ stream: `${id}\n` }]);
});

test("a step that fails ends the stream with its sentence and exit code, and a quiet build then tells all", async () => {
  const message = "The command '/bin/sh -c make' returned a non-zero code: 2";
  const failure = { errorDetail: { code: 2, message }, error: message };
  assert.deepEqual((await build("", "fails")).messages.at(-1), failure);
  const quiet = (await build("q=1", "fails")).messages;
  assert.deepEqual([quiet[0], quiet.at(-1)], [{ stream: "Step 1/2 : FROM busybox" }, failure]);
});

test("what is wrong before the first step is a status", async () => {
  const { status, text } = await build("", "is refused");
  assert.equal(status, 400);
  assert.equal(text, '{"message":"dockerfile parse error on line 1: unknown instruction: FORM"}\n');
});

test("a client that goes away stops the build", async () => {
  outcome = "waits";
  const stopped = new Promise((resolve) => (aborted = resolve));
  const socket = api.dial();
  const body = await tar();
  socket.write(`POST /build HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\nContent-Length: ${body.length}\r\n\r\n`);
  socket.write(body);
  await new Promise((resolve) => socket.once("data", resolve));
  socket.destroy();
  await stopped;
  await emptied();
});

test("the context may be a Dockerfile or an archive at a URL", async () => {
  const server = createServer((request, response) => {
    const plain = request.url === "/Dockerfile";
    void tar().then((body) =>
      response.setHeader("content-type", plain ? "text/plain" : "application/x-tar").end(plain ? "FROM busybox\n" : body),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    assert.equal((await build(`remote=${encodeURIComponent(`${url}/Dockerfile`)}`, "succeeds")).status, 200);
    assert.deepEqual([asked.dockerfile, asked.contextName, names], [{ path: "Dockerfile" }, `${url}/Dockerfile`, ["Dockerfile"]]);
    assert.equal((await build(`remote=${encodeURIComponent(`${url}/context.tar`)}`, "succeeds")).status, 200);
  } finally {
    server.close();
  }
});

test("a broken body is 400", async () => {
  const answer = await api.ask("POST", "/build", { headers, body: Buffer.alloc(3000, "junk") });
  assert.equal(answer.status, 400, answer.text);
  await emptied();
});
