/** Registries from the command line: logins with real helper programs, private images, and what is asked without pulling. */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { which } from "../../scripts/setup.mjs";
import { berth, berthSays, importBusybox } from "../support/berth.ts";
import { startEngine } from "../support/engine.ts";
import type { Result, TestEngine } from "../support/engine.ts";
import { fakeRegistry, imageOf, OCI, realRegistry, sha256, tar } from "../support/registry.ts";
import { cannotRunAs, USERS } from "../support/user.ts";

const SECRET = "secret";
/** bcrypt of "secret" */
const HTPASSWD = "me:$2y$05$p9yd5wC4v0KjDE7RFRZ/4O5wzAfu3wQoOFM4lVkDb/aZecbfdCIB.\n";

/** A credential helper that keeps one file a server, and notes what it is asked. */
const HELPER = `#!/bin/sh
store=$(dirname "$0")/../store input=$(cat)
echo "$1" >> "$store/asked"
case $1 in
store) server=$(echo "$input" | sed 's/.*"ServerURL":"\\([^"]*\\)".*/\\1/'); echo "$input" > "$store/$(echo "$server" | tr /: __)" ;;
get) cat "$store/$(echo "$input" | tr /: __)" 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
erase) rm -f "$store/$(echo "$input" | tr /: __)" ;;
esac
`;

for (const as of USERS)
  describe(`registries, as ${as}`, { skip: cannotRunAs(as) }, () => {
    let engine: TestEngine;
    let folder: string;
    let env: NodeJS.ProcessEnv;

    const own = (path: string): void => chownSync(path, engine.user.uid, engine.user.gid);
    const says = (...words: string[]): Promise<string> => berthSays(engine, words, { cwd: folder, env });
    const tries = (...words: string[]): Promise<Result> => berth(engine, words, { cwd: folder, env });
    const settings = (text: string): void => writeFileSync(join(folder, "config/config.json"), text);

    before(async () => {
      engine = await startEngine({ as });
      folder = mkdtempSync(join(tmpdir(), "berth-registries-"));
      for (const name of ["", "bin", "store", "config"]) {
        mkdirSync(join(folder, name), { recursive: true });
        own(join(folder, name));
      }
      writeFileSync(join(folder, "bin/docker-credential-fake"), HELPER);
      chmodSync(join(folder, "bin/docker-credential-fake"), 0o755);
      env = { PATH: `${join(folder, "bin")}:${process.env["PATH"]}`, DOCKER_CONFIG: join(folder, "config") };
      await importBusybox(engine);
    });
    after(async () => {
      rmSync(folder, { recursive: true, force: true });
      await engine.remove();
    });

    const helpers = {
      credsStore: (): object => ({ credsStore: "fake" }),
      credHelpers: (host: string): object => ({ credHelpers: { [host]: "fake" } }),
    };
    for (const [setting, config] of Object.entries(helpers))
      test(`login · push · pull · logout with ${setting}, the secret in no file of ours`, async (t) => {
        const directory = mkdtempSync(join(tmpdir(), "berth-registry-"));
        t.after(() => rmSync(directory, { recursive: true, force: true }));
        writeFileSync(join(directory, "htpasswd"), HTPASSWD);
        const host = await realRegistry(t, directory, `auth: {htpasswd: {realm: test, path: ${join(directory, "htpasswd")}}}\n`);
        if (!host) return;
        settings(JSON.stringify(config(host)));
        const name = `${host}/private/app:1`;
        await says("tag", "busybox", name);
        assert.match((await tries("push", name)).stderr, /no basic auth credentials/);
        const login = await berth(engine, ["login", "-u", "me", "--password-stdin", host], { cwd: folder, env, input: `${SECRET}\n` });
        assert.deepEqual([login.exitCode, login.stdout, login.stderr], [0, "Login Succeeded\n", ""]);
        assert.deepEqual(JSON.parse(readFileSync(join(folder, "config/config.json"), "utf8")), { ...config(host), auths: { [host]: {} } });
        await says("push", "-q", name);
        await says("rmi", name);
        await says("pull", "-q", name);
        assert.equal(await says("login", host), "Authenticating with existing credentials...\nLogin Succeeded");
        assert.equal(await says("logout", host), `Removing login credentials for ${host}`);
        assert.match((await tries("pull", name)).stderr, /pull access denied|no basic auth credentials/);
        assert.deepEqual(readdirSync(join(folder, "store")), ["asked"]);
        assert.match(readFileSync(join(folder, "store/asked"), "utf8"), /store\n(get\n)+erase\n/);
        const files = [join(engine.root, "engine.log"), join(folder, "config/config.json")].filter((path) => existsSync(path));
        for (const word of [SECRET, Buffer.from(`me:${SECRET}`).toString("base64")])
          assert.throws(() => execFileSync("grep", ["-rl", "--", word, ...files]), { status: 1 });
      });

    test("a helper that is missing, or fails, is named", async () => {
      settings('{"credsStore":"nosuch"}');
      const { stderr } = await tries("login", "127.0.0.1:1");
      assert.match(stderr, /error getting credentials - err: exec: "docker-credential-nosuch": executable file not found in \$PATH/);
      settings("{}");
    });

    test("builds that run while everything unused is pruned are whole; one prune is one event", async () => {
      const dockerfile = (i: number): string => `FROM busybox\nRUN echo ${i} > /a\nRUN cat /a > /b\nRUN cat /b > /c\nCMD ["cat","/c"]\n`;
      const since = Math.floor(Date.now() / 1000);
      let building = true;
      const pruning = (async () => {
        let prunes = 0;
        // The engine remembers 256 events, and on a slow disk a build takes as long as many of these.
        for (; building && prunes < 30; prunes++) {
          await says("image", "prune", "-f");
          await says("builder", "prune", "-af");
        }
        return prunes;
      })();
      try {
        for (let i = 0; i < 4; i++) {
          await berthSays(engine, ["build", "-q", "--no-cache", "-t", "whole:1", "-"], { cwd: folder, env, input: dockerfile(i) });
          assert.equal(await says("run", "--rm", "whole:1"), String(i));
        }
      } finally {
        building = false;
      }
      const prunes = await pruning;
      await berthSays(engine, ["build", "-q", "-"], { cwd: folder, env, input: dockerfile(4) });
      assert.match(
        await says("buildx", "du"),
        /^ID +RECLAIMABLE +SIZE +LAST ACCESSED\n\w+ +(true|false)[^]*\nReclaimable:\t[^]*\nTotal:\t\t/,
      );
      assert.equal((await tries("save", "-o", "/nosuch/x", "busybox")).stderr, "failed to save image: invalid output path: stat /nosuch: no such file or directory\n"); // oxfmt-ignore
      const filters = ["--filter", "type=image", "--filter", "event=prune"];
      const events = await says("events", "--since", String(since), "--until", String(Math.ceil(Date.now() / 1000) + 1), ...filters);
      assert.equal(events.split("\n").length, prunes);
      assert.match(events, /image prune +\(reclaimed=\d+\)/);
    });

    test("manifest inspect prints what docker's prints", async (t) => {
      const fake = await fakeRegistry(t);
      const manifests = ["amd64", "arm64"].map((architecture) => {
        const { data, digest } = imageOf(fake, [tar(architecture, Buffer.from(architecture))], { os: "linux", architecture });
        return { mediaType: `${OCI}.manifest.v1+json`, digest, size: data.length, platform: { os: "linux", architecture } };
      });
      const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: `${OCI}.index.v1+json`, manifests }));
      fake.manifests.set("multi", index);
      fake.manifests.set(sha256(index), index);
      const single = JSON.parse(await says("manifest", "inspect", `${fake.host}/app:1`)) as { layers: unknown[] };
      assert.equal(single.layers.length, 2);
      const missing = await tries("manifest", "inspect", `${fake.host}/app:nosuch`);
      assert.equal(missing.exitCode, 1);
      assert.equal(missing.stderr, `no such manifest: ${fake.host}/app:nosuch\n`);
      if (!which("docker")) return t.skip("needs docker to compare with");
      for (const words of [["app:1"], ["app:multi"], ["-v", "app:1"], ["-v", "app:multi"]]) {
        const args = ["manifest", "inspect", "--insecure", ...words.slice(0, -1), `${fake.host}/${words.at(-1)}`];
        const docker = await promisify(execFile)("docker", args, { env: { ...process.env, ...env } });
        assert.equal(await says(...args), docker.stdout.trimEnd(), words.join(" "));
      }
    });

    test("manifest lists are begun, annotated, pushed and removed as docker's, and docker's lists are read", async (t) => {
      const directory = mkdtempSync(join(tmpdir(), "berth-registry-"));
      t.after(() => rmSync(directory, { recursive: true, force: true }));
      const host = await realRegistry(t, directory);
      if (!host) return;
      const [list, own, other] = [`${host}/app:all`, `${host}/app:1`, `${host}/other:1`];
      for (const name of [own, other]) {
        await says("tag", "busybox", name);
        await says("push", "-q", name);
      }
      assert.equal(await says("manifest", "create", list, own, other), `Created manifest list ${list}`);
      assert.equal(
        (await tries("manifest", "create", list, own)).stderr,
        "refusing to amend an existing manifest list with no --amend flag\n",
      );
      assert.match(
        (await tries("manifest", "create", `${host}/app:2`, `${host}/app:nosuch`)).stderr,
        /^no such manifest: .*\/app:nosuch\n$/,
      );
      assert.match((await tries("manifest", "annotate", list, own, "--arch", "bar")).stderr, /unsupported os\/arch combination: \/bar\n$/);
      await says("manifest", "annotate", list, other, "--arch", "arm64", "--variant", "v8", "--os-features", "a,b");
      const begun = await says("manifest", "inspect", list);
      const { stdout } = which("docker") ? await promisify(execFile)("docker", ["manifest", "inspect", list], { env: { ...process.env, ...env } }) : { stdout: begun }; // oxfmt-ignore
      assert.equal(begun, stdout.trimEnd());
      assert.match(await says("manifest", "push", "--purge", list), /^Pushed ref .*\/app@sha256:(\w+) with digest: sha256:\1\nsha256:\w+$/);
      assert.equal(await says("manifest", "inspect", list), begun);
      assert.match((await tries("manifest", "rm", list)).stderr, /^No such manifest: /);
      assert.match((await tries("manifest", "create", `${host}/app:3`, list)).stderr, /\/app:all is a manifest list\n$/);
      await says("pull", "-q", list);
      if (!which("docker")) return;
      const tree = await promisify(execFile)("docker", ["images", "--tree"], {
        env: { ...process.env, ...env, DOCKER_HOST: engine.socket },
      });
      // oxlint-disable-next-line no-control-regex
      assert.equal(
        (await says("images", "--tree")).trim(),
        tree.stdout
          .replaceAll(/\x1b\[\d*m/g, "")
          .replace(/^WARNING.*\n/, "")
          .trim(),
      );
    });
  });
