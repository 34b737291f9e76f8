import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import { createServer as createPlainServer } from "node:net";
import type { Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { parseEndpoint } from "./endpoint.ts";
import { ClientError, ConnectionError } from "./errors.ts";
import { post } from "./plain-request.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-plain-"));
const servers: Server[] = [];
after(() => {
  for (const server of servers) server.close();
  rmSync(directory, { recursive: true });
});

async function listening(server: Server): Promise<string> {
  const path = join(directory, String(servers.push(server)));
  await once(server.listen(path), "listening");
  return path;
}

const http = (listener: RequestListener): Promise<string> => listening(createServer(listener));
/** Answers the first bytes of a connection with these pieces, and ends it. */
const bytes = (...pieces: string[]): Promise<string> =>
  listening(
    createPlainServer((socket) => {
      const next = ([piece, ...rest]: string[]): unknown => (piece === undefined ? socket.end() : socket.write(piece, () => next(rest)));
      socket.setNoDelay().once("data", () => next(pieces));
    }),
  );

async function answer(path: string, call: { json?: unknown; signal?: AbortSignal } = {}): Promise<string> {
  let all = "";
  for await (const chunk of post(parseEndpoint(path), "/berth/x", { headers: { host: "localhost" }, json: {}, ...call })) all += chunk;
  return all;
}

test("post() sends JSON and gives the answer to its end", async () => {
  const path = await http((request, response) => {
    const { method, url, headers } = request;
    response.write(`${method} ${url} ${headers.host} ${headers["content-type"]} `);
    void text(request).then((body) => response.end(body));
  });
  assert.equal(await answer(path, { json: { a: "é" } }), 'POST /berth/x localhost application/json {"a":"é"}');
});

test("post() reads a head that comes in pieces", async () => {
  const path = await bytes("HTTP/1.", "1 200 OK\r\nX: y\r", "\n\r", "\none", " two");
  assert.equal(await answer(path), "one two");
});

for (const [what, respond, want] of [
  ["the engine's sentence", '{"message":"No such build"}\n', "No such build"],
  ["text", "go away", "go away"],
  ["nothing", "", "request returned status 404 for API route and version /berth/x"],
] as const)
  test(`post() throws what an answer with an error says: ${what}`, async () => {
    const path = await http((_request, response) => response.writeHead(404).end(respond));
    await assert.rejects(answer(path), (error) => error instanceof ClientError && error.status === 404 && error.message === want);
  });

test("post() says that there is no engine, or none any more", async () => {
  const [missing, gone] = [join(directory, "missing"), await bytes("HTTP/1.1 2")];
  const sentence = `Cannot connect to the Docker daemon at unix://${missing}. Is the docker daemon running?`;
  await assert.rejects(answer(missing), (error) => error instanceof ConnectionError && error.message === sentence);
  await assert.rejects(
    answer(gone),
    (error) => error instanceof ConnectionError && error.message === "error during connect: unexpected EOF",
  );
});

test("post() ends when its signal aborts, and closes the connection when its reader leaves", async () => {
  const abort = new AbortController();
  const closed: Promise<unknown>[] = [];
  const path = await http((request, response) => {
    closed.push(once(request.socket, "close"));
    response.write("begun");
  });
  const chunks = post(parseEndpoint(path), "/berth/x", { headers: {}, json: {}, signal: abort.signal });
  assert.equal(String((await chunks.next()).value), "begun");
  abort.abort();
  await assert.rejects(chunks.next(), { name: "AbortError" });
  await assert.rejects(answer(path, { signal: abort.signal }), { name: "AbortError" });
  for await (const chunk of post(parseEndpoint(path), "/berth/x", { headers: {}, json: {} })) if (String(chunk) === "begun") break;
  assert.equal(closed.length, 2);
  await Promise.all(closed);
});
