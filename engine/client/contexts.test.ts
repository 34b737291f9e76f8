import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Readable } from "node:stream";
import { exportContext, importContext } from "./context-archive.ts";
import { checkContextName, Contexts, tlsFor } from "./contexts.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-contexts-"));
after(() => rmSync(directory, { recursive: true, force: true }));
const contexts = new Contexts(directory);
const readJson = (file: string): unknown => JSON.parse(readFileSync(join(directory, file), "utf8"));
const far = { name: "far", description: "A far one", host: "tcp://far:2376", skipTlsVerify: false };

function docker(...args: string[]): string {
  return execFileSync("docker", ["--config", directory, ...args], { encoding: "utf8", env: { PATH: process.env["PATH"] } }).trim();
}

const noDocker = ((): string | false => {
  try {
    execFileSync("docker", ["--version"]);
    return false;
  } catch {
    return "needs the docker command";
  }
})();

test("Contexts keeps a context with its certificates, and chooses it for berth alone", async () => {
  writeFileSync(join(directory, "config.json"), JSON.stringify({ psFormat: "x" }));
  await contexts.write(far, { ca: "CA", cert: "CERT", key: "KEY" });
  assert.deepEqual(await contexts.list(), [far]);
  assert.deepEqual(await contexts.tls("far"), { ca: "CA", cert: "CERT", key: "KEY" });
  assert.equal(await contexts.current(), "default");
  await contexts.use("far");
  assert.equal(await contexts.current(), "far");
  assert.deepEqual(readJson("berth.json"), { currentContext: "far" });
  assert.equal(statSync(join(directory, "berth.json")).mode & 0o777, 0o600);
  assert.deepEqual(readJson("config.json"), { psFormat: "x" });
  await contexts.use("default");
  writeFileSync(join(directory, "config.json"), JSON.stringify({ psFormat: "x", currentContext: "far" }));
  assert.equal(await contexts.current(), "default");
});

test("docker reads what Contexts writes", { skip: noDocker }, () => {
  assert.match(
    docker("context", "ls", "--format", "{{.Name}} {{.DockerEndpoint}} {{.Current}} {{.Description}}"),
    /^far tcp:\/\/far:2376 true A far one$/m,
  );
  assert.match(docker("context", "inspect", "far", "--format", "{{json .TLSMaterial}}"), /ca\.pem.*cert\.pem.*key\.pem/);
});

test("Contexts reads what docker writes", { skip: noDocker }, async () => {
  docker("context", "create", "near", "--docker", "host=unix:///tmp/x.sock", "--description", "Near");
  assert.deepEqual(await contexts.get("near"), { name: "near", description: "Near", host: "unix:///tmp/x.sock", skipTlsVerify: false });
});

test("Contexts removes a context, and with it the choice of it, also docker's", async () => {
  await contexts.use("far");
  await contexts.remove("far");
  assert.deepEqual(readJson("config.json"), { psFormat: "x" });
  assert.equal(await contexts.current(), "default");
  assert.equal(await contexts.has("far"), false);
  await assert.rejects(contexts.get("far"), /context "far": context not found: open .*meta\.json: no such file or directory/);
  await assert.rejects(contexts.use("far"), /context not found/);
});

for (const [name, message] of [
  ["", /cannot be empty/],
  ["default", /reserved/],
  ["a/b", /is invalid, names are validated against regexp/],
] as const)
  test(`checkContextName() refuses ${JSON.stringify(name)}`, () => assert.throws(() => checkContextName(name), message));

test("tlsFor() verifies unless told otherwise", () => {
  assert.equal(tlsFor(far, {}), undefined);
  assert.deepEqual(tlsFor(far, { ca: "x" }), { ca: "x", verify: true });
  assert.deepEqual(tlsFor({ ...far, skipTlsVerify: true }, {}), { verify: false });
});

test("a context goes into a file and comes out of it the same, also of docker's command", async (t) => {
  const pems = { ca: "CA", cert: "CERT", key: "KEY" };
  await contexts.write({ ...far, name: "packed" }, pems);
  const archive = await exportContext(contexts, "packed");
  await importContext(contexts, "unpacked", Readable.from([archive]));
  assert.deepEqual([await contexts.get("unpacked"), await contexts.tls("unpacked")], [{ ...far, name: "unpacked" }, pems]);
  await assert.rejects(importContext(contexts, "unpacked", Readable.from([archive])), /context "unpacked" already exists/);
  for (const [wrong, message] of [
    [Buffer.alloc(1024), /no metadata found/],
    [Buffer.from("{"), /./],
  ] as const)
    await assert.rejects(importContext(contexts, "wrong", Readable.from([wrong])), message);
  assert.equal(await contexts.has("wrong"), false);
  if (noDocker) return t.skip(noDocker);
  const file = join(directory, "packed.dockercontext");
  writeFileSync(file, archive);
  docker("context", "import", "by-docker", file);
  assert.deepEqual([await contexts.get("by-docker"), await contexts.tls("by-docker")], [{ ...far, name: "by-docker" }, pems]);
  docker("context", "export", "by-docker", `${file}.again`);
  await importContext(contexts, "again", Readable.from([readFileSync(`${file}.again`)]));
  assert.deepEqual(await contexts.tls("again"), pems);
});
