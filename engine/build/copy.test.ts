/** COPY and ADD: which files go where, as whose, and what is refused. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { again, cannotBuild, failing, fileRooms, within } from "../../test/support/busybox-builds.ts";

const skip = cannotBuild;
const rooms = await fileRooms();

test(".dockerignore keeps files out and lets some back in", { skip }, async () => {
  const context = rooms.context({
    Dockerfile: "FROM scratch\nCOPY . /\n",
    ".dockerignore": "*.log\nnode_modules\n!node_modules/keep\nDockerfile\n",
    "a.log": "",
    "a.txt": "",
    "node_modules/x": "",
    "node_modules/keep/y": "",
  });
  const { image } = await rooms.build(context);
  await within(rooms, image, (root) => {
    assert.deepEqual(readdirSync(root), [".dockerignore", "a.txt", "node_modules"]);
    assert.deepEqual(readdirSync(join(root, "node_modules")), ["keep"]);
  });
  writeFileSync(join(context, "a.log"), "changed");
  assert.deepEqual(await again(rooms, context), {});
});

const placements: [string, Record<string, string>, Record<string, string>][] = [
  ["COPY a.txt /b", { "a.txt": "1" }, { b: "644 0 0" }],
  ["COPY a.txt /d/", { "a.txt": "1" }, { "d/a.txt": "644 0 0", d: "755 0 0" }],
  ["COPY a.txt b.txt /d/", { "a.txt": "1", "b.txt": "2" }, { "d/a.txt": "644 0 0", "d/b.txt": "644 0 0" }],
  ["COPY dir /d", { "dir/x": "1", "dir/s/y": "2" }, { "d/x": "644 0 0", "d/s/y": "644 0 0" }],
  ["COPY *.txt /d/", { "a.txt": "1", "b.txt": "2", "c.md": "3" }, { "d/a.txt": "644 0 0", "d/b.txt": "644 0 0", "!d/c.md": "" }],
  ["COPY */x /d/", { "p/x": "1", "q/y": "2" }, { "d/x": "644 0 0", "!d/y": "" }],
  ["COPY --chmod=700 a /a", { a: "1" }, { a: "700 0 0" }],
  ["COPY --chmod=g=u,o=g one /x", { one: "1" }, { x: "666 0 0" }],
  ["COPY --chmod=u=rwX,go=rX dir /d", { "dir/x": "1", "dir/s/y": "2" }, { "d/x": "644 0 0", "d/s": "755 0 0" }],
  ["COPY --chown=7:8 dir /new/d/", { "dir/x": "1" }, { "new/d/x": "644 7 8", "new/d": "755 7 8" }],
  ["COPY --chown=app dir /d", { "dir/x": "1" }, { "d/x": "644 1000 1000" }],
  ["COPY --chown=app:staff dir /d", { "dir/x": "1" }, { "d/x": "644 1000 50" }],
  ["COPY --parents p/q/x /d/", { "p/q/x": "1" }, { "d/p/q/x": "644 0 0" }],
  ["COPY --parents p/./q/*.txt /d/", { "p/q/x.txt": "1", "p/q/y.md": "" }, { "d/q/x.txt": "644 0 0", "!d/q/y.md": "" }],
  [
    "COPY --parents ./src/**/*.txt /d/",
    { "src/a.txt": "", "src/x/y/b.txt": "", "src/x/c": "" },
    { "d/src/a.txt": "644 0 0", "d/src/x/y/b.txt": "644 0 0", "!d/src/x/c": "" },
  ],
  [
    "COPY --exclude=*.md --exclude=s dir /d",
    { "dir/a": "", "dir/b.md": "", "dir/s/c": "" },
    { "d/a": "644 0 0", "!d/b.md": "", "!d/s": "" },
  ],
  ["WORKDIR /w\nCOPY a .", { a: "1" }, { "w/a": "644 0 0" }],
  ["WORKDIR /w\nCOPY a sub/b", { a: "1" }, { "w/sub/b": "644 0 0" }],
  ["COPY a /tmp/a", { a: "1" }, { tmp: "1777 0 0", "tmp/a": "644 0 0" }],
  ["RUN ln -s /srv/real /link && mkdir -p /srv/real\nCOPY a /link/", { a: "1" }, { "srv/real/a": "644 0 0" }],
  ["RUN mkdir /there\nCOPY a /there", { a: "1" }, { "there/a": "644 0 0" }],
  ["RUN mkdir -m 700 /there && chown 5:6 /there\nCOPY dir /there", { "dir/x": "1" }, { there: "700 5 6", "there/x": "644 0 0" }],
  ["COPY ../../a /a", { a: "1" }, { a: "644 0 0" }],
  ["COPY <<EOF /etc/conf\nx=$PATH\nEOF", {}, { "etc/conf": "644 0 0" }],
  ['COPY ["a b", "/c d"]', { "a b": "1" }, { "c d": "644 0 0" }],
  ["COPY --link a /l/a", { a: "1" }, { "l/a": "644 0 0" }],
  ["USER app\nWORKDIR /home/app/x", {}, { "home/app/x": "755 1000 1000" }],
];
for (const [instruction, files, want] of placements) {
  test(
    `${instruction.split("\n").at(-1)!.startsWith("EOF") ? "COPY with a heredoc" : instruction.replaceAll("\n", "; ")} places files`,
    { skip },
    async () => {
      const { image } = await rooms.build(rooms.context({ Dockerfile: `FROM busybox\n${instruction}\n`, ...files }));
      await within(rooms, image, (root) => {
        for (const [path, line] of Object.entries(want)) {
          if (path.startsWith("!")) {
            assert.ok(!existsSync(join(root, path.slice(1))), path);
            continue;
          }
          const { mode, uid, gid } = statSync(join(root, path));
          assert.equal(`${(mode & 0o7777).toString(8)} ${uid} ${gid}`, line, path);
        }
      });
    },
  );
}

const refused: [string, Record<string, string>, RegExp][] = [
  ["COPY nosuch /x", {}, /^COPY failed: file not found in build context or excluded by \.dockerignore: stat nosuch: file does not exist$/],
  ["COPY out /x", { ".dockerignore": "out", out: "" }, /stat out: file does not exist$/],
  [
    "COPY a b /x",
    { a: "", b: "" },
    /^When using COPY with more than one source file, the destination must be a directory and end with a \/$/,
  ],
  ["COPY --chown=nobody:x a /x", { a: "" }, /^unable to find user nobody: no matching entries in passwd file$/],
  ["COPY --chmod=999 a /x", { a: "" }, /line 2: invalid chmod parameter: '999'\. it should be octal string and between 0 and 07777$/],
  ["COPY dir /bin/sh", { "dir/a": "" }, /^cannot copy to non-directory: \/bin\//],
  ["COPY http://x/y /x", {}, /line 2: source can't be a URL for COPY$/],
  ["WORKDIR /proc/self", {}, /line 2: WORKDIR "\/proc\/self" is not allowed: it is below \/proc$/],
  ["RUN ln -s /proc/self/fd /x\nWORKDIR /x/7", {}, /WORKDIR "\/x\/7" is not allowed: it is below \/proc$/],
  ['RUN sh -c "echo oops >&2; exit 3"', {}, /^The command '\/bin\/sh -c sh -c "echo oops >&2; exit 3"' returned a non-zero code: 3$/],
  ["STOPSIGNAL SIGNOPE", {}, /line 2: invalid signal: SIGNOPE$/],
  ["RUN --network=host true", {}, /^network\.host is not allowed: RUN --network=host needs "--allow network\.host"$/],
  ["EXPOSE abc", {}, /line 2: invalid containerPort: abc$/],
  [
    "COPY --from=later a /x\nFROM busybox AS later\nFROM busybox\nCOPY --from=0 /x /x",
    {},
    /line 2: cannot copy from stage "later", it needs to be defined before current stage "stage-0"$/,
  ],
  ["RUN --mount=type=secret,id=s,required true", {}, /^secret s: not found$/],
  ["RUN false\nADD --checksum=sha256:0 http://x/y /z", {}, /line 3: invalid checksum digest length$/],
  ["ADD --checksum=md5:00 http://x/y /z", {}, /line 2: unsupported digest algorithm$/],
  ["ADD --checksum=be1f38e http://x/y /z", {}, /line 2: invalid checksum digest format$/],
  ["RUN --device=vendor.com/gpu=all,required true", {}, /line 2: required device "vendor\.com\/gpu=all" is not registered/],
  ["USER ${x:?must be set}", {}, /line 2: failed to process "\$\{x:\?must be set\}": x: must be set$/],
];
for (const [instruction, files, want] of refused) {
  test(`${instruction.replaceAll("\n", "; ")} is refused`, { skip }, async () => {
    const error = await failing(rooms, rooms.context({ Dockerfile: `FROM busybox\n${instruction}\n`, ...files }));
    assert.match(error.message, want);
  });
}

test("a link of the context cannot show what is outside", { skip }, async () => {
  const context = rooms.context({ Dockerfile: "FROM scratch\nCOPY link /x\n" });
  symlinkSync("../../../../../../etc/hostname", join(context, "link"));
  assert.match((await failing(rooms, context)).message, /stat link: file does not exist$/);
  symlinkSync("/etc", join(context, "etc"));
  writeFileSync(join(context, "Dockerfile"), "FROM scratch\nCOPY etc/passwd /x\n");
  assert.match((await failing(rooms, context)).message, /file does not exist$/);
});

test("ADD unpacks archives and keeps what is no archive", { skip }, async () => {
  const context = rooms.context({
    Dockerfile: "FROM busybox\nADD a.tgz plain.gz b.tar /d/\nADD --unpack=false b.tar /b.tar\n",
    "x/one": "1",
    "x/sub/two": "2",
  });
  execFileSync("tar", ["-C", join(context, "x"), "--owner=7", "--group=8", "-czf", join(context, "a.tgz"), "one"]);
  execFileSync("tar", ["-C", join(context, "x"), "-cf", join(context, "b.tar"), "sub"]);
  writeFileSync(join(context, "plain.gz"), "not compressed at all");
  const { image } = await rooms.build(context);
  await within(rooms, image, (root) => {
    assert.deepEqual(readdirSync(join(root, "d")), ["one", "plain.gz", "sub"]);
    assert.equal(readFileSync(join(root, "d/sub/two"), "utf8"), "2");
    assert.equal(statSync(join(root, "d/one")).uid, 7);
    assert.ok(statSync(join(root, "b.tar")).size > 1000);
  });
});

test("ADD downloads, checks the sum, and refuses where a redirect must not lead", { skip }, async () => {
  const server = createServer((request, response) => {
    const redirects: Record<string, string> = {
      "/file": "file:///etc/passwd",
      "/meta": "http://169.254.169.254/latest",
      "/ok": "/data.bin",
      "/away": `http://localhost:${(server.address() as AddressInfo).port}/open`,
    };
    const to = redirects[request.url!];
    if (to) response.writeHead(302, { location: to }).end();
    else if (request.url === "/private" && request.headers.authorization !== "Bearer hidden") response.writeHead(401).end();
    else if (request.url === "/open" && request.headers.authorization) response.writeHead(400).end();
    else if (request.url === "/private" || request.url === "/open") response.end("x");
    else if (request.url === "/data.bin") response.writeHead(200, { "last-modified": "Wed, 01 Jan 2020 00:00:00 GMT" }).end("data");
    else response.writeHead(404).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const add = (line: string): string => rooms.context({ Dockerfile: `FROM busybox\nADD ${line}\n` });
  try {
    const sum = "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7";
    const { image } = await rooms.build(add(`--checksum=sha256:${sum} ${url}/data.bin /d/`));
    await within(rooms, image, (root) => {
      const { mode, mtimeMs } = statSync(join(root, "d/data.bin"));
      assert.deepEqual([(mode & 0o777).toString(8), mtimeMs], ["600", Date.UTC(2020, 0, 1)]);
    });
    await rooms.build(add(`${url}/ok /x`));
    assert.match((await failing(rooms, add(`${url}/file /x`))).message, /file:\/\/ is refused/);
    assert.match((await failing(rooms, add(`${url}/meta /x`))).message, /link-local address 169\.254\.169\.254 is refused/);
    assert.match((await failing(rooms, add(`${url}/none /x`))).message, /invalid response status 404/);
    assert.match((await failing(rooms, add(`--checksum=sha256:${"0".repeat(64)} ${url}/data.bin /x`))).message, /digest mismatch/);
    // A secret named after the host logs in there, and nowhere else.
    const secret = async (id: string): Promise<Buffer | undefined> =>
      Promise.resolve(id === "HTTP_AUTH_TOKEN_127.0.0.1" ? Buffer.from("hidden\n") : undefined);
    await rooms.build(add(`${url}/private ${url}/away /x/`), { secret });
    assert.match((await failing(rooms, add(`${url}/private /y`))).message, /invalid response status 401/);
  } finally {
    server.close();
  }
});
