/** Single files of volumes, containers and images under `/berth/`, as root and rootless. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { connect } from "../../engine/client/client.ts";
import type { DockerClient } from "../../engine/client/client.ts";
import type { FileTree } from "../../engine/client/files.ts";
import { berthSays, importBusybox } from "../support/berth.ts";
import { eventually } from "../support/eventually.ts";
import { startEngine } from "../support/engine.ts";
import type { TestEngine } from "../support/engine.ts";
import { USERS, cannotRunAs } from "../support/user.ts";

for (const as of USERS)
  describe(`as ${as}: files`, { skip: cannotRunAs(as) }, () => {
    let engine: TestEngine;
    let docker: DockerClient;
    let files: FileTree;
    before(async () => {
      engine = await startEngine({ as });
      docker = connect(engine.socket);
      await importBusybox(engine);
      await docker.volumes.create({ Name: "data" });
      files = docker.files.of("volumes", "data");
    });
    after(async () => {
      await docker?.close();
      await engine?.remove();
    });
    const berth = (...args: string[]): Promise<string> => berthSays(engine, args);
    const inVolume = (script: string): Promise<string> => berth("run", "--rm", "-v", "data:/d", "busybox", "sh", "-c", script);

    test("a volume's files are written, read, moved and deleted while nothing runs", async () => {
      await files.makeDirectory("/conf");
      await files.write("/conf/app.ini", Buffer.from("a=1\n"));
      await files.write("/conf/app.ini", Buffer.from("b\n"));
      assert.equal((await files.read("/conf/app.ini")).toString(), "b\n");
      const [conf] = await files.list("/");
      assert.deepEqual([conf?.name, conf?.type, conf?.mode], ["conf", "directory", 0o755]);
      await files.rename("/conf/app.ini", "/conf/my ü.ini");
      assert.deepEqual(
        (await files.list("/conf")).map(({ name, type, sizeBytes, mode }) => ({ name, type, sizeBytes, mode })),
        [{ name: "my ü.ini", type: "file", sizeBytes: 2, mode: 0o644 }],
      );
      assert.equal(await inVolume("cat '/d/conf/my ü.ini'"), "b");
      await assert.rejects(files.remove("/conf"), { status: 409, message: 'Cannot remove "/conf": directory not empty' });
      await files.remove("/conf", { recursive: true });
      assert.deepEqual(await files.list("/"), []);
    });

    test("a big file streams through, and an empty one is empty", async () => {
      const big = Buffer.alloc(40 << 20, "berth ");
      await files.write("/big", Readable.from([big.subarray(0, 1), big.subarray(1)], { objectMode: false }));
      assert.ok((await files.read("/big")).equals(big));
      await files.write("/big", Buffer.alloc(0));
      assert.equal((await files.read("/big")).length, 0);
      await files.remove("/big");
    });

    test("a new file whose content breaks off is not there", async () => {
      async function* broken(): AsyncGenerator<Buffer> {
        yield* Array.from({ length: 20 }, () => Buffer.alloc(1 << 20));
        throw new Error("broken off");
      }
      await assert.rejects(files.write("/half", Readable.from(broken(), { objectMode: false })), /broken off/);
      await eventually(async () => (await files.list("/")).some(({ name }) => name === "half"), false);
    });

    test("what is made belongs to whom its directory belongs; what is changed keeps owner, mode and links", async () => {
      await inVolume(
        "mkdir /d/own && chown 999:998 /d/own && echo old >/d/own/f && chmod 600 /d/own/f && chown 7:8 /d/own/f && ln /d/own/f /d/own/l",
      );
      await files.write("/own/new", Buffer.from("x"));
      await files.write("/own/program", Buffer.from("x"), { mode: 0o755 });
      await files.write("/own/f", Buffer.from("old"), { mode: 0o755 });
      await files.makeDirectory("/own/sub");
      await files.write("/own/f", Buffer.from("new"));
      const ids = async (path: string): Promise<number[]> =>
        Object.values(await files.stat(path).then(({ uid, gid, mode }) => ({ uid, gid, mode })));
      assert.deepEqual(await ids("/own/new"), [999, 998, 0o644]);
      assert.deepEqual(await ids("/own/program"), [999, 998, 0o755]);
      assert.deepEqual(await ids("/own/sub"), [999, 998, 0o755]);
      assert.deepEqual(await ids("/own/f"), [7, 8, 0o600]);
      assert.equal((await files.read("/own/l")).toString(), "new");
      await files.remove("/own", { recursive: true });
    });

    test("links say where they lead and never lead out", async (t) => {
      const outside = mkdtempSync(join(tmpdir(), "berth-files-"));
      t.after(() => rmSync(outside, { recursive: true, force: true }));
      writeFileSync(join(outside, "secret"), "host", { mode: 0o644 });
      await inVolume(
        `echo in >/d/t; ln -s t /d/link; ln -s ${outside} /d/out; ln -s ../../../../../../etc/passwd /d/up; ln -s gone /d/gone; ln -s c2 /d/c1; ln -s c1 /d/c2; mkfifo /d/pipe`,
      );
      const { type, targetType, linkTarget, sizeBytes } = await files.stat("/link");
      assert.deepEqual(
        { type, targetType, linkTarget, sizeBytes },
        { type: "symlink", targetType: "file", linkTarget: "/t", sizeBytes: 3 },
      );
      assert.equal((await files.stat("/gone")).targetType, undefined);
      assert.equal((await files.list("/")).length, 8);
      await assert.rejects(files.read("/out/secret"), { status: 404 });
      await assert.rejects(files.read("/../../../../../../../../etc/passwd"), { status: 404 });
      await assert.rejects(files.read("/up"), { status: 404 });
      await assert.rejects(files.write("/out/secret", Buffer.from("x")), { status: 404 });
      await assert.rejects(files.rename("/t", "/out/t"), { status: 404 });
      await assert.rejects(files.read("/c1"), { status: 400, message: /too many levels of symbolic links/ });
      await assert.rejects(files.read("/pipe"), { status: 400, message: 'Cannot read "/pipe": it is not a regular file' });
      await files.remove("/link");
      assert.equal((await files.read("/t")).toString(), "in\n");
      await inVolume("rm -r /d/*");
    });

    test("what cannot be done is said with a status of its own", async () => {
      await files.write("/f", Buffer.from("x"));
      await files.makeDirectory("/d");
      await files.write("/d/x", Buffer.from("x"));
      const refused: [() => Promise<unknown>, number, RegExp][] = [
        [() => files.read("/none"), 404, /no such file or directory/],
        [() => files.read("/d"), 400, /is a directory/],
        [() => files.list("/f"), 400, /not a directory/],
        [() => files.list("/none"), 404, /no such file/],
        [() => files.write("/d", Buffer.from("x")), 400, /is a directory/],
        [() => files.write("/none/x", Buffer.from("x")), 404, /no such file/],
        [() => files.write("/new", Buffer.from("x"), { create: false }), 404, /no such file/],
        [() => files.write("/f", Buffer.from("x"), { overwrite: false }), 409, /file exists/],
        [() => files.makeDirectory("/d"), 409, /file exists/],
        [() => files.makeDirectory("/none/d"), 404, /no such file/],
        [() => files.rename("/f", "/d/x"), 409, /file exists/],
        [() => files.rename("/d", "/d/inside"), 400, /invalid argument/],
        [() => files.rename("/none", "/d/y"), 404, /no such file/],
        [() => files.remove("/", { recursive: true }), 409, /mounted or in use/],
        [() => files.remove("/none"), 404, /no such file/],
        [() => files.read("f"), 400, /has to be an absolute path inside/],
        [() => files.read("/f\0g"), 400, /has to be an absolute path inside/],
        [() => files.read(`/${"x".repeat(300)}`), 400, /file name too long/],
        [() => docker.files.of("volumes", "nobody").list("/"), 404, /get nobody: no such volume/],
        [() => docker.files.of("containers", "nobody").list("/"), 404, /No such container: nobody/],
        [() => docker.files.of("images", "nobody").list("/"), 404, /No such image: nobody/],
      ];
      for (const [call, status, message] of refused) await assert.rejects(call, { status, message });
      await files.rename("/f", "/d", { overwrite: true });
      assert.equal((await files.read("/d")).toString(), "x");
      await files.remove("/d");
    });

    test("a container's files are the same before, while and after it runs; its read-only mounts stay so", async () => {
      await inVolume("echo mine >/d/keep");
      await berth("create", "--name", "box", "-v", "data:/ro:ro", "-v", "data:/rw", "busybox", "sleep", "99");
      const box = docker.files.of("containers", "box");
      await box.write("/etc/motd", Buffer.from("before\n"));
      await berth("start", "box");
      assert.equal(await berth("exec", "box", "cat", "/etc/motd"), "before");
      await box.write("/etc/motd", Buffer.from("while\n"));
      assert.equal((await box.read("/rw/keep")).toString(), "mine\n");
      await assert.rejects(box.write("/ro/x", Buffer.from("x")), { status: 403, message: "mounted volume is marked read-only" });
      await assert.rejects(box.remove("/rw", { recursive: true }), { status: 403, message: /another file system is mounted at "\/rw"/ });
      for (const path of ["/etc", "/etc/hosts"])
        await assert.rejects(box.remove(path, { recursive: true }), {
          status: 403,
          message: /another file system is mounted at "\/etc\/host/,
        });
      await berth("stop", "-t", "0", "box");
      assert.equal((await box.read("/etc/motd")).toString(), "while\n");
      await berth("rm", "box");
      assert.equal(await inVolume("cat /d/keep; rm /d/keep"), "mine");
    });

    test("an image's files are read and never changed", async () => {
      const image = docker.files.of("images", "busybox:latest");
      assert.ok((await image.list("/bin")).some(({ name, targetType }) => name === "sh" && targetType === "file"));
      assert.equal((await image.read("/bin/busybox")).subarray(1, 4).toString(), "ELF");
      await assert.rejects(image.write("/bin/sh", Buffer.from("x")), { status: 403, message: /images never change/ });
    });

    test("a volume is backed up and restored with owners, modes and its own root", async () => {
      await inVolume(
        "chown 999:998 /d; chmod 700 /d; mkdir /d/a; echo 1 >/d/a/f; chown 5:6 /d/a/f; chmod 640 /d/a/f; ln -s f /d/a/l; ln /d/a/f /d/h",
      );
      const tar = await buffer(await docker.files.backUp("data"));
      await docker.volumes.create({ Name: "copy" });
      await docker.files.of("volumes", "copy").write("/other", Buffer.from("x"));
      await docker.files.restore("copy", Readable.from([tar], { objectMode: false }), { replace: true });
      const look = "cd /v; stat -c '%n %u:%g %a %h %F' . a a/f a/l h; ls -A";
      const [one, two] = await Promise.all(
        ["data", "copy"].map((name) => berth("run", "--rm", "-v", `${name}:/v`, "busybox", "sh", "-c", look)),
      );
      assert.equal(two, one);
      assert.match(one!, /^\. 999:998 700 /);
      await assert.rejects(docker.files.restore("copy", Readable.from([Buffer.from("no tar at all")])), { status: 400 });
      await berth("run", "-d", "--name", "user", "-v", "copy:/v", "busybox", "sleep", "99");
      await assert.rejects(docker.files.restore("copy", Readable.from([tar]), { replace: true }), {
        status: 409,
        message: /volume is in use - \[/,
      });
      await berth("rm", "-f", "user");
    });

    test("a volume with mount options is mounted for as long as it takes", async () => {
      const device = join(engine.root, "shared");
      await berth("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", `device=${engine.root}`, "bound");
      await docker.files.of("volumes", "bound").makeDirectory("/shared");
      assert.ok(existsSync(device));
      await berth("volume", "rm", "bound");
    });
  });
