/** The engine on a TCP address: mutual TLS with the docker command as it is, plain text on loopback alone and when asked for. */
import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { request as secureRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { findProgram } from "../../engine/host/programs.ts";
import { berth, importBusybox } from "../support/berth.ts";
import { freePort, makeCertificates } from "../support/certificates.ts";
import { runProgram, startEngine } from "../support/engine.ts";
import type { Result } from "../support/engine.ts";
import { cannotRunAs, USERS } from "../support/user.ts";

const lacks = findProgram("openssl") === undefined && "needs openssl";
const noDocker = findProgram("docker") === undefined && "needs the docker command";

for (const as of USERS)
  suite(`TCP address, engine as ${as}`, { skip: lacks || cannotRunAs(as) }, () => {
    void test("TLS in both directions, refusals, and memory of it", { timeout: 300_000 }, async (t) => {
      const engine = await startEngine({ as });
      const folder = mkdtempSync(join(tmpdir(), "berth-tls-"));
      t.after(() => engine.remove());
      t.after(() => rmSync(folder, { recursive: true }));
      await makeCertificates(folder);
      chmodSync(folder, 0o755);
      chmodSync(join(folder, "server-key.pem"), 0o600);
      chownSync(join(folder, "server-key.pem"), engine.user.uid, engine.user.gid);
      await importBusybox(engine);
      const port = await freePort();
      const url = `tcp://127.0.0.1:${port}`;
      const files = [
        "--tlscacert",
        join(folder, "ca.pem"),
        "--tlscert",
        join(folder, "server.pem"),
        "--tlskey",
        join(folder, "server-key.pem"),
      ];
      const start = (...more: string[]): Promise<Result> => berth(engine, ["engine", "start", ...more]);

      const refused = await start("--listen", url, "--tlsverify", ...files);
      assert.match(refused.stderr, /runs already/);
      await engine.stop();
      for (const [args, why] of [
        [["--listen", url], /without TLS: give --tlsverify/],
        [["--listen", `tcp://0.0.0.0:${port}`, "--plaintext"], /not a loopback address/],
        [["--listen", url, "--tlsverify", "--tlscacert", "/nosuch"], /Cannot read the TLS file/],
        [["--plaintext"], /name an address/],
        [["--listen", url, "--tlsverify", ...files, "--tlscacert", join(folder, "server-key.pem")], /CA's certificate holds none/],
        [["--listen", url, "--tlsverify", ...files, "--tlscert", join(folder, "client.pem")], /key is not that of its certificate/],
      ] as const) {
        const { exitCode, stderr } = await start(...args);
        assert.equal(exitCode, 1);
        assert.match(stderr, why);
      }
      const started = await start("--listen", url, "--tlsverify", ...files);
      assert.equal(started.exitCode, 0, started.stderr);
      assert.ok(started.stdout.includes(`${url}\n`), started.stdout);

      const ask = (headers: Record<string, string>, who = "client"): Promise<number> =>
        new Promise((resolve, reject) => {
          const identity = { cert: readFileSync(join(folder, `${who}.pem`)), key: readFileSync(join(folder, `${who}-key.pem`)) };
          const asked = secureRequest({
            host: "127.0.0.1",
            port,
            path: "/_ping",
            ca: readFileSync(join(folder, "ca.pem")),
            ...identity,
            checkServerIdentity: () => undefined,
            headers,
            agent: false,
          });
          asked
            .once("response", (response) => resolve(response.resume().statusCode!))
            .once("error", reject)
            .end();
        });
      assert.equal(await ask({}), 200);
      assert.equal(await ask({ Host: "engine.example" }), 200);
      assert.equal(await ask({ Host: "evil.example" }), 403);
      assert.equal(await ask({ Origin: "https://evil.example" }), 403);
      assert.equal(await ask({}, "stranger"), 403);
      assert.equal(await ask({}, "expired"), 403);
      assert.equal(await askPlain(port, {}), 400);

      const client = ["--tlsverify", "-H", url];
      const certificates = (who: string): NodeJS.ProcessEnv => ({ ...process.env, DOCKER_CERT_PATH: join(folder, who) });
      if (!noDocker) {
        const run = (who: string, args: string[], input = ""): Promise<Result> =>
          runProgram(["docker", ...client, ...args], { env: certificates(who), input });
        assert.equal((await run("client", ["run", "--rm", "-i", "busybox", "sh", "-c", "cat; exit 3"], "in\n")).exitCode, 3);
        assert.equal((await run("client", ["run", "--rm", "-i", "busybox", "cat"], "through\n")).stdout, "through\n");
        // The docker command does not show a certificate of an authority that it was not asked for.
        for (const [who, why] of [
          ["stranger", "certificate required"],
          ["expired", "expired certificate"],
        ] as const)
          assert.deepEqual(await run(who, ["ps"]), {
            exitCode: 1,
            stdout: "",
            stderr: `Error response from daemon: the client is refused: tls: ${why}\n`,
          });
        const plain = await runProgram(["docker", "-H", url, "ps"], { env: { ...process.env, DOCKER_TLS_VERIFY: "" } });
        assert.equal(plain.stderr, "Error response from daemon: Client sent an HTTP request to an HTTPS server.\n");
        const byVariable = await runProgram(["docker", "ps", "-q"], {
          env: { ...certificates("client"), DOCKER_HOST: url, DOCKER_TLS_VERIFY: "1" },
        });
        assert.equal(byVariable.exitCode, 0, byVariable.stderr);
      }
      chmodSync(join(folder, "client/key.pem"), 0o644);
      const own = await berth(engine, [...client, "ps", "-q"], { env: { DOCKER_CERT_PATH: join(folder, "client") } });
      assert.equal(own.exitCode, 0, own.stderr);

      await engine.stop();
      await engine.restart();
      assert.equal(await ask({}), 200, "the address is remembered");
      await engine.stop();
      assert.equal((await start("--listen", url, "--plaintext")).exitCode, 0);
      assert.equal(await askPlain(port, {}), 200);
      assert.equal(await askPlain(port, { Host: "evil.example" }), 403);
      assert.equal(await askPlain(port, { Origin: "http://127.0.0.1" }), 403);
      await engine.stop();
      assert.doesNotMatch((await start("--listen", "none")).stdout, /tcp:/);
      await assert.rejects(askPlain(port, {}), /ECONNREFUSED/);
    });
  });

function askPlain(port: number, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path: "/_ping", headers, agent: false });
    asked
      .once("response", (response) => resolve(response.resume().statusCode!))
      .once("error", reject)
      .end();
  });
}
