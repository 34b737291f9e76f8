import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { again, cannotBuild, logs, fileRooms, within } from "../../test/support/busybox-builds.ts";

const skip = cannotBuild;
const rooms = await fileRooms();

test("secrets are files or variables of one command, and are nowhere afterwards", { skip }, async () => {
  const Dockerfile = [
    "FROM busybox",
    "RUN --mount=type=secret,id=key,mode=0440,uid=1000 stat -c '%a %u' /run/secrets/key && wc -c < /run/secrets/key > /size",
    "RUN --mount=type=secret,id=key,env=KEY test ${#KEY} = 26 && test ! -e /run/secrets/key",
    "RUN --mount=type=secret,id=none test ! -e /run/secrets/none",
  ].join("\n");
  const value = "never-to-be-found-anywhere";
  const secret = async (id: string): Promise<Buffer | undefined> => Promise.resolve(id === "key" ? Buffer.from(value) : undefined);
  const { image, events } = await rooms.build(rooms.context({ Dockerfile }), { secret });
  assert.equal(logs(events), "440 1000\n");
  await within(rooms, image, (root) => {
    assert.equal(readFileSync(join(root, "size"), "utf8"), "26\n");
    assert.ok(!existsSync(join(root, "run")));
  });
  assert.throws(() => execFileSync("grep", ["-rqs", value, rooms.directory]), "no file holds the secret");
});

test("each agent has a socket of its own, and belongs to whom the mount says", { skip }, async () => {
  const agent = join(rooms.directory, "agent");
  const server = createServer((connection) => connection.end("agent")).listen(agent);
  await once(server, "listening");
  const run = "RUN --mount=type=ssh --mount=type=ssh,id=two,uid=7,mode=0640";
  const Dockerfile = `FROM busybox\n${run} echo $SSH_AUTH_SOCK && cd /run/buildkit && stat -c '%n %a %u' *1\n`;
  const { events } = await rooms.build(rooms.context({ Dockerfile }), { sshAgent: () => Promise.resolve(agent) });
  server.close();
  assert.equal(logs(events), "/run/buildkit/ssh_agent.0\nssh_agent.1 640 7\n");
  assert.deepEqual(readdirSync(join(rooms.directory, "build/temporary")), []);
});

test("mounts show the context without what is excluded, another stage, and caches that stay", { skip }, async () => {
  const Dockerfile = [
    "FROM busybox AS other",
    "RUN mkdir /out && echo staged > /out/file",
    "FROM busybox",
    "RUN --mount=type=bind,target=/c ls /c && ! touch /c/x 2>/dev/null",
    "RUN --mount=type=bind,from=other,source=/out,target=/o cat /o/file",
    "RUN --mount=type=bind,target=/c,rw touch /c/new",
    "RUN --mount=type=cache,id=lines,target=/cache echo x >> /cache/lines; wc -l < /cache/lines",
    "RUN --mount=type=cache,id=lines,target=/cache,uid=1000,mode=0700 stat -c %u:%a /cache; ls /cache",
  ].join("\n");
  const context = rooms.context({ Dockerfile, seen: "", hidden: "", ".dockerignore": "hidden\nDockerfile\n.dockerignore\n" });
  const first = await rooms.build(context);
  assert.equal(logs(first.events), "seen\nstaged\n1\n1000:700\n");
  assert.deepEqual(readdirSync(context).toSorted(), [".dockerignore", "Dockerfile", "hidden", "seen"]);
  assert.equal(logs((await rooms.build(context, { noCache: true })).events), "seen\nstaged\n2\n1000:700\n");
  writeFileSync(join(context, "seen"), "changed");
  const ran = await again(rooms, context);
  assert.equal(ran["RUN --mount=type=bind,target=/c ls /c && ! touch /c/x 2>/dev/null"], 'file "seen" changed');
});
