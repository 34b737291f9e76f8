import assert from "node:assert/strict";
import test from "node:test";
import { canonicalReference, familiarReference, isTag, parseReference, withDefaultTag } from "./reference.ts";

const HEX = "0123456789abcdef".repeat(4);

function check(text: string): string {
  const result = parseReference(text);
  return "problem" in result ? result.problem : canonicalReference(result.reference);
}

const good: [text: string, canonical: string, familiar: string][] = [
  ["nginx", "docker.io/library/nginx", "nginx"],
  ["nginx:1.27", "docker.io/library/nginx:1.27", "nginx:1.27"],
  ["library/nginx", "docker.io/library/nginx", "nginx"],
  ["docker.io/nginx", "docker.io/library/nginx", "nginx"],
  ["index.docker.io/nginx", "docker.io/library/nginx", "nginx"],
  ["docker.io/library/a/b", "docker.io/library/a/b", "library/a/b"],
  ["me/app:v1", "docker.io/me/app:v1", "me/app:v1"],
  ["localhost/app", "localhost/app", "localhost/app"],
  ["localhost:5000/a/b:1", "localhost:5000/a/b:1", "localhost:5000/a/b:1"],
  ["127.0.0.1:5000/rec/bb", "127.0.0.1:5000/rec/bb", "127.0.0.1:5000/rec/bb"],
  ["[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x"],
  ["UPPER/case", "UPPER/case", "UPPER/case"],
  ["quay.io/a_b/c__d/e---f.g", "quay.io/a_b/c__d/e---f.g", "quay.io/a_b/c__d/e---f.g"],
  [`nginx@sha256:${HEX}`, `docker.io/library/nginx@sha256:${HEX}`, `nginx@sha256:${HEX}`],
  [`nginx:1@sha256:${HEX}`, `docker.io/library/nginx:1@sha256:${HEX}`, `nginx:1@sha256:${HEX}`],
  ["a".repeat(128), `docker.io/library/${"a".repeat(128)}`, "a".repeat(128)],
];
for (const [text, canonical, familiar] of good)
  test(`parseReference() reads ${text.slice(0, 40)}`, () => {
    assert.equal(check(text), canonical);
    const result = parseReference(text);
    assert.ok("reference" in result);
    assert.equal(familiarReference(result.reference), familiar);
  });

const bad: [text: string, problem: string][] = [
  ["", "invalid reference format"],
  ["-", "invalid reference format"],
  ["foo:bad tag", "invalid reference format"],
  ["foo:", "invalid reference format"],
  [":tag", "invalid reference format"],
  ["a//b", "invalid reference format"],
  ["../../etc/passwd", "invalid reference format"],
  ["a/../b", "invalid reference format"],
  ["foo/", "invalid reference format"],
  ["foo:tag\n", "invalid reference format"],
  ["foo@sha256:12", "invalid reference format"],
  ["Nginx", "invalid reference format: repository name (library/Nginx) must be lowercase"],
  ["me/App:1", "invalid reference format: repository name (me/App) must be lowercase"],
  [HEX, `invalid repository name (${HEX}), cannot specify 64-byte hexadecimal strings`],
  [`a@sha256:${"a".repeat(40)}`, "invalid checksum digest length"],
  [`a@md5:${"a".repeat(32)}`, "unsupported digest algorithm"],
  ["a".repeat(256), "repository name must not be more than 255 characters"],
  ["a-".repeat(100_000), "invalid reference format"],
  [`a:${"b".repeat(129)}`, "invalid reference format"],
];
for (const [text, problem] of bad)
  test(`parseReference() refuses ${JSON.stringify(text.slice(0, 40))}`, () => assert.equal(check(text), problem));

test("withDefaultTag() adds latest only where nothing was written", () => {
  const named = (text: string) => {
    const result = parseReference(text);
    assert.ok("reference" in result);
    return familiarReference(withDefaultTag(result.reference));
  };
  assert.equal(named("nginx"), "nginx:latest");
  assert.equal(named("nginx:1"), "nginx:1");
  assert.equal(named(`nginx@sha256:${HEX}`), `nginx@sha256:${HEX}`);
});

test("isTag() reads tags", () => {
  assert.ok(isTag("v1.0_x-y"));
  assert.ok(!isTag(".hidden"));
  assert.ok(!isTag("a b"));
});
