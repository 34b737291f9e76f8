import assert from "node:assert/strict";
import { test } from "node:test";
import { containerNameFor, defaultImageName } from "./image-name.ts";

const dockerfiles: [string, string][] = [
  ["/home/me/web/Dockerfile", "web:latest"],
  ["/home/me/web/Containerfile", "web:latest"],
  ["/home/me/web/Dockerfile.dev", "web-dev:latest"],
  ["/home/me/web/dev.Dockerfile", "web-dev:latest"],
  ["/home/me/web/Api.dockerfile", "web-api:latest"],
  ["/home/me/My Café_2/Dockerfile", "my-cafe-2:latest"],
  ["/home/me/--x--/Dockerfile", "x:latest"],
  ["/home/me/日本/Dockerfile", "image:latest"],
  ["/Dockerfile", "image:latest"],
];
for (const [path, want] of dockerfiles)
  test(`defaultImageName() names ${path}`, () => {
    assert.equal(defaultImageName(path), want);
    assert.match(want, /^[a-z0-9]+(-[a-z0-9]+)*:latest$/);
  });

const references: [string, string][] = [
  ["web", "web"],
  ["registry:5000/team/web:1", "web"],
  ["web@sha256:abc", "web"],
  ["__x:1", "x"],
];
for (const [reference, want] of references)
  test(`containerNameFor() names a container of ${reference}`, () => assert.equal(containerNameFor(reference), want));
