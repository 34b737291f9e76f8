import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { PassThrough } from "node:stream";
import { after, test } from "node:test";
import { startApi } from "../../test/support/api-server.ts";
import { containerRecord, fakeServices } from "../../test/support/fake-services.ts";
import type { OutputChunk } from "../containers/containers.ts";
import { EngineError } from "../errors.ts";
import type { ExecInspect } from "./types/container.ts";

/** `cat`: what comes in on stdin goes out on stdout, and stderr says when it ended. */
async function* cat(stdin: PassThrough): AsyncGenerator<OutputChunk> {
  for await (const data of stdin as AsyncIterable<Buffer>) yield { stream: "stdout", data };
  yield { stream: "stderr", data: Buffer.from("end of input\n") };
}

let attachSignal: AbortSignal | undefined;
const services = fakeServices({
  records: [
    containerRecord({ id: "c".repeat(64), name: "cat" }),
    containerRecord({ id: "d".repeat(64), name: "tty", config: { Tty: true } }),
    containerRecord({ id: "e".repeat(64), name: "flood" }),
  ],
  containers: {
    attach: async (id, { signal }) => {
      await Promise.resolve();
      attachSignal = signal;
      if (id.startsWith("e")) return { output: flood() };
      const stdin = new PassThrough();
      return { stdin, output: cat(stdin) };
    },
    execInspect: async (id) => {
      await Promise.resolve();
      if (id === "nosuch") throw new EngineError("not-found", `No such exec instance: ${id}`);
      return { DetachKeys: "" } as ExecInspect;
    },
    execStart: async (id) => {
      await Promise.resolve();
      if (id === "fails") throw new EngineError("invalid", "OCI runtime exec failed");
      const stdin = new PassThrough();
      return { stdin, output: cat(stdin) };
    },
  },
});
const api = await startApi(services);
after(() => api.close());

let flooded = 0;
async function* flood(): AsyncGenerator<OutputChunk> {
  const data = Buffer.alloc(65536, "x");
  for (;;) {
    await new Promise((resolve) => setImmediate(resolve));
    flooded += data.length;
    yield { stream: "stdout", data };
  }
}

const UPGRADE = "Connection: Upgrade\r\nUpgrade: tcp\r\n";

function post(socket: Socket, path: string, more: { headers?: string; body?: string } = {}): void {
  const { headers = "", body = "" } = more;
  const type = body ? "Content-Type: application/json\r\n" : "";
  socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\n${headers}${type}Content-Length: ${body.length}\r\n\r\n${body}`);
}

/** Reads until the other side ends its half. */
async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Reads the head of the answer and leaves the rest. */
async function readHead(socket: Socket): Promise<string> {
  let text = "";
  while (!text.includes("\r\n\r\n")) {
    const byte = socket.read(1) as Buffer | null;
    if (byte) text += byte.toString("latin1");
    else await once(socket, "readable");
  }
  return text;
}

function framed(stream: number, text: string): Buffer {
  const head = Buffer.from([stream, 0, 0, 0, 0, 0, 0, text.length]);
  return Buffer.concat([head, Buffer.from(text)]);
}

const answers = [
  { what: "attach", path: "/v1.51/containers/cat/attach?stream=1&stdin=1&stdout=1&stderr=1", type: "multiplexed", tty: false, body: "" },
  { what: "attach before 1.42", path: "/v1.41/containers/cat/attach?stream=1&stdin=1&stdout=1", type: "raw", tty: false, body: "" },
  { what: "attach to a terminal", path: "/v1.51/containers/tty/attach?stream=1&stdin=1&stdout=1", type: "raw", tty: true, body: "" },
  { what: "exec", path: "/v1.51/exec/1/start", type: "multiplexed", tty: false, body: '{"Detach":false,"Tty":false}' },
  { what: "exec with a terminal", path: "/v1.51/exec/1/start", type: "raw", tty: true, body: '{"Tty":true}' },
];

for (const { what, path, type, tty, body } of answers)
  test(`${what} carries stdin, ends it alone, and sends the rest of the output`, async () => {
    const socket = api.dial();
    post(socket, path, { headers: UPGRADE, body });
    const head = await readHead(socket);
    assert.match(head, /^HTTP\/1\.1 101 UPGRADED\r\n/);
    assert.match(head, new RegExp(`Content-Type: application/vnd\\.docker\\.${type}-stream\\r\\n`));
    assert.match(head, /Connection: Upgrade\r\nUpgrade: tcp\r\n/);
    socket.end("hello\n");
    const [out, err] = ["hello\n", "end of input\n"];
    const want = tty ? Buffer.from(out + err) : Buffer.concat([framed(1, out), framed(2, err)]);
    assert.deepEqual(await readAll(socket), want);
  });

test("attach without an upgrade is 200 and raw from then on, stdin too", async () => {
  const socket = api.dial();
  post(socket, "/v1.51/containers/tty/attach?stream=1&stdin=1&stdout=1");
  const head = await readHead(socket);
  assert.match(head, /^HTTP\/1\.1 200 OK\r\nContent-Type: application\/vnd\.docker\.raw-stream\r\n/);
  socket.end("GET / is no request here\r\n\r\n");
  assert.equal((await readAll(socket)).toString(), "GET / is no request here\r\n\r\nend of input\n");
});

test("stdin that comes in the same packet as the request is not lost", async () => {
  const socket = api.dial();
  const body = '{"Tty":true}';
  socket.end(
    `POST /exec/1/start HTTP/1.1\r\nHost: x\r\n${UPGRADE}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}early\n`,
  );
  await readHead(socket);
  assert.equal((await readAll(socket)).toString(), "early\nend of input\n");
});

test("an upgrade that fails is an ordinary answer", async () => {
  const socket = api.dial();
  post(socket, "/v1.51/containers/nosuch/attach?stream=1", { headers: UPGRADE });
  const answer = (await readAll(socket)).toString();
  assert.match(answer, /^HTTP\/1\.1 404 Not Found\r\n/);
  assert.match(answer, /\{"message":"No such container: nosuch"\}\n$/);
});

test("an exec that cannot start says why where its output would be", async () => {
  const socket = api.dial();
  post(socket, "/v1.51/exec/fails/start", { headers: UPGRADE, body: '{"Tty":false}' });
  await readHead(socket);
  assert.deepEqual(await readAll(socket), framed(1, "OCI runtime exec failed\r\n"));
});

test("an Upgrade header means nothing elsewhere", async () => {
  const answer = await api.ask("GET", "/_ping", { headers: { connection: "Upgrade", upgrade: "h2c" } });
  assert.equal(answer.text, "OK");
});

test("Ctrl-P Ctrl-Q detaches from a terminal", async () => {
  const socket = api.dial();
  post(socket, "/v1.51/containers/tty/attach?stream=1&stdin=1&stdout=1", { headers: UPGRADE });
  await readHead(socket);
  socket.write("ls\x10\x11");
  await readAll(socket);
  assert.equal(services.events.recent().at(-1)?.action, "detach");
});

test("a client that does not read stops the output, and one that goes ends it", async () => {
  const socket = api.dial();
  post(socket, "/v1.51/containers/flood/attach?stream=1&stdout=1", { headers: UPGRADE });
  await readHead(socket);
  socket.pause();
  // The flood goes on once every turn of the event loop, so a few hundred turns would be tens of megabytes.
  for (let turn = 0; turn < 500; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(flooded < 4 * 1024 * 1024, `${flooded} bytes were taken for a client that reads nothing`);
  const aborted = once(attachSignal!, "abort");
  socket.destroy();
  await aborted;
});
