import assert from "node:assert/strict";
import { test } from "node:test";
import { linkVariables, parseLink } from "./links.ts";

for (const [text, name, alias] of [
  ["web:w", "web", "w"],
  ["web", "web", "web"],
  ["/web:/me/w", "web", "w"],
] as const)
  test(`parseLink() reads ${text}`, () => assert.deepEqual(parseLink(text), { name, alias }));

for (const text of ["", "a:", ":b", "a:b:c"])
  test(`parseLink() refuses "${text}"`, () =>
    assert.throws(() => parseLink(text), { kind: "invalid", message: `bad format for links: ${text}` }));

test("linkVariables() tells ports, TCP first, and the other's variables", () => {
  const config = { ExposedPorts: { "53/udp": {}, "443/tcp": {}, "80/tcp": {} }, Env: ["PATH=/bin", "A=1", "EMPTY="] };
  assert.deepEqual(linkVariables({ name: "/me/my-web", alias: "my-web", address: "10.0.0.2" }, config), [
    "MY_WEB_PORT=tcp://10.0.0.2:80",
    "MY_WEB_PORT_80_TCP=tcp://10.0.0.2:80",
    "MY_WEB_PORT_80_TCP_ADDR=10.0.0.2",
    "MY_WEB_PORT_80_TCP_PORT=80",
    "MY_WEB_PORT_80_TCP_PROTO=tcp",
    "MY_WEB_PORT_443_TCP=tcp://10.0.0.2:443",
    "MY_WEB_PORT_443_TCP_ADDR=10.0.0.2",
    "MY_WEB_PORT_443_TCP_PORT=443",
    "MY_WEB_PORT_443_TCP_PROTO=tcp",
    "MY_WEB_PORT_53_UDP=udp://10.0.0.2:53",
    "MY_WEB_PORT_53_UDP_ADDR=10.0.0.2",
    "MY_WEB_PORT_53_UDP_PORT=53",
    "MY_WEB_PORT_53_UDP_PROTO=udp",
    "MY_WEB_NAME=/me/my-web",
    "MY_WEB_ENV_A=1",
    "MY_WEB_ENV_EMPTY=",
  ]);
});
