import assert from "node:assert/strict";
import test from "node:test";
import { endpointsOf, isInsecure } from "./endpoint.ts";

const hosts: [domain: string, insecure: string[], want: boolean][] = [
  ["127.0.0.1:5000", [], true],
  ["127.9.9.9", [], true],
  ["localhost:5000", [], true],
  ["[::1]:5000", [], true],
  ["10.1.2.3:5000", [], false],
  ["10.1.2.3:5000", ["10.0.0.0/8"], true],
  ["registry.example:5000", ["registry.example:5000"], true],
  ["registry.example:5000", ["registry.example"], true],
  ["registry.example", ["other.example"], false],
  ["localhost.example", [], false],
];
for (const [domain, insecure, want] of hosts)
  test(`isInsecure() of ${domain} with ${insecure.join() || "nothing"} is ${want}`, () =>
    assert.equal(isInsecure(domain, { insecure }), want));

test("endpointsOf() knows Docker Hub's host and its mirrors", () => {
  const urls = endpointsOf("docker.io", { mirrors: ["https://mirror.example/"] }).map(({ url, mirror }) => [url, mirror]);
  assert.deepEqual(urls, [["https://mirror.example", true], ["https://registry-1.docker.io", false]]); // oxfmt-ignore
  assert.deepEqual(endpointsOf("quay.io", { mirrors: ["https://mirror.example/"] }).map(({ url }) => url), ["https://quay.io"]); // oxfmt-ignore
});
