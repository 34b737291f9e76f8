import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isLoopback, parseTcpAddress, tcpUrl } from "./tcp-address.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-tls-"));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, "x.pem");
writeFileSync(file, "");
const tls = { ca: file, cert: file, key: file };

const ADDRESSES: [url: string, options: Parameters<typeof parseTcpAddress>[1], want: { host: string; port: number; plain?: boolean }][] = [
  ["tcp://0.0.0.0:1234", { tls }, { host: "0.0.0.0", port: 1234 }],
  ["tcp://example.org", { tls }, { host: "example.org", port: 2376 }],
  ["tcp://[::]:9", { tls }, { host: "::", port: 9 }],
  ["tcp://127.0.0.1", { plaintext: true }, { host: "127.0.0.1", port: 2375, plain: true }],
  ["tcp://[::1]:7", { plaintext: true }, { host: "::1", port: 7, plain: true }],
];
for (const [url, options, { host, port, plain }] of ADDRESSES)
  test(`parseTcpAddress() reads ${url}`, () => assert.deepEqual(parseTcpAddress(url, options), { host, port, tls: plain ? null : tls }));

const REFUSED: [url: string, options: Parameters<typeof parseTcpAddress>[1], why: RegExp][] = [
  ["tcp://0.0.0.0:2376", {}, /without TLS: give --tlsverify/],
  ["tcp://127.0.0.1:2375", {}, /without TLS: give --tlsverify/],
  ["tcp://0.0.0.0:2375", { plaintext: true }, /is not a loopback address/],
  ["tcp://127.example.org", { plaintext: true }, /is not a loopback address/],
  ["tcp://[::]:2375", { plaintext: true }, /is not a loopback address/],
  ["http://127.0.0.1", { plaintext: true }, /write tcp:\/\/HOST:PORT/],
  ["tcp://", { tls }, /write tcp:\/\/HOST:PORT/],
  ["tcp://x:70000", { tls }, /ports go from 1 to 65535/],
  ["tcp://x", { tls, plaintext: true }, /contradict/],
  ["tcp://x", { tls: { ...tls, key: "/nosuch.pem" } }, /Cannot read the TLS file "\/nosuch.pem"/],
];
for (const [url, options, why] of REFUSED)
  test(`parseTcpAddress() refuses ${url} ${JSON.stringify(Object.keys(options))}`, () =>
    assert.throws(() => parseTcpAddress(url, options), { kind: "invalid", message: why }));

test("tcpUrl() puts addresses with colons into brackets", () => {
  assert.equal(tcpUrl({ host: "::1", port: 1 }), "tcp://[::1]:1");
  assert.equal(isLoopback("127.0.0.53"), true);
  assert.equal(isLoopback("128.0.0.1"), false);
});
