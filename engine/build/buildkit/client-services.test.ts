/** A client's secrets, logins and ssh agent, over a real HTTP/2 connection in this process. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { performServerHandshake } from "node:http2";
import type { ServerHttp2Stream } from "node:http2";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { ForwardedAgents, readLogin, readSecret } from "./client-services.ts";
import { Deframer, errorTrailers, frame, GrpcError, NOT_FOUND, readMetadata } from "./grpc.ts";
import { BytesMessage, CredentialsRequest, CredentialsResponse, IdMessage } from "./messages.ts";
import { openSession } from "./session.ts";
import type { Session } from "./session.ts";

type Answer = (path: string, message: Buffer) => Buffer;

/** A client that answers each message at once, and says what an error says. */
function client(t: TestContext, answer: Answer): Session {
  const [engine, own] = duplexPair();
  const server = performServerHandshake(own);
  server.on("error", () => undefined);
  server.on("stream", (stream: ServerHttp2Stream, headers) => {
    let trailers: Record<string, unknown> = { "grpc-status": "0" };
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers(trailers as never)).on("error", () => undefined);
    const deframer = new Deframer();
    stream.on("data", (chunk: Buffer) => {
      try {
        for (const data of deframer.push(chunk)) stream.write(frame(answer(String(headers[":path"]), data)));
      } catch (error) {
        trailers = errorTrailers(error);
        stream.end();
      }
    });
    stream.on("end", () => stream.end());
  });
  t.after(() => server.destroy());
  return openSession(engine, "id", readMetadata([]));
}

test("a secret that the client has, and one that it has not", async (t) => {
  const session = client(t, (_path, data) => {
    if (IdMessage.decode(data).ID !== "known") throw new GrpcError(NOT_FOUND, "secret not found");
    return BytesMessage.encode({ data: Buffer.from("s3cret") });
  });
  assert.equal(String(await readSecret(session, "known")), "s3cret");
  assert.equal(await readSecret(session, "other"), undefined);
});

test("logins, Docker Hub's by the name of its registry", async (t) => {
  const session = client(t, (_path, data) => {
    const { Host } = CredentialsRequest.decode(data);
    if (Host === "registry-1.docker.io") return CredentialsResponse.encode({ Username: "me", Secret: "pass" });
    return CredentialsResponse.encode(Host === "token.example" ? { Secret: "token" } : {});
  });
  assert.deepEqual(await readLogin(session, "docker.io"), { username: "me", password: "pass" });
  assert.deepEqual(await readLogin(session, "token.example"), { identitytoken: "token" });
  assert.equal(await readLogin(session, "other.example"), undefined);
});

test("an ssh agent's socket carries bytes both ways, and goes with the build", async (t) => {
  const parent = mkdtempSync(join(tmpdir(), "berth-agents-"));
  t.after(() => rmSync(parent, { recursive: true, force: true }));
  const session = client(t, (path, data) => {
    if (path.endsWith("/CheckAgent")) {
      if (IdMessage.decode(data).ID !== "default") throw new GrpcError(NOT_FOUND, "unset ssh forward key");
      return Buffer.alloc(0);
    }
    return BytesMessage.encode({ data: Buffer.from(`agent heard ${BytesMessage.decode(data).data.toString()}`) });
  });
  const agents = new ForwardedAgents(session, parent);
  assert.equal(await agents.socket("other"), undefined);
  const path = await agents.socket("default");
  assert.ok(path);
  assert.equal(await agents.socket("default"), path);
  const socket = connect(path);
  socket.write("hello");
  const [said] = (await once(socket, "data")) as [Buffer];
  assert.equal(said.toString(), "agent heard hello");
  socket.on("error", () => undefined);
  await agents.close();
  assert.equal(existsSync(path), false);
  socket.destroy();
});
