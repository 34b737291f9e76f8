import assert from "node:assert/strict";
import { test } from "node:test";
import { loadProject } from "./load.ts";
import { ComposeError } from "./project.ts";

/** Text of a compose file, and what is wrong with its ports, with line and column. */
const CASES: readonly [string, string | undefined][] = [
  ["services: {a: {image: x, ports: ['80:80']}, b: {image: x, ports: ['81:80']}}", undefined],
  ["services: {a: {image: x, ports: ['80:80']}, b: {image: x, ports: ['80:80/udp']}}", undefined],
  ["services: {a: {image: x, ports: ['127.0.0.1:80:80']}, b: {image: x, ports: ['127.0.0.2:80:80']}}", undefined],
  ["services: {a: {image: x, ports: ['80']}, b: {image: x, ports: ['80']}}", undefined],
  ["services: {a: {image: x, scale: 0, ports: ['80:80']}, b: {image: x, ports: ['80:80']}}", undefined],
  ["services: {a: {image: x, profiles: [p], ports: ['80:80']}, b: {image: x, ports: ['80:80']}}", undefined],
  [
    "services:\n  a: {image: x, ports: ['80:80']}\n  b:\n    image: x\n    ports:\n      - 80:81\n",
    '-:6:9: services.b.ports[0]: port 80/tcp is already published by service "a"',
  ],
  [
    "services:\n  a: {image: x, ports: ['80:80']}\n  b: {image: x, ports: ['127.0.0.1:80:81']}\n",
    '-:3:25: services.b.ports[0]: port 127.0.0.1:80/tcp is already published by service "a"',
  ],
  [
    "services:\n  a: {image: x, scale: 2, ports: ['80:80']}\n",
    '-:2:35: services.a.ports[0]: port 80/tcp is published more than once by service "a"',
  ],
];

for (const [text, wanted] of CASES) {
  test(`checkPortClashes() ${wanted ?? "accepts"} ${JSON.stringify(text.slice(0, 60))}`, async () => {
    const loading = loadProject({
      cwd: "/",
      env: {},
      files: ["-"],
      projectName: "p",
      checkPorts: true,
      stdin: () => Promise.resolve(text),
    });
    const said = await loading.then(
      () => undefined,
      (error: unknown) => (error instanceof ComposeError ? error.located : error),
    );
    assert.equal(said, wanted);
  });
}
