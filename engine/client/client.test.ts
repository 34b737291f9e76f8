import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { IncomingMessage, RequestListener, Server } from "node:http";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { connect } from "./client.ts";
import type { DockerClient } from "./client.ts";
import { compareVersions, encodeFilters } from "./connection.ts";
import { parseEndpoint } from "./endpoint.ts";
import { ClientError, ConnectionError, isStatus } from "./errors.ts";
import { encodeAuth } from "./images.ts";
import { demultiplex, jsonLines } from "./streams.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-client-"));
const closers: (() => Promise<void>)[] = [];
after(async () => {
  for (const close of closers) await close();
  rmSync(directory, { recursive: true });
});
let sockets = 0;

/** An engine that answers `listener`, and the requests it saw. */
async function engine(listener: RequestListener, apiVersion = "1.51"): Promise<{ client: DockerClient; seen: string[]; server: Server }> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`);
    response.setHeader("api-version", apiVersion);
    if (request.url === "/_ping") response.end();
    else listener(request, response);
  });
  const path = join(directory, `${++sockets}.sock`);
  server.listen(path);
  await once(server, "listening");
  const client = connect(`unix://${path}`);
  closers.push(async () => {
    await client.close();
    server.closeAllConnections();
    server.close();
  });
  return { client, seen, server };
}

test("connect() speaks the lower of both versions and asks once", async () => {
  for (const [server, want] of [
    ["1.41", "v1.41"],
    ["1.99", "v1.51"],
  ] as const) {
    const { client, seen } = await engine((_request, response) => response.end("[]"), server);
    await client.containers.list({ all: true, filters: { label: ["a=b"] } });
    await client.images.list();
    const filters = encodeURIComponent('{"label":{"a=b":true}}').replaceAll("%20", "+");
    assert.deepEqual(seen, ["HEAD /_ping", `GET /${want}/containers/json?all=1&filters=${filters}`, `GET /${want}/images/json`]);
  }
});

test("a call() throws the engine's sentence with its status", async () => {
  const { client } = await engine((_request, response) => {
    response.writeHead(404, { "content-type": "application/json" });
    response.end('{"message":"No such container: x"}\n');
  });
  await assert.rejects(client.containers.inspect("x"), (error) => {
    assert.ok(error instanceof ClientError && isStatus(error, 404));
    assert.equal(error.message, "No such container: x");
    return true;
  });
});

test("a call() without an engine says so in docker's words", async () => {
  const missing = `unix://${join(directory, "missing.sock")}`;
  await assert.rejects(connect(missing).system.ping(), (error) => {
    assert.ok(error instanceof ConnectionError);
    assert.equal(error.message, `Cannot connect to the Docker daemon at ${missing}. Is the docker daemon running?`);
    return true;
  });
});

test("a call() is sent again when the engine had closed the idle connection", async () => {
  const { client, seen } = await engine((request, response) => {
    if (seen.length === 3) request.socket.destroy();
    else response.end("[]");
  });
  await client.containers.list();
  assert.deepEqual(await client.containers.list(), []);
  assert.equal(seen.length, 4);
});

test("a call() ends when its signal aborts, also in the middle of a stream", async () => {
  const { client } = await engine((_request, response) => response.write('{"Type":"container","timeNano":1795232956522528702}\n'));
  const abort = new AbortController();
  const events = client.system.timedEvents({ signal: abort.signal });
  const first = await events.next();
  assert.equal(first.value?.timeNs, 1795232956522528702n);
  abort.abort();
  await assert.rejects(events.next(), { name: "AbortError" });
  await assert.rejects(client.containers.list({ signal: abort.signal }), { name: "AbortError" });
});

test("attach() carries both directions and survives the end of stdin", async () => {
  const { client, server } = await engine(() => assert.fail("not upgraded"));
  server.on("upgrade", (request: IncomingMessage, socket: Socket) => {
    assert.match(request.url ?? "", /^\/v1\.51\/containers\/c\/attach\?stderr=1&stdin=1&stdout=1&stream=1$/);
    socket.write("HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n");
    socket.write("Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
    socket.write(Buffer.concat([frame(2, "ready\n").subarray(0, 3)]));
    void text(socket).then((input) => {
      socket.write(Buffer.concat([frame(2, "ready\n").subarray(3), frame(1, input.toUpperCase())]));
      socket.end();
    });
  });
  const attached = await client.containers.attach("c", { stdin: true });
  attached.stdin.end("hello");
  const seen: string[] = [];
  for await (const { stream, data } of attached.frames()) seen.push(`${stream} ${data.toString()}`);
  assert.deepEqual(seen, ["stderr ready\n", "stdout HELLO"]);
});

test("attach() throws when the engine refuses", async () => {
  const { client, server } = await engine(() => {});
  server.on("upgrade", (_request, socket: Socket) => {
    socket.end('HTTP/1.1 409 Conflict\r\nContent-Type: application/json\r\nContent-Length: 26\r\n\r\n{"message":"not running."}');
  });
  await assert.rejects(client.containers.attach("c"), (error) => isStatus(error, 409) && error.message === "not running.");
});

test("putArchive() streams a body and a HEAD answers a stat", async () => {
  let body = "";
  const { client } = await engine((request, response) => {
    if (request.method === "HEAD") {
      response.setHeader("x-docker-container-path-stat", Buffer.from('{"name":"f","size":3}').toString("base64"));
      response.end();
    } else void text(request).then((sent) => ((body = sent), response.end()));
  });
  await client.containers.putArchive("c", "/tmp", Readable.from([Buffer.from("ab"), Buffer.from("c")]));
  assert.equal(body, "abc");
  assert.equal((await client.containers.statPath("c", "/tmp/f")).size, 3);
});

test("putArchive() throws what its body fails with", async () => {
  const { client } = await engine((request) => void request.resume());
  const body = new Readable({ read: () => body.destroy(new Error("cannot be read")) });
  await assert.rejects(client.containers.putArchive("c", "/tmp", body), { message: "cannot be read" });
});

test("startWaiting() returns before the container exits", async () => {
  let finish = (): void => {};
  const { client } = await engine((_request, response) => {
    response.flushHeaders();
    finish = () => response.end('{"StatusCode":3}');
  });
  const { exit } = await client.containers.startWaiting("c", { condition: "next-exit" });
  finish();
  assert.deepEqual(await exit, { StatusCode: 3 });
});

function frame(kind: number, data: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = kind;
  header.writeUInt32BE(data.length, 4);
  return Buffer.concat([header, Buffer.from(data)]);
}

test("demultiplex() reads frames however they are cut", async () => {
  const whole = Buffer.concat([frame(1, "one"), frame(2, "two"), frame(1, "")]);
  for (let size = 1; size <= whole.length; size++) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < whole.length; at += size) pieces.push(whole.subarray(at, at + size));
    let stdout = "";
    let stderr = "";
    for await (const { stream, data } of demultiplex(Readable.from(pieces))) {
      if (stream === "stdout") stdout += data.toString();
      else stderr += data.toString();
    }
    assert.deepEqual([stdout, stderr], ["one", "two"]);
  }
});

test("jsonLines() reads values that are cut inside a character", async () => {
  const bytes = Buffer.from('{"a":"é"}\r\n\r\n{"b":2}');
  const pieces = [...bytes].map((byte) => Buffer.from([byte]));
  const values: unknown[] = [];
  for await (const value of jsonLines(Readable.from(pieces))) values.push(value);
  assert.deepEqual(values, [{ a: "é" }, { b: 2 }]);
});

test("small encodings", () => {
  assert.equal(encodeFilters({ status: ["a", "b"], empty: [] }), '{"status":{"a":true,"b":true}}');
  assert.equal(encodeFilters({}), undefined);
  assert.equal(encodeAuth(undefined), "e30=");
  assert.ok(compareVersions("1.9", "1.10") < 0);
});

for (const [address, url, host] of [
  ["/run/x.sock", "unix:///run/x.sock", "localhost"],
  ["unix:///run/x.sock", "unix:///run/x.sock", "localhost"],
  ["tcp://h:1", "tcp://h:1", "h:1"],
  ["h:1", "tcp://h:1", "h:1"],
] as const)
  test(`parseEndpoint() reads ${address}`, () => {
    const endpoint = parseEndpoint(address);
    assert.deepEqual([endpoint.url, endpoint.host], [url, host]);
  });

test("parseEndpoint() refuses an unknown kind", () => {
  assert.throws(() => parseEndpoint("npipe://x"), { message: "unable to parse docker host `npipe://x`" });
});

test("top() says so when the engine answers with nothing, as podman can", async () => {
  const { client } = await engine((_request, response) => response.end());
  await assert.rejects(client.containers.top("a"), /does not tell the processes of container a: try ps inside it$/);
});
