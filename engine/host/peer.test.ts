import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { peerOf } from "./peer.ts";

test("peerOf() tells the process behind a unix socket, and nothing of TCP's", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "berth-peer-"));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [where, directory] of [
    [{ path: join(folder, "s") }, process.cwd()],
    [{ host: "127.0.0.1", port: 0 }, undefined],
  ] as const) {
    const server = createServer();
    await once(server.listen(where), "listening");
    const accepted = once(server, "connection") as Promise<[Socket]>;
    const address = server.address();
    const client = connect(typeof address === "string" ? { path: address } : { host: "127.0.0.1", port: address!.port });
    const [socket] = await accepted;
    const peer = peerOf(socket);
    assert.equal(peer?.directory, directory);
    assert.equal(peer?.args.at(-1)?.endsWith("peer.test.ts"), directory && true);
    client.destroy();
    socket.destroy();
    server.close();
  }
});
