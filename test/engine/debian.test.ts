/**
 * The main job with a real system: Debian's nginx installed by a RUN, served on a published port, driven by the real docker
 * command, as root and as a user.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { which } from "../../scripts/setup.mjs";
import { berth } from "../support/berth.ts";
import { debianTar } from "../support/debian.ts";
import { runProgram, startEngine } from "../support/engine.ts";
import { eventually } from "../support/eventually.ts";
import { cannotRunAs, USERS } from "../support/user.ts";

const tar = await debianTar();
const missing = "missing" in tar ? tar.missing : !which("docker") && "the docker command is not installed";

const DOCKERFILE = `FROM debian
RUN apt-get update && apt-get install -y --no-install-recommends nginx
RUN echo "nginx in Berth" > /var/www/html/index.html && ln -sf /dev/stdout /var/log/nginx/access.log
EXPOSE 80
CMD ["nginx", "-g", "daemon off;"]
`;

for (const as of USERS)
  describe(`a Debian with nginx, as ${as}`, { skip: cannotRunAs(as) || missing }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "berth-debian-"));
    writeFileSync(join(folder, "Dockerfile"), DOCKERFILE);
    chmodSync(folder, 0o755);
    const engine = await startEngine({ as });
    after(async () => {
      await engine.remove();
      rmSync(folder, { recursive: true });
    });
    const docker = async (...args: string[]): Promise<string> => {
      const { exitCode, stdout, stderr } = await engine.docker(args);
      assert.equal(exitCode, 0, `docker ${args.join(" ")}: ${stderr}${stdout}`);
      return stdout.trimEnd();
    };

    test("the base is imported and nginx is installed from Debian's packages", async () => {
      if ("missing" in tar) return;
      await docker("import", tar.path, "debian");
      const built = await berth(engine, ["build", "--progress", "plain", "-t", "web", folder]);
      assert.equal(built.exitCode, 0, built.stderr);
      const again = await berth(engine, ["build", "--progress", "plain", "-t", "web", folder]);
      assert.equal(again.stderr.match(/CACHED/g)?.length, 3, again.stderr);
    });

    test("its page answers on a published port, and its log has the visit", async () => {
      await docker("run", "-d", "--name", "web", "-p", "127.0.0.1::80", "web");
      const address = await docker("port", "web", "80/tcp");
      await docker("exec", "web", "sh", "-c", "until [ -s /run/nginx.pid ]; do sleep 0.05; done");
      assert.equal(await (await fetch(`http://${address}/?from=test`)).text(), "nginx in Berth\n");
      await eventually(async () => /GET \/\?from=test HTTP\/1\.1" 200/.test(await docker("logs", "web")), true);
      assert.match(await docker("ps"), /web .*"nginx -g 'daemon of…" .* Up .* 127\.0\.0\.1:\d+->80\/tcp +web/);
    });

    test("docker exec -it is a terminal in it", async () => {
      const command = `docker -H ${engine.socket} exec -it web sh -c "tty; id -un; exit 7"`;
      const { exitCode, stdout } = await runProgram(["script", "-qec", command, "/dev/null"], { env: process.env });
      assert.match(stdout, /\/dev\/pts\/0\r\n.*root\r\n/);
      assert.equal(exitCode, 7);
    });

    test("nginx runs under its own user, and apt works in a container", async () => {
      assert.match(await docker("top", "web"), /nginx: worker process/);
      assert.match(await docker("exec", "web", "stat", "-c", "%U", "/var/lib/nginx/body"), /^www-data$/);
      assert.match(await docker("run", "--rm", "web", "dpkg", "-s", "nginx"), /Status: install ok installed/);
    });

    test("docker stop ends it with nginx's own exit code", async () => {
      await docker("stop", "web");
      assert.match(await docker("ps", "-a", "--format", "{{.Names}} {{.Status}}"), /^web Exited \(0\)/);
      await docker("rm", "web");
    });
  });
