/** What programs do with Testcontainers, on the engine of DOCKER_HOST; a program of its own, run by clients.test.ts. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { GenericContainer, Network, Wait } from "testcontainers";

/** Its own minute is little for a slow and busy machine. */
const PATIENCE_MS = 240_000;

const network = await new Network().start();
const web = await new GenericContainer("busybox:latest")
  .withCommand(["sh", "-c", "mkdir /www; echo served > /www/index.html; echo ready; httpd -f -p 80 -h /www"])
  .withExposedPorts(80)
  .withNetwork(network)
  .withNetworkAliases("web")
  .withWaitStrategy(Wait.forAll([Wait.forLogMessage("ready"), Wait.forHttp("/", 80)]))
  .withCopyContentToContainer([{ content: "hello\n", target: "/tmp/hello" }])
  .withEnvironment({ WHO: "you" })
  .withStartupTimeout(PATIENCE_MS)
  .start();
const client = await new GenericContainer("busybox:latest")
  .withCommand(["sh", "-c", "httpd -f -p 8080"])
  .withExposedPorts(8080)
  .withNetwork(network)
  .withHealthCheck({ test: ["CMD-SHELL", "true"], interval: 200, timeout: 60_000, retries: 3 })
  .withWaitStrategy(Wait.forAll([Wait.forHealthCheck(), Wait.forListeningPorts()]))
  .withStartupTimeout(PATIENCE_MS)
  .start();

const answer = await fetch(`http://${web.getHost()}:${web.getMappedPort(80)}/`);
assert.equal(await answer.text(), "served\n");
const executed = await web.exec(["sh", "-c", "cat /tmp/hello; echo $WHO; exit 5"]);
assert.deepEqual(executed, { output: "hello\nyou\n", stdout: "hello\nyou\n", stderr: "", exitCode: 5 });
assert.match((await client.exec(["nslookup", "web"])).stdout, /Name:\tweb\nAddress: \d/);
await client.restart();

const archive = await text(await web.copyArchiveFromContainer("/tmp/hello"));
assert.match(archive, /hello\n/);

const context = mkdtempSync(join(tmpdir(), "berth-testcontainers-"));
writeFileSync(
  join(context, "Dockerfile"),
  'FROM busybox:latest\nARG WORD\nRUN echo "$WORD" > /word\nCMD ["sh", "-c", "cat /word; sleep 1000"]\n',
);
const image = await GenericContainer.fromDockerfile(context).withBuildArgs({ WORD: "built" }).build("berth-testcontainers:1", { deleteOnExit: false }); // oxfmt-ignore
const built = await image.withWaitStrategy(Wait.forLogMessage("built")).withStartupTimeout(PATIENCE_MS).start();

const reusable = (): GenericContainer =>
  new GenericContainer("busybox:latest").withCommand(["sleep", "1000"]).withReuse().withStartupTimeout(PATIENCE_MS);
const [first, second] = [await reusable().start(), await reusable().start()];
assert.equal(first.getId(), second.getId());
for (const container of [built, first]) await container.stop({ timeout: 1 });
rmSync(context, { recursive: true });

for (const container of [client, web]) await container.stop();
await network.stop();
console.log("all is as it should be");
