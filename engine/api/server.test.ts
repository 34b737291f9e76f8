import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startApi } from "../../test/support/api-server.ts";
import { containerRecord, fakeServices } from "../../test/support/fake-services.ts";
import { EngineError } from "../errors.ts";

const services = fakeServices({
  records: [containerRecord()],
  containers: {
    create: async () => Promise.resolve({ id: "2".repeat(64), warnings: [] }),
    start: async (id) => {
      await Promise.resolve();
      if (id === "running") throw new EngineError("not-modified", "container already started");
      if (id === "broken") throw new TypeError("x is undefined");
    },
    execCreate: async () => Promise.resolve("3".repeat(64)),
  },
});
const api = await startApi(services);
after(() => api.close());

for (const version of ["/v1.24", "/v1.30", "/v1.41", "/v1.51", ""])
  test(`every version from 1.24 to 1.51 and none is served: ${version || "none"}`, async () => {
    const answer = await api.ask("GET", `${version}/_ping`);
    assert.equal(answer.status, 200);
    assert.equal(answer.text, "OK");
    assert.equal(answer.headers["api-version"], "1.51");
    assert.equal(answer.headers["builder-version"], "1");
    assert.equal(answer.headers["docker-experimental"], "false");
    assert.equal(answer.headers["ostype"], "linux");
    assert.equal(answer.headers["swarm"], "inactive");
  });

test("HEAD /_ping has no body", async () => {
  const answer = await api.ask("HEAD", "/_ping");
  assert.deepEqual([answer.status, answer.headers["content-length"], answer.text], [200, "0", ""]);
});

interface Case {
  readonly ask: readonly [method: string, path: string];
  readonly body?: string;
  readonly type?: string;
  readonly status: number;
  readonly message: string;
}

const create = ["POST", "/v1.51/containers/create"] as const;
const json = "application/json";
const cases: Case[] = [
  { ask: ["GET", "/nosuch"], status: 404, message: "page not found" },
  { ask: ["PUT", "/v1.51/info"], status: 404, message: "page not found" },
  { ask: ["GET", "/v1.99/info"], status: 400, message: "client version 1.99 is too new. Maximum supported API version is 1.51" },
  { ask: create, status: 400, message: "invalid JSON: got EOF while reading request body" },
  { ask: create, body: "{}", type: json, status: 400, message: "config cannot be empty in order to create a container" },
  {
    ask: create,
    body: "{}",
    type: "text/plain",
    status: 400,
    message: "unsupported Content-Type header (text/plain): must be 'application/json'",
  },
  {
    ask: create,
    body: "{bad",
    type: json,
    status: 400,
    message: "invalid JSON: invalid character 'b' looking for beginning of object key string",
  },
  {
    ask: create,
    body: '{"Image":"x","HostConfig":{"Memory":"1g"}}',
    type: json,
    status: 400,
    message: "invalid JSON: json: cannot unmarshal string into Go struct field CreateRequest.HostConfig.Memory of type int64",
  },
  { ask: ["GET", "/v1.51/containers/json?filters=notjson"], status: 400, message: "invalid filter" },
  { ask: ["GET", '/v1.51/containers/json?filters={"bogus":["1"]}'], status: 400, message: "invalid filter 'bogus'" },
  { ask: ["GET", "/v1.51/containers/json?limit=x"], status: 500, message: 'strconv.Atoi: parsing "x": invalid syntax' },
  { ask: ["POST", "/v1.51/containers/web/resize?h=x&w=1"], status: 400, message: 'invalid resize height "x": invalid syntax' },
  {
    ask: ["POST", "/v1.51/containers/web/resize?h=99999999999&w=1"],
    status: 400,
    message: 'invalid resize height "99999999999": value out of range',
  },
  { ask: create, body: "null", type: json, status: 400, message: "config cannot be empty in order to create a container" },
  {
    ask: ["POST", "/v1.51/containers/web/start"],
    body: '{"Binds":[]}',
    type: json,
    status: 400,
    message: "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24",
  },
  {
    ask: ["GET", "/v1.51/networks/web?verbose=x"],
    status: 400,
    message: 'invalid value for verbose: x: strconv.ParseBool: parsing "x": invalid syntax',
  },
  { ask: ["GET", "/v1.51/containers/web/logs"], status: 400, message: "Bad parameters: you must choose at least one stream" },
  { ask: ["POST", "/v1.51/containers/web/wait?condition=bogus"], status: 400, message: 'invalid condition: "bogus"' },
  { ask: ["POST", "/v1.51/containers/web/exec"], body: '{"Cmd":[]}', type: json, status: 400, message: "No exec command specified" },
  { ask: ["GET", "/v1.51/containers/nosuch/json"], status: 404, message: "No such container: nosuch" },
  { ask: ["GET", "/v1.51/events?since=20&until=10"], status: 400, message: "`since` time (20) cannot be after `until` time (10)" },
  {
    ask: create,
    body: '{"Image":"x","HostConfig":{"Mounts":[null,{"Target":1}]}}',
    type: json,
    status: 400,
    message: "invalid JSON: json: cannot unmarshal number into Go struct field CreateRequest.HostConfig.Mounts.Target of type string",
  },
  { ask: ["POST", "/v1.51/swarm/leave"], status: 503, message: "This node is not part of a swarm" },
  { ask: ["GET", "/v1.51/plugins/nosuch/json"], status: 404, message: 'plugin "nosuch" not found' },
];

for (const { ask, body, type, status, message } of cases)
  test(`${ask.join(" ")} with ${body ?? "no body"} answers ${status} as dockerd does`, async () => {
    const answer = await api.ask(...ask, { ...(body !== undefined && { body }), ...(type && { headers: { "content-type": type } }) });
    assert.deepEqual([answer.status, answer.json()], [status, { message }]);
    assert.equal(answer.headers["content-type"], "application/json");
  });

test("a client from before 1.24 is told so in plain text", async () => {
  const answer = await api.ask("GET", "/v1.10/info");
  assert.equal(answer.status, 400);
  assert.equal(answer.headers["content-type"], "text/plain; charset=utf-8");
  assert.match(answer.text, /^client version 1\.10 is too old\. Minimum supported API version is 1\.24, please upgrade/);
});

test("what is so already is 304 without a body", async () => {
  const answer = await api.ask("POST", "/containers/running/start");
  assert.deepEqual([answer.status, answer.text], [304, ""]);
});

test("an error that nobody meant is 500, and logged", async () => {
  const answer = await api.ask("POST", "/containers/broken/start");
  assert.deepEqual([answer.status, answer.json()], [500, { message: "x is undefined" }]);
  assert.ok(api.logged.some((error) => error instanceof TypeError));
});

test("fields are found whatever their case, and a command may be one string", async () => {
  const answer = await api.ask("POST", "/containers/create", { json: { image: "busybox", cmd: "ls", Labels: null } });
  assert.deepEqual([answer.status, answer.json()], [201, { Id: "2".repeat(64), Warnings: [] }]);
});
