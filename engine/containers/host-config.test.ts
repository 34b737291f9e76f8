import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerCreateRequest } from "../api/types/container.ts";
import { checkHostConfig } from "./host-config.ts";

const shared = { NetworkMode: "container:x" };
const REFUSED: [request: ContainerCreateRequest, sentence: string][] = [
  [{ HostConfig: { OomScoreAdj: 1001 } }, "Invalid value 1001, range for oom score adj is [-1000, 1000]"],
  [{ HostConfig: { IpcMode: "bogus" } }, "invalid IPC mode: bogus"],
  [{ HostConfig: { IpcMode: "container:" } }, "invalid IPC mode: container:"],
  [{ HostConfig: { PidMode: "bogus" } }, "invalid PID mode: bogus"],
  [{ HostConfig: { UTSMode: "container:x" } }, "invalid UTS mode: container:x"],
  [{ HostConfig: { CgroupnsMode: "x" as "host" } }, "invalid cgroup namespace mode: x"],
  [{ HostConfig: { Isolation: "hyperv" } }, `invalid isolation: "hyperv" - linux only supports 'default'`],
  [{ Hostname: "h", HostConfig: { UTSMode: "host" } }, "conflicting options: hostname and the UTS mode"],
  [{ Hostname: "h", HostConfig: shared }, "conflicting options: hostname and the network mode"],
  [{ HostConfig: { ...shared, Dns: ["1.1.1.1"] } }, "conflicting options: dns and the network mode"],
  [{ HostConfig: { ...shared, ExtraHosts: ["a:1.1.1.1"] } }, "conflicting options: custom host-to-IP mapping and the network mode"],
  [{ HostConfig: { ...shared, PublishAllPorts: true } }, "conflicting options: port publishing and the container type network mode"],
  [{ ExposedPorts: { "80/tcp": {} }, HostConfig: shared }, "conflicting options: port exposing and the container type network mode"],
  [
    { HostConfig: { NetworkMode: "host", Links: ["a"] } },
    "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
  ],
  [
    { HostConfig: { NetworkMode: "default" }, NetworkingConfig: { EndpointsConfig: { default: { Aliases: ["a"] } } } },
    "invalid config for network bridge: invalid endpoint settings:\nnetwork-scoped aliases are only supported for user-defined networks",
  ],
  [
    { NetworkingConfig: { EndpointsConfig: { bridge: { IPAMConfig: { IPv4Address: "1.2.3.4" } } } } },
    "invalid config for network bridge: invalid endpoint settings:\nuser specified IP address is supported on user defined networks only",
  ],
  [
    { HostConfig: { NetworkMode: "default" }, NetworkingConfig: { EndpointsConfig: { default: { IPAMConfig: { LinkLocalIPs: ["x"] } } } } },
    "invalid config for network bridge: invalid endpoint settings:\ninvalid link-local IP address: x",
  ],
  [
    { HostConfig: { NetworkMode: "host" }, NetworkingConfig: { EndpointsConfig: { bridge: {} } } },
    "container sharing network namespace with another container or host cannot be connected to any other network",
  ],
  [{ HostConfig: { IOMaximumIOps: 1 } }, "invalid QoS settings: linux does not support configuration of maximum IOPs"],
  [{ HostConfig: { IOMaximumBandwidth: 1 } }, "invalid QoS settings: linux does not support configuration of maximum bandwidth"],
  [{ HostConfig: { PortBindings: { "x/tcp": [] } } }, 'invalid port specification: "x"'],
  [{ HostConfig: { PortBindings: { "80/tcp": [{ HostPort: "99999" }] } } }, 'invalid port specification: "99999"'],
  [{ HostConfig: { PortBindings: { "80/tcp": [{ HostPort: "9-8" }] } } }, 'invalid port specification: "9-8"'],
  [{ HostConfig: { ExtraHosts: ["a=1.2.3.4"] } }, 'bad format for add-host: "a=1.2.3.4"'],
  [{ HostConfig: { ExtraHosts: ["a:bogus"] } }, 'invalid IP address in add-host: "bogus"'],
  [{ NetworkingConfig: { EndpointsConfig: { web: null } } } as never, "invalid config for network web: EndpointsConfig is nil"],
  [{ HostConfig: { Annotations: { "": "x" } } }, "invalid Annotations: the empty string is not permitted as an annotation key"],
  [{ HostConfig: { StorageOpt: { size: "1G" } } }, "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"],
];
for (const [request, sentence] of REFUSED)
  test(`checkHostConfig() says: ${sentence}`, () => assert.throws(() => checkHostConfig(request), { kind: "invalid", message: sentence }));

const FINE: ContainerCreateRequest[] = [
  {},
  { Hostname: "h", HostConfig: { NetworkMode: "host", OomScoreAdj: -1000 } },
  { HostConfig: { IpcMode: "container:x", PidMode: "container:x", UTSMode: "host", Isolation: "default", CgroupnsMode: "private" } },
  {
    HostConfig: { ExtraHosts: ["a:host-gateway", "b:::1", "c: 1.2.3.4"], PortBindings: { "80": [{ HostPort: "" }, { HostPort: "8-9" }] } },
  },
  { HostConfig: { NetworkMode: "net" }, NetworkingConfig: { EndpointsConfig: { net: { Aliases: ["a"] } } } },
];
for (const request of FINE) test(`checkHostConfig() takes ${JSON.stringify(request)}`, () => checkHostConfig(request));
