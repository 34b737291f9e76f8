import assert from "node:assert/strict";
import { test } from "node:test";
import type { ContainerInspect } from "../../engine/api/types/container.ts";
import { EMPTY_SPEC, requestOf, runWords, specOf, splitWords } from "./spec.ts";

const spec = {
  ...EMPTY_SPEC,
  image: "web:1",
  name: "web",
  command: "serve --title 'a b'",
  ports: ["8080:80", "127.0.0.1:53:53/udp", "443"],
  environment: ["A=1", "B=x=y"],
  mounts: ["data:/data", "/etc:/host:ro"],
  network: "front",
  memory: "512m",
  cpus: "1.5",
  restart: "always",
  user: "1000",
  directory: "/srv",
} as const;

test("requestOf() and specOf() are each other's inverse", () => {
  const request = requestOf(spec);
  const inspect = { Name: "/web", Config: request, HostConfig: request.HostConfig } as unknown as ContainerInspect;
  assert.deepEqual(specOf(inspect), spec);
});

test("requestOf() says what Docker's API wants", () => {
  const { HostConfig, Cmd, ExposedPorts } = requestOf(spec);
  assert.deepEqual(HostConfig?.PortBindings, {
    "80/tcp": [{ HostIp: "", HostPort: "8080" }],
    "53/udp": [{ HostIp: "127.0.0.1", HostPort: "53" }],
    "443/tcp": [{ HostIp: "", HostPort: "" }],
  });
  assert.deepEqual([HostConfig?.Memory, HostConfig?.NanoCpus], [512 * 1024 ** 2, 1_500_000_000]);
  assert.deepEqual(Cmd, ["serve", "--title", "a b"]);
  assert.deepEqual(Object.keys(ExposedPorts ?? {}), ["80/tcp", "53/udp", "443/tcp"]);
});

test("requestOf() keeps what the form does not show", () => {
  const { HostConfig, Labels } = requestOf(spec, { Labels: { a: "b" }, HostConfig: { CapAdd: ["NET_ADMIN"], Privileged: true } });
  assert.deepEqual([Labels, HostConfig?.CapAdd, HostConfig?.Privileged], [{ a: "b" }, ["NET_ADMIN"], true]);
});

test("specOf() does not repeat what the image says", () => {
  const request = requestOf(spec);
  const inspect = {
    Name: "/web",
    Config: { ...request, Env: ["PATH=/bin", "A=1"] },
    HostConfig: request.HostConfig,
  } as unknown as ContainerInspect;
  const { environment, command } = specOf(inspect, { Env: ["PATH=/bin"], Cmd: request.Cmd ?? null });
  assert.deepEqual([environment, command], [["A=1"], ""]);
});

test("runWords() is what one types", () => {
  assert.equal(
    runWords({ ...EMPTY_SPEC, image: "web", name: "w", ports: ["80:80"], removeAfter: true, command: "a 'b c'" }).join("|"),
    "--detach|--name|w|--publish|80:80|--rm|web|a|b c",
  );
});

const wrong: [string, object, RegExp][] = [
  ["no image", { image: " " }, /image is needed/],
  ["a port that is none", { ports: ["a:b"] }, /"a:b" is no port/],
  ["a port that is too big", { ports: ["70000:80"] }, /65535/],
  ["a mount without a target", { mounts: ["data"] }, /"data" is no mount/],
  ["a relative target", { mounts: ["data:x"] }, /is no mount/],
  ["a variable without a value", { environment: ["A"] }, /"A" is no variable/],
  ["memory in words", { memory: "much" }, /"much" is no amount/],
  ["hardly any memory", { memory: "1k" }, /6m at least/],
  ["no CPU", { cpus: "0" }, /"0" is no number/],
  ["an open quote", { command: "a 'b" }, /does not end/],
];
for (const [name, change, message] of wrong)
  test(`requestOf() refuses ${name}`, () => assert.throws(() => requestOf({ ...spec, ...change }), message));

for (const [text, words] of [
  ["", []],
  ["a  b", ["a", "b"]],
  [`a "b \\" c" ''`, ["a", 'b " c', ""]],
  ["a\\ b", ["a b"]],
] as [string, string[]][])
  test(`splitWords() splits ${JSON.stringify(text)}`, () => assert.deepEqual(splitWords(text), words));
