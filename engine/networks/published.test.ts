import assert from "node:assert/strict";
import { test } from "node:test";
import type { PortMap } from "../api/types/network.ts";
import { EphemeralPorts, publish, wantedPorts } from "./published.ts";
import type { PublishRequest, Publisher } from "./published.ts";

const request = (ports: PortMap, more: Partial<PublishRequest> = {}): PublishRequest => ({
  ports,
  publishAll: false,
  exposedPorts: [],
  ...more,
});

const wanted: [string, PublishRequest, string[]][] = [
  ["a port on both families", request({ "80/tcp": [{ HostPort: "8080" }] }), ["80/tcp 0.0.0.0,:: 8080"]],
  ["a port of one address", request({ "53/udp": [{ HostIp: "127.0.0.1", HostPort: "5353" }] }), ["53/udp 127.0.0.1 5353"]],
  ["a range", request({ "80/tcp": [{ HostIp: "::1", HostPort: "8000-8002" }] }), ["80/tcp ::1 8000,8001,8002"]],
  ["an ephemeral port", request({ "80/tcp": [{}], "81/tcp": [{ HostPort: "0" }] }), ["80/tcp 0.0.0.0,:: ", "81/tcp 0.0.0.0,:: "]],
  ["no exposed port", request({ "80/tcp": null }, { exposedPorts: ["81/tcp"] }), []],
  [
    "exposed ports with -P, once",
    request({ "80/tcp": [{ HostPort: "1" }] }, { publishAll: true, exposedPorts: ["80/tcp", "81/udp"] }),
    ["80/tcp 0.0.0.0,:: 1", "81/udp 0.0.0.0,:: "],
  ],
];
for (const [what, ports, want] of wanted)
  test(`wantedPorts() finds ${what}`, () => {
    const shown = wantedPorts(ports, "0.0.0.0").map(({ key, hostIps, hostPorts }) => `${key} ${hostIps.join(",")} ${hostPorts.join(",")}`);
    assert.deepEqual(shown, want);
  });

test("wantedPorts() takes the network's address for an empty one", () => {
  assert.deepEqual(wantedPorts(request({ "80/tcp": [{}] }), "127.0.0.1")[0]?.hostIps, ["127.0.0.1"]);
});

const refused: [PortMap, RegExp][] = [
  [{ "0/tcp": [{}] }, /invalid port specification: "0\/tcp"/],
  [{ "80/sctp": [{}] }, /only tcp and udp/],
  [{ "80/tcp": [{ HostPort: "99999" }] }, /invalid port specification: "99999"/],
  [{ "80/tcp": [{ HostPort: "10-5" }] }, /invalid port specification: "10-5"/],
  [{ "80/tcp": [{ HostIp: "1.2.3.4; reboot" }] }, /invalid IP address "1.2.3.4; reboot"/],
];
for (const [ports, want] of refused)
  test(`wantedPorts() refuses ${JSON.stringify(ports)}`, () => {
    assert.throws(() => wantedPorts(request(ports), "0.0.0.0"), want);
  });

/** A host on which some `address:port` are taken; remembers what is open. */
function fakeHost(taken: Record<string, string>): Publisher & { open: Set<string> } {
  const open = new Set<string>();
  return {
    open,
    containerName: "web",
    endpointId: "e".repeat(64),
    defaultIp: "0.0.0.0",
    listen: async ({ hostIp, hostPort }) => {
      const code = taken[`${hostIp} ${hostPort}`] ?? taken[hostIp] ?? (hostPort < 1024 ? "EACCES" : "");
      if (code) throw Object.assign(new Error(code), { code });
      open.add(`${hostIp} ${hostPort}`);
      return Promise.resolve();
    },
    unlisten: async ({ hostIp, hostPort }) => {
      open.delete(`${hostIp} ${hostPort}`);
      return Promise.resolve();
    },
  };
}

const bind = (ports: PortMap, host: Publisher, range: [number, number] = [32768, 32770]) =>
  publish(wantedPorts(request(ports), "0.0.0.0"), new EphemeralPorts(range), host);

test("publish() gives ephemeral ports in order and one number for both families", async () => {
  const host = fakeHost({ ":: 32768": "EADDRINUSE" });
  const bound = await bind({ "80/tcp": [{}], "81/tcp": [{}] }, host);
  assert.deepEqual(bound, {
    "80/tcp": [
      { HostIp: "0.0.0.0", HostPort: "32769" },
      { HostIp: "::", HostPort: "32769" },
    ],
    "81/tcp": [
      { HostIp: "0.0.0.0", HostPort: "32770" },
      { HostIp: "::", HostPort: "32770" },
    ],
  });
  assert.equal(host.open.has("0.0.0.0 32768"), false);
});

test("publish() takes the first free port of a range", async () => {
  const bound = await bind({ "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8000-8002" }] }, fakeHost({ "127.0.0.1 8000": "EADDRINUSE" }));
  assert.deepEqual(bound["80/tcp"], [{ HostIp: "127.0.0.1", HostPort: "8001" }]);
});

test("publish() does without IPv6 where there is none", async () => {
  const bound = await bind({ "80/tcp": [{ HostPort: "8080" }] }, fakeHost({ "::": "EAFNOSUPPORT" }));
  assert.deepEqual(bound["80/tcp"], [{ HostIp: "0.0.0.0", HostPort: "8080" }]);
});

const start = `driver failed programming external connectivity on endpoint web (${"e".repeat(64)}): `;
const failures: [string, PortMap, Record<string, string>, string][] = [
  [
    "a taken port",
    { "80/tcp": [{ HostPort: "8080" }] },
    { "0.0.0.0 8080": "EADDRINUSE" },
    "Bind for 0.0.0.0:8080 failed: port is already allocated",
  ],
  [
    "a port taken in IPv6 only",
    { "80/tcp": [{ HostPort: "8080" }] },
    { ":: 8080": "EADDRINUSE" },
    "Bind for :::8080 failed: port is already allocated",
  ],
  [
    "a low port",
    { "80/tcp": [{ HostPort: "80" }] },
    {},
    "failed to bind host port 0.0.0.0:80: permission denied; to allow ports from 80 on run `sudo sysctl net.ipv4.ip_unprivileged_port_start=80`",
  ],
  [
    "an address of somebody else",
    { "80/tcp": [{ HostIp: "10.9.9.9", HostPort: "8080" }] },
    { "10.9.9.9": "EADDRNOTAVAIL" },
    "failed to bind host port 10.9.9.9:8080: cannot assign requested address",
  ],
];
for (const [what, ports, taken, want] of failures)
  test(`publish() explains ${what}`, async () => {
    await assert.rejects(bind(ports, fakeHost(taken)), { kind: "internal", message: `${start}${want}` });
  });
