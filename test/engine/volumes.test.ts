/** Volumes as containers see them, with the real docker command, as root and rootless. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { importBusybox } from "../support/berth.ts";
import { startEngine } from "../support/engine.ts";
import type { TestEngine } from "../support/engine.ts";
import { USERS, cannotRunAs } from "../support/user.ts";

for (const as of USERS)
  describe(`as ${as}: volumes`, { skip: cannotRunAs(as) }, () => {
    let engine: TestEngine;
    const docker = async (...args: string[]): Promise<string> => {
      const { exitCode, stdout, stderr } = await engine.docker(args);
      assert.equal(exitCode, 0, `docker ${args.join(" ")}: ${stderr}${stdout}`);
      return stdout.trimEnd();
    };
    const refused = async (...args: string[]): Promise<string> => {
      const { exitCode, stdout, stderr } = await engine.docker(args);
      assert.notEqual(exitCode, 0, stdout);
      return stderr;
    };
    const sh = (script: string, ...options: string[]): Promise<string> => docker("run", "--rm", ...options, "filled", "sh", "-c", script);
    before(async () => {
      engine = await startEngine({ as });
      await importBusybox(engine);
      const script =
        "mkdir -p /srv/deep; echo a >/srv/deep/f; chown 5:6 /srv/deep/f; chmod 4750 /srv/deep/f; chown 7:8 /srv; chmod 1770 /srv";
      await docker("run", "--name", "made", "busybox", "sh", "-c", script);
      await docker("commit", "made", "filled");
      await docker("rm", "made");
    });
    after(() => engine?.remove());

    test("a new volume has what the image has there, with owners and modes; nocopy and bind have not", async () => {
      const look = "stat -c '%n %u:%g %a' /srv /srv/deep/f 2>&1";
      const image = await sh(look);
      assert.match(image, /^\/srv 7:8 1770\n\/srv\/deep\/f 5:6 4750$/);
      assert.equal(await sh(look, "-v", "copied:/srv"), image);
      assert.equal(await sh("ls /srv", "-v", "empty:/srv:nocopy"), "");
      await sh("rm -r /srv/deep; echo mine >/srv/kept", "-v", "copied:/srv");
      assert.equal(await sh("ls /srv", "-v", "copied:/srv"), "kept", "only an empty volume is filled");
    });

    test("volumes are shared, read-only where asked, by subpath, and by --volumes-from", async () => {
      await docker("run", "-d", "--name", "writer", "--stop-timeout", "0", "-v", "shared:/s", "filled", "sleep", "99");
      await docker("exec", "writer", "sh", "-c", "mkdir /s/sub; echo x >/s/sub/f");
      assert.equal(await sh("cat /s/sub/f", "-v", "shared:/s"), "x");
      assert.equal(await sh("cat /m/f", "--mount", "type=volume,src=shared,dst=/m,volume-subpath=sub"), "x");
      assert.match(await refused("run", "--rm", "-v", "shared:/s:ro", "filled", "touch", "/s/y"), /Read-only file system/);
      assert.equal(await sh("cat /s/sub/f; touch /s/new", "--volumes-from", "writer"), "x");
      assert.match(await refused("run", "--rm", "--volumes-from", "writer:ro", "filled", "touch", "/s/y"), /Read-only file system/);
      await docker("create", "--name", "reader", "-v", "shared:/s:ro", "filled");
      assert.match(await refused("run", "--rm", "--volumes-from", "reader:rw,z", "filled", "touch", "/s/y"), /Read-only file system/);
      assert.match(await refused("run", "--rm", "--volumes-from", "reader:ro,rw", "filled"), /invalid mode: ro,rw/);
      await docker("rm", "reader");
      assert.match(
        await refused("run", "--rm", "--mount", "type=volume,src=shared,dst=/m,volume-subpath=gone", "filled"),
        /cannot access path/,
      );
      await docker("rm", "-f", "writer");
    });

    test("anonymous volumes go with --rm and rm -v, named ones stay", async () => {
      const anonymous = async (): Promise<string[]> =>
        (await docker("volume", "ls", "-q")).split("\n").filter((name) => name.length === 64);
      await sh("true", "-v", "/anonymous", "-v", "named:/n");
      assert.deepEqual(await anonymous(), []);
      await docker("create", "--name", "one", "-v", "/anonymous", "filled");
      assert.equal((await anonymous()).length, 1);
      await docker("rm", "-v", "one");
      assert.deepEqual(await anonymous(), []);
      await docker("create", "--name", "two", "-v", "/anonymous", "filled");
      await docker("rm", "two");
      assert.match(await docker("volume", "prune", "-f"), /^Deleted Volumes:\n[0-9a-f]{64}\n\nTotal reclaimed space: 0B$/);
      assert.match(await docker("volume", "ls", "-q"), /^named$/m);
    });

    test("sizes and users are counted, what is used stays, and prune -a takes the rest", async () => {
      await sh("dd if=/dev/zero of=/v/f bs=1k count=100", "-v", "big:/v");
      await docker("create", "--name", "user", "-v", "big:/v", "filled");
      const row = async (): Promise<string> =>
        docker("system", "df", "-v", "--format", '{{range .Volumes}}{{if eq .Name "big"}}{{.Size}} {{.Links}}{{end}}{{end}}');
      assert.equal(await row(), "102.4kB 1");
      assert.match(await refused("volume", "rm", "big"), /^Error response from daemon: remove big: volume is in use - \[[0-9a-f]{64}\]\n$/);
      await docker("volume", "create", "--label", "keep=1", "kept");
      await docker("volume", "prune", "-af", "--filter", "label!=keep=1");
      assert.equal(await docker("volume", "ls", "-q"), "big\nkept");
      assert.equal(await docker("volume", "ls", "-q", "--filter", "dangling=true"), "kept");
      assert.equal(await docker("volume", "ls", "-q", "--filter", "label=keep", "--filter", "name=ke"), "kept");
      await docker("rm", "user");
      assert.equal(await row(), "102.4kB 0");
      assert.match(await docker("volume", "prune", "-af"), /Total reclaimed space: 102\.4kB$/);
    });

    test("options of the local driver reach mount, and wrong ones are refused in Docker's words", async () => {
      await docker("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m,mode=1777", "ram");
      assert.match(await sh("df -k /v | tail -1; stat -c %a /v", "-v", "ram:/v"), /^tmpfs +1024 .*\n1777$/);
      await docker("volume", "create", "-o", "type=none", "-o", "o=bind,ro", "-o", `device=${engine.root}`, "bound");
      assert.match(await sh("ls /v; touch /v/x 2>&1 || true", "-v", "bound:/v"), /^engine\.log\nrun\n[\s\S]*Read-only file system/);
      await docker("volume", "create", "-o", "type=nfs", "-o", "o=addr=127.0.0.1,rw", "-o", "device=:/export", "remote");
      assert.match(
        await refused("run", "--rm", "-v", "remote:/v", "filled"),
        /failed to mount local volume: mount :\/export:\S+, data: addr=127\.0\.0\.1: /,
      );
      assert.equal(
        await refused("volume", "create", "-o", "type=tmpfs", "x1"),
        'Error response from daemon: create x1: missing required option: "device"\n',
      );
      assert.equal(
        await refused("volume", "create", "-o", "wrong=1", "x2"),
        'Error response from daemon: create x2: invalid option: "wrong"\n',
      );
      assert.equal(await refused("volume", "rm", "gone"), "Error response from daemon: get gone: no such volume\n");
    });
  });
