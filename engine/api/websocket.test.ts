import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { createServer } from "node:http";
import { connect } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { PassThrough } from "node:stream";
import { after, test } from "node:test";
import { startApi } from "../../test/support/api-server.ts";
import { containerRecord, fakeServices } from "../../test/support/fake-services.ts";

let attached: AbortSignal | undefined;
const services = fakeServices({
  records: [containerRecord({ name: "echo" })],
  containers: {
    attach: async (_id, { signal }) => {
      attached = signal;
      const stdin = new PassThrough();
      const output = (async function* () {
        for await (const data of stdin as AsyncIterable<Buffer>) yield { stream: "stdout" as const, data };
      })();
      return Promise.resolve({ stdin, output });
    },
  },
});
const api = await startApi(services);

/** Node's own WebSocket client speaks TCP only. */
const bridged = new Set<Socket>();
const bridge = createServer().on("upgrade", (incoming, socket: Socket, head: Buffer) => {
  const target = connect({ path: api.socketPath, allowHalfOpen: true });
  for (const end of [socket, target]) bridged.add(end.on("error", () => undefined));
  const headers = Object.entries(incoming.headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
  target.write(`GET ${incoming.url} HTTP/1.1\r\n${headers.join("")}\r\n`);
  if (head.length > 0) target.write(head);
  socket.pipe(target).pipe(socket);
});
await new Promise<void>((resolve) => bridge.listen(0, "127.0.0.1", resolve));
const { port } = bridge.address() as AddressInfo;
after(async () => {
  bridge.close();
  for (const end of bridged) end.destroy();
  await api.close();
});

test("a websocket carries what is typed and what is printed, in messages of any size", async () => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1.51/containers/echo/attach/ws?stream=1&stdin=1&stdout=1`);
  socket.binaryType = "arraybuffer";
  await once(socket, "open");
  const sizes = [5, 200, 70_000];
  const want = sizes.reduce((sum, size) => sum + size, 0);
  let received = "";
  const all = new Promise<void>((resolve) => {
    socket.addEventListener("message", ({ data }) => {
      received += Buffer.from(data as ArrayBuffer).toString("latin1");
      if (received.length === want) resolve();
    });
  });
  for (const size of sizes) socket.send(Buffer.alloc(size, String(size % 7)));
  await all;
  assert.equal(received, sizes.map((size) => String(size % 7).repeat(size)).join(""));
  const ended = once(attached!, "abort");
  const closed = once(socket, "close");
  socket.close();
  await Promise.all([closed, ended]);
});

test("a request that is no handshake is refused", async () => {
  const answer = await api.ask("GET", "/containers/echo/attach/ws?stream=1");
  assert.deepEqual([answer.status, answer.json()], [400, { message: "not websocket protocol" }]);
});

test("an unknown container is refused before the handshake", async () => {
  const headers = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-key": "x", "sec-websocket-version": "13" };
  const status = await new Promise((resolve, reject) => {
    const asked = request({ socketPath: api.socketPath, path: "/containers/nosuch/attach/ws", headers, agent: false });
    asked
      .on("response", (response) => resolve(response.resume().statusCode))
      .on("error", reject)
      .end();
  });
  assert.equal(status, 404);
});
