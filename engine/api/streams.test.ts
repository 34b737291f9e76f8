import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { frame, JsonStream, outputType } from "./streams.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-streams-"));
const socketPath = join(folder, "s");
const arrivals: ((response: ServerResponse) => void)[] = [];
const server = createServer((_request, response) => arrivals.shift()!(response));
await new Promise<void>((resolve) => server.listen(socketPath, resolve));
after(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

/** Both ends of one answer. */
async function answer(): Promise<{ response: ServerResponse; client: Promise<IncomingMessage> }> {
  const client = new Promise<IncomingMessage>((resolve, reject) => {
    request({ socketPath, path: "/" }, resolve).on("error", reject).end();
  });
  const response = await new Promise<ServerResponse>((resolve) => arrivals.push(resolve));
  return { response, client };
}

test("a JSON stream begins with its first message and ends each with CRLF", async () => {
  const { response, client } = await answer();
  const stream = new JsonStream(response);
  assert.equal(stream.started, false);
  stream.send({ status: "Pulling" });
  assert.equal(stream.started, true);
  stream.end({ message: "no", code: 3 });
  const body = await text(await client);
  assert.equal(body, '{"status":"Pulling"}\r\n{"errorDetail":{"code":3,"message":"no"},"error":"no"}\r\n');
});

test("who sends waits for a client that does not read, and nothing is lost", async () => {
  const { response, client } = await answer();
  const stream = new JsonStream(response);
  await stream.pass({ status: "begin" });
  const incoming = await client;
  const line = "x".repeat(1000);
  let sent = 0;
  let stuck = (): void => undefined;
  const isStuck = new Promise<void>((resolve) => (stuck = resolve));
  const sending = (async (): Promise<void> => {
    for (; sent < 30_000; sent += 1) {
      const taken = stream.pass({ stream: line });
      if (response.writableNeedDrain) stuck();
      await taken;
    }
    for (let current = 0; current < 1000; current += 1) await stream.pass({ id: "a1", status: "Downloading", progressDetail: { current } });
    stream.end();
  })();
  await isStuck;
  assert.ok(sent < 10_000, `${sent} lines were taken from a client that reads nothing`);
  const [body] = await Promise.all([text(incoming), sending]);
  assert.equal(body.split("\n").filter((each) => each.includes(line)).length, 30_000);
  assert.match(body, /"current":999\}/);
});

test("of what nobody waits for, a slow client gets the newest progress of each item and every message", async () => {
  const { response, client } = await answer();
  const stream = new JsonStream(response);
  stream.send({ status: "begin" });
  const incoming = await client;
  incoming.pause();
  while (!response.writableNeedDrain) stream.send({ stream: "x".repeat(1000) });
  for (let current = 0; current < 100_000; current += 1) stream.send({ id: "a1", status: "Downloading", progressDetail: { current } });
  for (let index = 0; index < 1000; index += 1) stream.send({ status: `message ${index}` });
  stream.end();
  const body = await text(incoming);
  assert.deepEqual(body.match(/"current":\d+/g), ['"current":99999']);
  assert.equal(body.match(/message \d+/g)?.length, 1000);
});

test("a client that goes away ends nothing else", async () => {
  const { response, client } = await answer();
  const stream = new JsonStream(response);
  stream.send({ status: "begin" });
  const closed = once(response, "close");
  (await client).destroy();
  await closed;
  for (let index = 0; index < 1000; index += 1) stream.send({ stream: "late" });
  stream.end();
});

test("frame() has stream, length and data", () => {
  assert.deepEqual(frame({ stream: "stderr", data: Buffer.from("no") }), Buffer.from([2, 0, 0, 0, 0, 0, 0, 2, 110, 111]));
});

test("outputType() knows the multiplexed type from 1.42 on", () => {
  const types = [outputType(false, 41), outputType(false, 42), outputType(true, 51)].map((type) => type.split(".").at(-1));
  assert.deepEqual(types, ["raw-stream", "multiplexed-stream", "raw-stream"]);
});
