import assert from "node:assert/strict";
import { test } from "node:test";
import { atEndpoint, credentialsText, usesApiSocket, withApiSocket } from "./api-socket.ts";
import { serviceHash } from "./hash.ts";
import { loadProject } from "./load.ts";

test("use_api_socket mounts the socket and the credentials, with the hash that docker compose 2.40.3 gives it", async () => {
  const text = "services: {b: {image: busybox, command: sleep 1000, stop_grace_period: 0s, use_api_socket: true}}";
  const { project } = await loadProject({ cwd: "/", env: {}, files: ["-"], projectName: "t", stdin: () => Promise.resolve(text) });
  assert.ok(usesApiSocket(project));
  const { services, configs } = withApiSocket(project, credentialsText({ "r.example": { username: "u", password: "p" } }));
  const service = services["b"]!;
  assert.equal(serviceHash(service), "6479d7addd66f44cfed1c31ebcf44ba2f4fda7c711b3f42b1071b097cc402bfe");
  assert.deepEqual(JSON.parse(configs["#apisocket"]?.content ?? ""), { auths: { "r.example": { auth: "dTpw" } } });
  assert.equal(atEndpoint(service, "unix:///run/own.sock").volumes?.[0]?.source, "/run/own.sock");
  assert.equal(atEndpoint(service, "tcp://host:2375").volumes?.[0]?.source, "/var/run/docker.sock");
});
