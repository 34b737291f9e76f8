import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import type { TestContext } from "node:test";
import { fakeRegistry, fresh, listen, needsRoot } from "../../../test/support/registry.ts";
import { readRegistrySettings } from "./settings.ts";

function written(t: TestContext, text: string): string {
  const directory = mkdtempSync(join(tmpdir(), "settings-"));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, "daemon.json"), text);
  return join(directory, "daemon.json");
}

test("readRegistrySettings() adds the environment's lists to the file's", async (t) => {
  const path = written(t, '{"registry-mirrors":["https://m.example"],"insecure-registries":["10.0.0.0/8"],"proxies":{"no-proxy":"x"}}');
  const env = { BERTH_REGISTRY_MIRRORS: "http://n.example:5000, ", BERTH_INSECURE_REGISTRIES: "a:5000,b" };
  const { mirrors, insecure, env: proxies } = await readRegistrySettings(path, env);
  assert.deepEqual(
    [mirrors, insecure],
    [
      ["https://m.example", "http://n.example:5000"],
      ["10.0.0.0/8", "a:5000", "b"],
    ],
  );
  assert.equal(proxies["NO_PROXY"], "x");
  assert.deepEqual((await readRegistrySettings(`${path}.missing`, {})).mirrors, []);
});

const refusals: [text: string, error: RegExp][] = [
  ["{", /unable to configure the engine with file .*daemon.json: /],
  ["[]", /not a JSON object/],
  ['{"registry-mirror":[]}', /the following directives don't match any configuration option: registry-mirror$/],
  ['{"registry-mirrors":"https://m"}', /"registry-mirrors" is not a list of strings/],
  ['{"registry-mirrors":["ftp://m"]}', /invalid mirror: unsupported scheme "ftp" in "ftp:\/\/m"/],
  ['{"registry-mirrors":["m"]}', /is not a valid URI/],
  ['{"insecure-registries":["http://m"]}', /insecure registry http:\/\/m should not contain ':\/\/'/],
  ['{"proxies":{"ftp-proxy":"x"}}', /"proxies" has no "ftp-proxy"/],
];
for (const [text, error] of refusals)
  test(`readRegistrySettings() refuses ${text}`, async (t) => assert.rejects(readRegistrySettings(written(t, text), {}), error));

test("pull() goes through the proxy of the environment, but never to this machine", needsRoot, async (t) => {
  const fake = await fakeRegistry(t);
  const asked: string[] = [];
  const proxy = createServer((request, response) => {
    asked.push(request.url!);
    // A proxy is given whole addresses; this one leads all of them to the fake registry.
    const { pathname, search } = new URL(request.url!);
    void fetch(`http://${fake.host}${pathname}${search}`, { headers: { accept: request.headers.accept ?? "*/*" } }).then(async (answer) => {
      response.writeHead(answer.status, { "Content-Type": answer.headers.get("content-type") ?? "" });
      response.end(Buffer.from(await answer.arrayBuffer()));
    });
  });
  await listen(t, proxy);
  const env = { http_proxy: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` };
  const { images } = await fresh(t, { env, insecure: ["registry.invalid:5000"] });
  await images.pull("registry.invalid:5000/app:1", {});
  assert.ok(asked.length >= 4 && asked.every((url) => url.startsWith("http://registry.invalid:5000/v2/")), asked.join());
  const before = asked.length;
  await images.pull(`${fake.host}/app:1`, {});
  assert.equal(asked.length, before);
});
