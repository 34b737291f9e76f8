/**
 * The programs that people look names up with, from Debian's packages, in containers: dig, getent (glibc), nslookup of busybox,
 * and both of Node's resolvers. (No dynamically linked musl program is in Debian; musl's habit of asking for A and AAAA at once
 * is what the "no data" answers here are for.)
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { debianTar } from "../support/debian.ts";
import { startEngine } from "../support/engine.ts";
import type { TestEngine } from "../support/engine.ts";
import { loadKeptImage } from "../support/kept-image.ts";
import { testPrograms } from "../support/programs.ts";
import { cannotRunAs, USERS } from "../support/user.ts";

const tar = await debianTar();
const { node } = await testPrograms();
const Dockerfile = `FROM debian
RUN apt-get update && apt-get install -y --no-install-recommends bind9-dnsutils busybox libstdc++6 && rm -rf /var/lib/apt/lists/*
`;

for (const as of USERS)
  describe(`as ${as}: resolvers`, { skip: cannotRunAs(as) || ("missing" in tar && tar.missing) }, () => {
    let engine: TestEngine;
    let address = "";
    const docker = async (...args: string[]): Promise<string> => {
      const { exitCode, stdout, stderr } = await engine.docker(args);
      assert.equal(exitCode, 0, `docker ${args.join(" ")}: ${stderr}${stdout}`);
      return stdout.trimEnd();
    };
    /** What a shell line in the asking container prints, and its exit status after it. */
    const ask = (line: string): Promise<string> => docker("exec", "asker", "sh", "-c", `${line}; echo "exit $?"`);
    const js = (program: string): Promise<string> => docker("exec", "asker", "node", "-e", program);
    before(async () => {
      engine = await startEngine({ as });
      if ("path" in tar) await loadKeptImage(engine, tar.path, { name: "resolvers", tag: "tools", files: { Dockerfile } });
      await docker("network", "create", "names");
      const common = ["run", "-d", "--init", "--network", "names"];
      await docker(...common, "--name", "web", "--network-alias", "alias", "tools", "sleep", "999");
      const resolv = ["--dns-search", "example.org", "--dns-search", "names", "--dns-option", "timeout:3", "--dns-option", "ndots:1"];
      await docker(...common, "--name", "asker", ...resolv, "-v", `${node}:/usr/local/bin/node:ro`, "tools", "sleep", "999");
      address = await docker("inspect", "-f", "{{.NetworkSettings.Networks.names.IPAddress}}", "web");
    });
    after(() => engine?.remove());

    test("dig: UDP, TCP, aliases, PTR; no data and no such name are told apart", async () => {
      for (const how of ["+notcp", "+tcp"]) {
        assert.equal(await ask(`dig +short ${how} web`), `${address}\nexit 0`);
        assert.equal(await ask(`dig +short ${how} ALIAS`), `${address}\nexit 0`);
        assert.equal(await ask(`dig +short ${how} -x ${address}`), "web.names.\nexit 0");
        assert.match(await ask(`dig ${how} web aaaa`), /status: NOERROR.*ANSWER: 0,/s);
        assert.match(await ask(`dig ${how} web mx`), /status: NOERROR.*ANSWER: 0,/s);
        assert.match(await ask(`dig ${how} nosuch.invalid`), /status: NXDOMAIN/);
      }
    });

    test("getent: glibc asks for A and AAAA and takes what there is", async () => {
      assert.match(await ask("getent hosts web"), new RegExp(`^${address}\\s+web`));
      assert.match(await ask("getent ahosts web"), new RegExp(`^${address}\\s+STREAM web`));
      assert.match(await ask("getent ahostsv4 alias"), new RegExp(`^${address}\\s+STREAM`));
      assert.match(await ask(`getent hosts ${address}`), /web\.names/);
      assert.equal(await ask("getent hosts nosuch.invalid"), "exit 2");
      assert.match(await ask("getent hosts asker"), /asker/);
    });

    test("nslookup of busybox", async () => {
      assert.match(await ask("busybox nslookup web"), new RegExp(`Address: ${address}\n`));
      assert.match(await ask("busybox nslookup -type=aaaa web."), /answer:\n\nexit 0$/);
      assert.match(await ask("busybox nslookup nosuch.invalid."), /NXDOMAIN/);
      assert.match(await ask(`busybox nslookup ${address}`), /name = web\.names/);
    });

    test("Node's resolvers: the C library's and its own", async () => {
      const own = `require("dns").promises.Resolver`;
      assert.equal(await js(`require("dns").promises.lookup("web").then(({ address }) => console.log(address))`), address);
      assert.equal(await js(`new (${own})().resolve4("web").then(console.log)`), `[ '${address}' ]`);
      assert.equal(await js(`new (${own})().resolve6("web").catch((error) => console.log(error.code))`), "ENODATA");
      assert.equal(await js(`new (${own})().resolve4("nosuch.invalid").catch((error) => console.log(error.code))`), "ENOTFOUND");
      assert.equal(await js(`new (${own})().reverse("${address}").then(console.log)`), "[ 'web.names' ]");
    });

    test("search domains and options are the container's own, and 127.0.0.11 is its only server", async () => {
      const resolv = await ask("grep -v '^#' /etc/resolv.conf");
      assert.match(resolv, /^search example\.org names$/m);
      assert.match(resolv, /^options (?=.*ndots:1)(?=.*timeout:3)/m);
      assert.deepEqual(resolv.match(/^nameserver .*$/gm), ["nameserver 127.0.0.11"]);
      assert.equal(await ask("dig +short +search web"), `${address}\nexit 0`);
      assert.equal(await ask("dig +short web.names"), `${address}\nexit 0`);
    });
  });
