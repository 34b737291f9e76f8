import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { connectTo } from "./connect.ts";

test("connectTo() another machine logs in once for requests that follow one another", async () => {
  const directory = mkdtempSync(join(tmpdir(), "berth-connect-"));
  const path = process.env["PATH"];
  const server = createServer(({ method }, response) => {
    const body = method === "HEAD" ? "" : "[]";
    response.writeHead(200, { "api-version": "1.51", "content-length": body.length }).end(body);
  });
  server.listen(join(directory, "engine.sock"));
  await once(server, "listening");
  try {
    const dial = `const s=require("net").connect("${directory}/engine.sock");process.stdin.pipe(s).pipe(process.stdout)`;
    const ssh = `#!/bin/sh\n[ $1 = -G ] && exit\necho login >>${directory}/logins\nexec ${process.execPath} -e '${dial}'\n`;
    writeFileSync(join(directory, "ssh"), ssh, { mode: 0o755 });
    process.env["PATH"] = `${directory}:${path}`;
    const client = await connectTo("ssh://server");
    for (let count = 0; count < 10; count++) assert.deepEqual(await client.containers.list(), []);
    await client.close();
    assert.equal(readFileSync(join(directory, "logins"), "utf8"), "login\n");
  } finally {
    process.env["PATH"] = path;
    server.close();
    server.closeAllConnections();
    rmSync(directory, { recursive: true });
  }
});
