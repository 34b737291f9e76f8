import assert from "node:assert/strict";
import test from "node:test";
import { openRegistry } from "../remote.ts";
import { parseChallenge } from "./auth.ts";
import { fakeRegistry, fresh, needsRoot, pull } from "../../../test/support/registry.ts";

test("pull() fetches a token with the password, and shows neither to another host", needsRoot, async (t) => {
  const fake = await fakeRegistry(t);
  const storage = await fakeRegistry(t);
  for (const [digest, blob] of fake.blobs) storage.blobs.set(digest, blob);
  fake.answer = (request, response) => {
    const { url = "", headers } = request;
    if (url.startsWith("/token")) {
      const isKnown = headers.authorization === `Basic ${Buffer.from("me:secret").toString("base64")}`;
      response.writeHead(isKnown ? 200 : 401).end(JSON.stringify({ token: "t0ken", expires_in: 300 }));
      return true;
    }
    if (headers.authorization !== "Bearer t0ken") {
      const challenge = `Bearer realm="http://${fake.host}/token",service="fake",scope="repository:app:pull"`;
      response.writeHead(401, { "WWW-Authenticate": challenge }).end();
      return true;
    }
    if (!url.includes("/blobs/")) return false;
    response.writeHead(307, { Location: `http://${storage.host}${url}` }).end();
    return true;
  };
  const fixture = await fresh(t);
  await pull(fixture, `${fake.host}/app:1`, { auth: { username: "me", password: "secret" } });
  assert.ok(storage.requests.length >= 3);
  assert.deepEqual(storage.headers.map(({ authorization }) => authorization).filter(Boolean), []);
  assert.ok(fake.requests.includes("GET /token?service=fake&scope=repository%3Aapp%3Apull"));
  const wrong = (await fresh(t)).images.pull(`${fake.host}/app:1`, { auth: { username: "me", password: "wrong" } });
  await assert.rejects(wrong, /^EngineError: Head "http:.*\/v2\/app\/manifests\/1": unauthorized: incorrect username or password$/);
  const [digest] = fake.blobs.keys();
  const unnamed = (await fresh(t)).images.pull(`${fake.host}/app@${digest}`, {});
  await assert.rejects(
    unnamed,
    /^EngineError: Get "http:.*\/v2\/app\/manifests\/sha256:\w+": unauthorized: incorrect username or password$/,
  );
});

test("login() keeps the identity token of a token server, which stands for the password afterwards", needsRoot, async (t) => {
  const fake = await fakeRegistry(t);
  fake.answer = (request, response) => {
    const { url = "", method, headers } = request;
    if (url.startsWith("/token")) {
      const offline = method === "GET" && url.includes("offline_token=true");
      const isKnown = method === "POST" || headers.authorization === `Basic ${Buffer.from("me:secret").toString("base64")}`;
      response.writeHead(isKnown ? 200 : 401).end(JSON.stringify({ token: "t0ken", ...(offline && { refresh_token: "ident1ty" }) }));
      return true;
    }
    if (headers.authorization === "Bearer t0ken") return false;
    response.writeHead(401, { "WWW-Authenticate": `Bearer realm="http://${fake.host}/token",service="fake"` }).end();
    return true;
  };
  const answer = await openRegistry().login({ username: "me", password: "secret", serveraddress: fake.host });
  assert.deepEqual(answer, { status: "Login Succeeded", identityToken: "ident1ty" });
  const fixture = await fresh(t);
  await pull(fixture, `${fake.host}/app:1`, { auth: { identitytoken: answer.identityToken } });
  assert.ok(fake.requests.includes("POST /token"));
});

const challenges: [header: string | undefined, want: ReturnType<typeof parseChallenge>][] = [
  [undefined, undefined],
  ['Basic realm="a \\"b\\""', { scheme: "basic", parameters: { realm: 'a "b"' } }],
  [
    'Bearer realm="https://auth.example/token",service="r.example",scope="repository:a/b:pull,push"',
    { scheme: "bearer", parameters: { realm: "https://auth.example/token", service: "r.example", scope: "repository:a/b:pull,push" } },
  ],
  ['Basic realm=x, Bearer realm="y"', { scheme: "bearer", parameters: { realm: "y" } }],
  ["Negotiate", undefined],
];
for (const [header, want] of challenges) test(`parseChallenge() reads ${header}`, () => assert.deepEqual(parseChallenge(header), want));
