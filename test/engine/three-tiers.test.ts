/**
 * An application as people have them: nginx → a Python service → Redis and PostgreSQL, all of Debian's packages, over two
 * networks, with the data in a volume. The image is made once and kept beside the Debian base.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { debianTar } from "../support/debian.ts";
import { startEngine } from "../support/engine.ts";
import type { TestEngine } from "../support/engine.ts";
import { loadKeptImage } from "../support/kept-image.ts";
import { cannotRunAs, USERS } from "../support/user.ts";

const tar = await debianTar();

const FILES = {
  Dockerfile: `FROM debian
RUN apt-get update && apt-get install -y --no-install-recommends nginx-light redis-server postgresql python3 python3-redis python3-psycopg2 && rm -rf /var/lib/apt/lists/*
RUN install -d -o postgres -g postgres -m 700 /data
COPY app.py database nginx.conf /srv/
`,
  // The resolver makes nginx ask again, as people configure it in containers.
  "nginx.conf": `daemon off; error_log /dev/stderr; pid /tmp/nginx.pid; events {}
http { access_log off; server { listen 80; resolver 127.0.0.11; set $app http://app:8000; location / { proxy_pass $app; } } }
`,
  database: `#!/bin/sh
set -e
bin=$(echo /usr/lib/postgresql/*/bin)
[ -s /data/PG_VERSION ] || { $bin/initdb -D /data -A trust >/dev/null; echo "host all all all trust" >>/data/pg_hba.conf; }
exec $bin/postgres -D /data -h 0.0.0.0 -k /tmp -c fsync=off
`,
  "app.py": `import http.server, psycopg2, redis
cache = redis.Redis("cache")
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args): pass
    def do_GET(self):
        try:
            with psycopg2.connect(host="db", user="postgres") as connection, connection.cursor() as cursor:
                cursor.execute("create table if not exists visits (path text)")
                if self.path != "/count": cursor.execute("insert into visits values (%s)", (self.path,))
                cursor.execute("select count(*) from visits")
                body = "stored %d, cached %d\\n" % (cursor.fetchone()[0], cache.incr("hits"))
            self.send_response(200)
        except Exception as error:
            body = str(error) + "\\n"
            self.send_response(503)
        self.end_headers()
        self.wfile.write(body.encode())
http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
`,
};

/** In a container: prints `open`, or why not; what nobody answers is waited for that long. */
const probe = (host: string, port: number, seconds: number): string[] => [
  "python3",
  "-c",
  `import socket
try: socket.create_connection(("${host}", ${port}), ${seconds}); print("open")
except Exception as error: print(type(error).__name__)`,
];

for (const as of USERS)
  describe(`as ${as}: three tiers on two networks`, { skip: cannotRunAs(as) || ("missing" in tar && tar.missing) }, () => {
    let engine: TestEngine;
    const docker = async (...args: string[]): Promise<string> => {
      const { exitCode, stdout, stderr } = await engine.docker(args);
      assert.equal(exitCode, 0, `docker ${args.join(" ")}: ${stderr}${stdout}`);
      return stdout.trimEnd();
    };
    before(async () => {
      engine = await startEngine({ as });
      if ("path" in tar) await loadKeptImage(engine, tar.path, { name: "three-tiers", tag: "app", files: FILES });
      await docker("network", "create", "front");
      await docker("network", "create", "--internal", "back");
      await docker("volume", "create", "rows");
    });
    after(() => engine?.remove());

    const up = async (): Promise<void> => {
      await docker(
        "run",
        "-d",
        "--name",
        "db",
        "--network",
        "back",
        "--user",
        "postgres",
        "-v",
        "rows:/data",
        "app",
        "sh",
        "/srv/database",
      );
      await docker(
        "run",
        "-d",
        "--name",
        "cache",
        "--network",
        "back",
        "app",
        "redis-server",
        "--bind",
        "0.0.0.0",
        "--protected-mode",
        "no",
      );
      await docker("create", "--name", "app", "--network", "front", "app", "python3", "/srv/app.py");
      await docker("network", "connect", "back", "app");
      await docker("start", "app");
      await docker("run", "-d", "--name", "web", "--network", "front", "-p", "127.0.0.1::80", "app", "nginx", "-c", "/srv/nginx.conf");
    };
    /** The page, once the database has started. */
    const page = async (path: string): Promise<string> => {
      const address = await docker("port", "web", "80/tcp");
      const deadline = Date.now() + 120_000;
      for (;;) {
        const answer = await fetch(`http://${address}${path}`).catch(() => undefined);
        const text = (await answer?.text()) ?? "nobody answers";
        if (answer?.ok) return text.trim();
        assert.ok(Date.now() < deadline, text);
      }
    };
    const from = (name: string, host: string, port: number, seconds = 2): Promise<string> =>
      docker("exec", name, ...probe(host, port, seconds));
    const address = async (name: string, network: string): Promise<string> =>
      docker("inspect", "-f", `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, name);

    test("a visit goes through all tiers", async () => {
      await up();
      assert.equal(await page("/one"), "stored 1, cached 1");
      assert.equal(await page("/two"), "stored 2, cached 2");
    });

    test("what should be reached is reached, and nothing else", async () => {
      assert.equal(await from("web", "app", 8000, 60), "open");
      assert.equal(await from("app", "db", 5432, 60), "open");
      assert.equal(await from("app", "cache", 6379, 60), "open");
      assert.equal(await from("web", "db", 5432, 60), "gaierror", "no name of the other network");
      assert.notEqual(await from("web", await address("db", "back"), 5432), "open", "no address of the other network");
      assert.notEqual(await from("db", await address("web", "front"), 80), "open");
      assert.notEqual(await from("db", await address("app", "front"), 8000), "open");
      assert.notEqual(await from("db", "169.254.1.1", 80), "open", "an internal network has no way out");
      assert.equal(await docker("port", "web"), `80/tcp -> ${await docker("port", "web", "80/tcp")}`);
    });

    test("the data outlives a kill of the engine and the containers, and goes with its volume", async () => {
      await engine.kill9();
      await engine.restart();
      assert.equal(await page("/three"), "stored 3, cached 3");
      await docker("rm", "-f", "web", "app", "cache", "db");
      await up();
      assert.equal(await page("/count"), "stored 3, cached 1");
      await docker("rm", "-f", "web", "app", "cache", "db");
      await docker("volume", "rm", "rows");
      await up();
      assert.equal(await page("/count"), "stored 0, cached 1");
      await docker("rm", "-f", "web", "app", "cache", "db");
    });
  });
