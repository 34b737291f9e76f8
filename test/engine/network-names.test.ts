/** Names between containers, as programs in containers ask for them, with the real docker command. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { after, before, describe, test } from "node:test";
import { importBusybox } from "../support/berth.ts";
import { startEngine } from "../support/engine.ts";
import type { TestEngine } from "../support/engine.ts";
import { openRoom, plainRequest } from "../support/networks-room.ts";
import { sendKill } from "../support/processes.ts";
import { testPrograms } from "../support/programs.ts";
import { USERS, cannotRunAs } from "../support/user.ts";

const { node } = await testPrograms();

for (const as of USERS) {
  describe(`as ${as}: names`, { skip: cannotRunAs(as) }, () => {
    let engine: TestEngine;
    const docker = async (...args: string[]): Promise<string> => {
      const { exitCode, stdout, stderr } = await engine.docker(args);
      assert.equal(exitCode, 0, `docker ${args.join(" ")}: ${stderr}${stdout}`);
      return stdout.trimEnd();
    };
    const asked = async (name: string, type = "a"): Promise<string[]> => {
      const { stdout } = await engine.docker(["exec", "asker", "nslookup", `-type=${type}`, name]);
      return [...stdout.matchAll(/^Address: (\S+)$/gm)].map(([, address = ""]) => address);
    };
    const addressOf = (name: string): Promise<string> =>
      docker("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name);
    before(async () => {
      engine = await startEngine({ as });
      await importBusybox(engine);
      await docker("network", "create", "-o", "com.docker.network.driver.mtu=1400", "--ipv6", "--subnet", "fd00:b::/64", "names");
      await docker("run", "-d", "--stop-timeout", "0", "--name", "asker", "--network", "names", "busybox", "sleep", "999");
    });
    after(() => engine?.remove());

    test("a renamed container has its new name, its aliases, and no longer its old name", async () => {
      await docker("run", "-d", "--name", "old", "--network", "names", "--network-alias", "alias", "busybox", "sleep", "99");
      const address = await addressOf("old");
      assert.deepEqual(await asked("old"), [address]);
      await docker("rename", "old", "new");
      assert.deepEqual([await asked("new"), await asked("old"), await asked("alias")], [[address], [], [address]]);
      assert.match(await docker("network", "inspect", "-f", "{{range .Containers}}{{.Name}} {{end}}", "names"), /\bnew\b/);
      await engine.kill9();
      await engine.restart();
      assert.deepEqual([await asked("new"), await asked("old")], [[address], []]);
      await docker("rename", "new", "old");
      assert.deepEqual(await asked("old"), [address]);
      await docker("rm", "-f", "old");
    });

    test("three replicas are all answered, each first in its turn", async () => {
      const names = ["r1", "r2", "r3"];
      for (const name of names)
        await docker("run", "-d", "--name", name, "--network", "names", "--network-alias", "web", "busybox", "sleep", "99");
      const addresses = await Promise.all(names.map(addressOf));
      const firsts = new Set<string | undefined>();
      // Who asks again because an answer was slow takes two turns.
      for (let turn = 0; turn < 30 && firsts.size < 3; turn++) {
        const answer = await asked("web");
        assert.deepEqual(answer.toSorted(), addresses.toSorted());
        firsts.add(answer[0]);
      }
      assert.deepEqual(firsts, new Set(addresses));
      assert.equal((await asked("web", "aaaa")).length, 3);
      await docker("rm", "-f", ...names);
      assert.deepEqual(await asked("web"), []);
    });

    test("the packet size that a network says is that of its containers", async () => {
      assert.equal(await docker("exec", "asker", "cat", "/sys/class/net/eth0/mtu"), "1400");
      assert.equal(await docker("network", "inspect", "-f", "{{json .Options}}", "names"), '{"com.docker.network.driver.mtu":"1400"}');
    });

    test("who shares a network shares its host name", async () => {
      assert.equal(
        await docker("run", "--rm", "--network", "container:asker", "busybox", "hostname"),
        await docker("exec", "asker", "hostname"),
      );
    });

    test("a port is published on IPv6 too", async () => {
      const script = "mkdir /w; echo six >/w/index.html; exec httpd -f -p [::]:80 -h /w";
      await docker("run", "-d", "--name", "six", "--network", "names", "-p", "80", "-p", "[::1]::81", "busybox", "sh", "-c", script);
      assert.match(await docker("port", "six"), /80\/tcp -> \[::\]:\d+/);
      assert.match(await docker("port", "six", "81"), /^\[::1\]:\d+$/);
      const port = /:(\d+)$/.exec((await docker("port", "six", "80")).split("\n")[0]!)![1]!;
      await docker("exec", "six", "sh", "-c", "until grep -q :0050 /proc/net/tcp6; do sleep 0.05; done");
      for (const host of ["127.0.0.1", "::1"]) assert.equal(await body(host, Number(port)), "six\n");
      await docker("rm", "-f", "six");
    });
  });

  test(`as ${as}: a flood of questions leaves others served`, { skip: cannotRunAs(as) }, async (t) => {
    const { room, remove } = await openRoom(as);
    t.after(remove);
    await room.create({ name: "busy" });
    const [flooder, other] = [
      await room.attach(plainRequest("flooder", { mode: "busy" })),
      await room.attach(plainRequest("other", { mode: "busy" })),
    ];
    const flood = `
      const { encode } = { encode: (name) => Buffer.concat([Buffer.from("000101000001000000000000", "hex"), ...name.split(".").map((part) => Buffer.concat([Buffer.from([part.length]), Buffer.from(part)])), Buffer.from("0000010001", "hex")]) };
      const socket = require("dgram").createSocket("udp4");
      let turn = 0;
      const send = () => { for (let i = 0; i < 50; i++) socket.send(encode((turn++ % 2 ? "other" : "n" + turn) + (turn % 2 ? "" : ".invalid")), 53, "127.0.0.11"); setTimeout(send, 2); };
      socket.on("error", () => undefined); send(); console.log("up");`;
    const pid = await room.serve(flooder.netnsPath!, [node, "-e", flood]);
    t.after(() => sendKill(pid));
    const asks = `
      const resolver = new (require("dns").promises.Resolver)({ timeout: 3000, tries: 3 });
      resolver.setServers(["127.0.0.11"]);
      // The kernel drops what a busy machine does not read in time, so a name may take several attempts.
      const served = async () => { for (let turn = 0; turn < 20; turn++) if (await resolver.resolve4("flooder").then(() => true, () => false)) return 1; return 0; };
      (async () => { let good = 0; for (let i = 0; i < 50; i++) good += await served(); console.log(good); })();`;
    assert.equal((await room.inside(other.netnsPath, [node, "-e", asks])).stdout.trim(), "50");
  });
}

async function body(host: string, port: number): Promise<string> {
  const call = request({ host, port, family: host.includes(":") ? 6 : 4, agent: false }).end();
  const [response] = (await once(call, "response")) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
