/** Client libraries as programs use them: dockerode, and Testcontainers for Node. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { PassThrough } from "node:stream";
import { buffer, text } from "node:stream/consumers";
import { suite, test } from "node:test";
import Docker from "dockerode";
import { busyboxTar } from "../../scripts/base-image.ts";
import { runProgram, startEngine } from "../support/engine.ts";
import type { TestEngine } from "../support/engine.ts";
import { cannotRunAs, USERS } from "../support/user.ts";
import { openWebSocket } from "../support/websocket.ts";

async function prepare(starting: Promise<TestEngine>): Promise<{ engine: TestEngine; docker: Docker }> {
  const engine = await starting;
  const docker = new Docker({ socketPath: engine.socketPath });
  const tar = join(mkdtempSync(join(tmpdir(), "berth-busybox-")), "busybox.tar");
  writeFileSync(tar, await busyboxTar());
  await followed(docker, await docker.importImage(tar, { repo: "busybox", tag: "latest" }));
  rmSync(join(tar, ".."), { recursive: true });
  return { engine, docker };
}

/** All messages of a progress stream. */
function followed(docker: Docker, stream: NodeJS.ReadableStream): Promise<Record<string, unknown>[]> {
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(stream, (error: Error | null, messages: Record<string, unknown>[]) =>
      error ? reject(error) : resolve(messages),
    );
  });
}

/** What a multiplexed stream says until it ends. */
async function said(docker: Docker, stream: NodeJS.ReadableStream): Promise<string> {
  const out = new PassThrough();
  docker.modem.demuxStream(stream, out, out);
  stream.once("end", () => out.end());
  return text(out);
}

type Tests = Readonly<Record<string, (docker: Docker, engine: TestEngine) => Promise<void>>>;

const dockerodeTests: Tests = {
  "dockerode: ping, version, info": async (docker) => {
    assert.equal(String(await docker.ping()), "OK");
    assert.equal((await docker.version()).ApiVersion, "1.51");
    assert.equal(((await docker.info()) as { OSType: string }).OSType, "linux");
  },

  "dockerode: run": async (docker) => {
    const [out, err] = [new PassThrough(), new PassThrough()];
    // The exit status comes on a connection of its own, sometimes before what was printed.
    const printed = Promise.all([out, err].map(async (stream) => String((await once(stream, "data"))[0])));
    const [result, container] = (await docker.run("busybox", ["sh", "-c", "echo out; echo err >&2; exit 3"], [out, err], {
      Tty: false,
    })) as [{ StatusCode: number }, Docker.Container];
    assert.deepEqual([result.StatusCode, ...(await printed)], [3, "out\n", "err\n"]);
    await container.remove();
  },

  "a websocket types text and binary messages, gets what is printed, and closes with the process": async (docker, { socketPath }) => {
    const script = "read a; echo got $a; read b; echo and $b; exit 3";
    const container = await docker.createContainer({ Image: "busybox", Cmd: ["sh", "-c", script], OpenStdin: true });
    const streams = "stream=1&stdin=1&stdout=1&stderr=1";
    const socket = await openWebSocket(socketPath, `/v1.51/containers/${container.id}/attach/ws?${streams}`);
    await container.start();
    socket.send("text", "text\n");
    socket.send("binary", "bytes\n");
    assert.deepEqual(await socket.all, { text: "got text\nand bytes\n", kinds: ["binary", "close"], closeCode: 1000 });
    const again = await openWebSocket(socketPath, `/v1.51/containers/${container.id}/attach/ws?logs=1&stdout=1`);
    assert.equal((await again.all).text, "got text\nand bytes\n");
    await container.remove();
  },

  "a websocket that its client closes ends an input that is read once": async (docker, { socketPath }) => {
    const container = await docker.createContainer({ Image: "busybox", Cmd: ["cat"], OpenStdin: true, StdinOnce: true });
    const socket = await openWebSocket(socketPath, `/v1.51/containers/${container.id}/attach/ws?stream=1&stdin=1&stdout=1`);
    await container.start();
    socket.send("close", "");
    assert.equal(((await container.wait()) as { StatusCode: number }).StatusCode, 0);
    assert.deepEqual(await socket.all, { text: "", kinds: ["close"], closeCode: undefined });
    await container.remove();
  },

  "who ends the input of a container that others may type into has left it": async (docker) => {
    const container = await docker.createContainer({ Image: "busybox", Cmd: ["cat"], OpenStdin: true, Tty: false });
    await container.start();
    const stream = await container.attach({ stream: true, stdin: true, stdout: true, hijack: true });
    const output = said(docker, stream);
    stream.end("one\n");
    await output;
    assert.equal((await container.inspect()).State.Running, true);
    await container.remove({ force: true });
  },

  "dockerode: attach with stdin over a hijacked connection": async (docker) => {
    const options = { OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true, Tty: false };
    const container = await docker.createContainer({ Image: "busybox", Cmd: ["cat"], ...options });
    const stream = await container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true });
    const output = said(docker, stream);
    await container.start();
    stream.write("one\n");
    stream.end("two\n");
    assert.deepEqual([await output, await container.wait()], ["one\ntwo\n", { StatusCode: 0 }]);
    await container.remove();
  },

  "dockerode: attach and logs without hijacking": async (docker) => {
    const container = await docker.createContainer({ Image: "busybox", Cmd: ["echo", "out"] });
    const output = said(docker, await container.attach({ stream: true, stdout: true, stderr: true }));
    await container.start();
    assert.equal(await output, "out\n");
    const logs = await container.logs({ stdout: true, stderr: true, follow: true });
    assert.equal(await said(docker, logs), "out\n");
    await container.remove();
  },

  "dockerode: exec, archive, stats, events": async (docker) => {
    const container = await docker.createContainer({ Image: "busybox", Cmd: ["sleep", "1000"], name: "worker" });
    await container.start();
    const exec = await container.exec({ Cmd: ["sh", "-c", "cat; exit 4"], AttachStdin: true, AttachStdout: true, AttachStderr: true });
    const stream = await exec.start({ hijack: true, stdin: true });
    const output = said(docker, stream);
    stream.end("piped");
    assert.deepEqual([await output, (await exec.inspect()).ExitCode], ["piped", 4]);
    const plain = await container.exec({ Cmd: ["echo", "plain"], AttachStdout: true });
    assert.equal(await said(docker, await plain.start({})), "plain\n");
    assert.ok((await buffer(await container.getArchive({ path: "/etc/passwd" }))).includes("root:x:0:0"));
    assert.ok((await container.stats({ stream: false })).read > "2020");
    assert.equal((await docker.listContainers({ filters: { name: ["worker"] } })).length, 1);
    const events = await docker.getEvents({ filters: { container: ["worker"], event: ["kill", "die", "destroy"] } });
    const seen: string[] = [];
    const destroyed = new Promise<void>((resolve) => {
      createInterface({ input: events }).on("line", (line) => {
        seen.push((JSON.parse(line) as { Action: string }).Action);
        if (seen.includes("destroy")) resolve();
      });
    });
    await container.remove({ force: true });
    await destroyed;
    assert.deepEqual(seen, ["kill", "die", "destroy"]);
    (events as unknown as PassThrough).destroy();
  },

  "dockerode: build, history, remove": async (docker) => {
    const context = mkdtempSync(join(tmpdir(), "berth-context-"));
    writeFileSync(join(context, "Dockerfile"), "FROM busybox\nCOPY a.txt /a.txt\n");
    writeFileSync(join(context, "a.txt"), "a\n");
    const messages = await followed(docker, await docker.buildImage({ context, src: ["Dockerfile", "a.txt"] }, { t: "built:1" }));
    rmSync(context, { recursive: true });
    assert.deepEqual(messages.at(-1), { stream: "Successfully tagged built:1\n" });
    const image = docker.getImage("built:1");
    assert.ok(((await image.history()) as unknown[]).length >= 2);
    await image.remove();
  },

  "dockerode: volumes and networks": async (docker) => {
    await docker.createVolume({ Name: "kept" });
    assert.equal((await docker.getVolume("kept").inspect()).Driver, "local");
    await docker.getVolume("kept").remove();
    const network = await docker.createNetwork({ Name: "own" });
    assert.equal(((await network.inspect()) as { Driver: string }).Driver, "bridge");
    await network.remove();
    await assert.rejects(docker.getNetwork("own").inspect(), { statusCode: 404, reason: "no such network" });
  },
};

const testcontainersTests: Tests = {
  "Testcontainers: network, ports, logs, files, exec, health, restart": async (_docker, engine) => {
    // In a process of its own, because it keeps the first engine that it finds.
    const env = {
      ...process.env,
      DOCKER_HOST: engine.socket,
      // Its reaper's image cannot be had offline; and where a test machine is itself a container, it would look for a gateway.
      TESTCONTAINERS_RYUK_DISABLED: "true",
      TESTCONTAINERS_HOST_OVERRIDE: "127.0.0.1",
    };
    const program = join(import.meta.dirname, "testcontainers.ts");
    const { exitCode, stdout, stderr } = await runProgram([process.execPath, program], { env });
    assert.deepEqual([exitCode, stdout], [0, "all is as it should be\n"], stderr);
  },
};

for (const as of USERS)
  suite(`client libraries, engine as ${as}`, { skip: cannotRunAs(as) }, () => {
    let started: Promise<{ engine: TestEngine; docker: Docker }> | undefined;
    const ready = (): typeof started & object => (started ??= prepare(startEngine({ as })));
    for (const [name, run] of Object.entries({ ...dockerodeTests, ...testcontainersTests }))
      void test(name, { timeout: 300_000 }, async () => {
        const { engine, docker } = await ready();
        await run(docker, engine);
      });
    void test("the engine ends", async () => (await ready()).engine.remove());
  });
