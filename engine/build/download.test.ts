import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { download } from "./download.ts";
import { isLinkLocal, isNear } from "./guarded-get.ts";
import { fetchContext } from "./remote-context.ts";

const addresses: readonly [string, "link-local" | "near" | "far"][] = [
  ["169.254.169.254", "link-local"],
  ["::ffff:169.254.169.254", "link-local"],
  ["::ffff:a9fe:a9fe", "link-local"],
  ["64:ff9b::a9fe:a9fe", "link-local"],
  ["fe80::1", "link-local"],
  ["fd00:ec2::254", "link-local"],
  ["100.100.100.200", "link-local"],
  ["127.0.0.1", "near"],
  ["127.9.9.9", "near"],
  ["0.0.0.0", "near"],
  ["::1", "near"],
  ["::ffff:127.0.0.1", "near"],
  ["10.0.0.1", "far"],
  ["2001:db8::1", "far"],
];

for (const [address, kind] of addresses)
  test(`${address} is ${kind}`, () => {
    assert.deepEqual([isLinkLocal(address) !== undefined, isNear(address) !== undefined], [kind === "link-local", kind !== "far"]);
  });

/** Addresses that only this machine's network tells; those of engines come and go. */
function ownAddress(): string | undefined {
  const all = Object.entries(networkInterfaces()).flatMap(([name, each]) => (name.startsWith("berth-") ? [] : (each ?? [])));
  return all.find(({ address, family, internal }) => family === "IPv4" && !internal && !isNear(address))?.address;
}

test("a server elsewhere does not lead to this machine, a file or a metadata service, however many hops it takes", async (t) => {
  const own = ownAddress();
  if (own === undefined) return t.skip("needs a network address");
  const targets: Readonly<Record<string, string>> = {
    loopback: "http://127.0.0.1:PORT/file",
    name: "http://localhost:PORT/file",
    mapped: "http://[::ffff:127.0.0.1]:PORT/file",
    number: "http://2130706433:PORT/file",
    metadata: "http://169.254.169.254/latest",
    "metadata-mapped": "http://[::ffff:a9fe:a9fe]/latest",
    passwd: "file:///etc/passwd",
  };
  const server = createServer((request, response) => {
    const [, what = "", hops = "0"] = (request.url ?? "").split("/");
    if (what === "file") return void response.end("told");
    const port = String((server.address() as AddressInfo).port);
    const next = Number(hops) > 0 ? `/${what}/${Number(hops) - 1}` : targets[what]!.replace("PORT", port);
    response.writeHead(302, { Location: next }).end();
  });
  server.listen(0);
  await once(server, "listening");
  const directory = mkdtempSync(join(tmpdir(), "berth-download-"));
  t.after(() => {
    server.close();
    server.closeAllConnections();
    rmSync(directory, { recursive: true });
  });
  const { port } = server.address() as AddressInfo;
  const from = (host: string, path: string) =>
    download(`http://${host}:${port}/${path}`, { checksum: undefined, directory, signal: new AbortController().signal });
  for (const what of Object.keys(targets)) await assert.rejects(from(own, `${what}/3`), /is refused/, what);
  assert.deepEqual(readdirSync(directory), [], "nothing is left of what was refused");
  const context = (host: string, path: string) =>
    fetchContext(`http://${host}:${port}/${path}`, directory, { signal: new AbortController().signal });
  for (const what of Object.keys(targets)) await assert.rejects(context(own, `${what}/1`), /is refused/, `context ${what}`);
  assert.equal((await context("127.0.0.1", "loopback/2")).dockerfile, "Dockerfile");
  (await from(own, "file")).close();
  (await from("127.0.0.1", "loopback/2")).close();
  await assert.rejects(from("127.0.0.1", "metadata/1"), /the link-local address 169\.254\.169\.254 is refused/);
});
