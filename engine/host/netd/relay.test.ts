import assert from "node:assert/strict";
import { once } from "node:events";
import { createSocket } from "node:dgram";
import { connect, createServer, isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import type { AddressInfo, Server, Socket } from "node:net";
import { after, before, test } from "node:test";
import type { TestContext } from "node:test";
import { closeDescriptor } from "../descriptor.ts";
import { errorCode } from "../libc.ts";
import { bindSocket } from "./host-sockets.ts";
import { Relay } from "./relay.ts";
import type { RelayedPort } from "./relay.ts";

const relay = new Relay();
let server: Server;
let port = 0;
let relayed: RelayedPort;
/** What the server does with its next connections. */
let serve: (socket: Socket) => void = () => undefined;

/** A socket of the host on a port that nobody has, below those that the kernel hands out meanwhile. */
async function bound(kind: "tcp" | "udp", address: string): Promise<{ fd: number; port: number }> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    try {
      return { fd: await bindSocket(kind, address, port), port };
    } catch (error) {
      if (errorCode(error) !== "EADDRINUSE") throw error;
    }
  }
}

/** An address and a port where nobody serves: in all of 127.0.0.0/8 this process is alone. */
const NOBODY = { address: `127.${1 + (process.pid % 250)}.${1 + (Math.trunc(process.pid / 250) % 250)}.9`, port: 9009 };

async function open(to: { address: string; port: number }): Promise<{ relayed: RelayedPort; port: number }> {
  const { fd, port: own } = await bound("tcp", "127.0.0.1");
  return { relayed: await relay.open(fd, { kind: "tcp", family: 4, ...to }), port: own };
}

const hasIpv6 = (): boolean => networkInterfaces()["lo"]?.some(({ family }) => family === "IPv6") === true;

const dial = (): Socket => connect({ port, host: "127.0.0.1", allowHalfOpen: true });

async function everything(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function failure(socket: Socket): Promise<string> {
  const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
  return error.code ?? "";
}

/** Half open ones would keep the process. */
const served = new Set<Socket>();

before(async () => {
  server = createServer({ allowHalfOpen: true }, (socket) => {
    served.add(socket.on("error", () => undefined));
    serve(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  ({ relayed, port } = await open({ address: "127.0.0.1", port: (server.address() as AddressInfo).port }));
});

after(async () => {
  await relay.end();
  server.close();
  for (const socket of served) socket.destroy();
});

test("A relayed connection carries megabytes both ways, an end is passed on alone", async () => {
  serve = (socket) => socket.pipe(socket);
  const sent = Buffer.alloc(20_000_003, Buffer.from(Array.from({ length: 251 }, (_, index) => index)));
  const socket = dial();
  socket.end(sent);
  const got = await everything(socket);
  assert.equal(got.length, sent.length);
  assert.ok(got.equals(sent));
});

test("The server's answer comes after the client has ended, and the other way round", async () => {
  serve = (socket) => void everything(socket).then((bytes) => socket.end(`got ${bytes.length}`));
  const asking = dial();
  asking.end("12345");
  assert.equal((await everything(asking)).toString(), "got 5");
  const heard = new Promise<string>((resolve) => {
    serve = (socket) => {
      socket.end("bye");
      void everything(socket).then((bytes) => resolve(bytes.toString()));
    };
  });
  const told = dial();
  assert.equal((await everything(told)).toString(), "bye");
  told.end("late");
  assert.equal(await heard, "late");
});

test("A slow reader holds up the writer, not others", async () => {
  let written = 0;
  const begun = Promise.withResolvers<void>();
  serve = (socket) => {
    begun.resolve();
    const more = (): void => {
      while (written < 200_000_000 && socket.write(Buffer.alloc(1_000_000))) written += 1_000_000;
      written += 1_000_000;
    };
    socket.on("drain", more).on("error", () => undefined);
    more();
  };
  const slow = dial();
  slow.pause();
  await begun.promise;
  serve = (socket) => socket.end("quick");
  assert.equal((await everything(dial())).toString(), "quick");
  assert.ok(written < 200_000_000);
  slow.resetAndDestroy();
});

test("Two hundred connections at once", async () => {
  serve = (socket) => socket.pipe(socket);
  const sockets = Array.from({ length: 200 }, dial);
  for (const [index, socket] of sockets.entries()) socket.end(String(index).repeat(5000));
  const answers = await Promise.all(sockets.map(everything));
  assert.deepEqual(
    answers.map(String),
    sockets.map((_, index) => String(index).repeat(5000)),
  );
});

test("A broken server breaks the client, a missing one refuses", async () => {
  serve = (socket) => socket.resetAndDestroy();
  assert.equal(await failure(dial()), "ECONNRESET");
  const nowhere = await open(NOBODY);
  assert.equal(await failure(connect({ port: nowhere.port, host: "127.0.0.1" })), "ECONNRESET");
  await nowhere.relayed.close();
});

test("Where a port leads can change; a container without address refuses", async () => {
  serve = (socket) => socket.end("here");
  await relayed.lead("");
  assert.equal(await failure(dial()), "ECONNRESET");
  await relayed.lead("127.0.0.1");
  assert.equal((await everything(dial())).toString(), "here");
});

test("Closing a port breaks its connections and frees the port", async () => {
  serve = (socket) => socket.on("error", () => undefined);
  const other = await open({ address: "127.0.0.1", port: (server.address() as AddressInfo).port });
  const socket = connect({ port: other.port, host: "127.0.0.1" });
  await once(socket, "connect");
  await Promise.all([failure(socket), other.relayed.close()]);
  const again = await relay.open(await bindSocket("tcp", "127.0.0.1", other.port), {
    kind: "tcp",
    family: 4,
    address: "127.0.0.1",
    port: 1,
  });
  await again.close();
});

/** A server that answers each datagram with who sent it, and its port. */
async function echoDatagrams(t: TestContext): Promise<number> {
  const echo = createSocket("udp4").on("message", (bytes, from) => echo.send(`${from.port} ${bytes}`, from.port, from.address));
  t.after(() => echo.close());
  await new Promise<void>((resolve) => echo.bind(0, "127.0.0.1", resolve));
  return echo.address().port;
}

/** Asks from one socket; it takes answers from whom it asked only. */
async function asker(t: TestContext, to: number, host: string): Promise<(text: string) => Promise<string>> {
  const socket = createSocket(isIPv6(host) ? "udp6" : "udp4");
  t.after(() => socket.close());
  await new Promise<void>((resolve) => socket.connect(to, host, resolve));
  return async (text) => {
    const answer = once(socket, "message");
    socket.send(text);
    return String((await answer)[0]);
  };
}

for (const [on, family, hosts] of [
  ["0.0.0.0", 4, ["127.0.0.1", "127.0.0.2"]],
  ["127.0.0.2", 4, ["127.0.0.2"]],
  ["::", 6, ["::1"]],
] as const)
  test(
    `Datagrams to ${on} are answered from the address that was asked`,
    { skip: family === 6 && !hasIpv6() && "needs IPv6" },
    async (t) => {
      const port = await echoDatagrams(t);
      const { fd, port: free } = await bound("udp", on);
      const relayed = await relay.open(fd, { kind: "udp", family, address: "127.0.0.1", port });
      const senders = new Set<string>();
      for (const host of hosts) {
        const ask = await asker(t, free, host);
        const first = /^(\d+) one$/.exec(await ask("one"))![1]!;
        assert.equal(await ask("two"), `${first} two`);
        assert.equal(await ask(""), `${first} `);
        const long = "x".repeat(60_000);
        assert.equal(await ask(long), `${first} ${long}`);
        senders.add(first);
      }
      assert.equal(senders.size, hosts.length, "each asked address is another conversation");
      const ask = await asker(t, free, hosts[0]);
      await ask("before");
      await relayed.lead("127.0.0.1");
      assert.match(await ask("after"), /after$/);
      await relayed.close();
      closeDescriptor(await bindSocket("udp", on, free));
    },
  );

test("Datagrams that a container refuses do not keep later ones", async (t) => {
  const { fd, port: free } = await bound("udp", "127.0.0.1");
  const relayed = await relay.open(fd, { kind: "udp", family: 4, ...NOBODY });
  const client = createSocket("udp4");
  t.after(() => client.close());
  await new Promise<void>((resolve) => client.connect(free, "127.0.0.1", resolve));
  for (let turn = 0; turn < 3; turn++) client.send("lost");
  const echo = createSocket("udp4").on("message", (bytes, from) => bytes.length > 4 && echo.send(bytes, from.port, from.address));
  t.after(() => echo.close());
  await new Promise<void>((resolve) => echo.bind(NOBODY.port, NOBODY.address, resolve));
  const answer = once(client, "message");
  client.send("found");
  assert.equal(String((await answer)[0]), "found");
  await relayed.close();
});

test("The thread ends with its connections closed, whatever is under way", async () => {
  const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.resume().once("close", () => resolve()));
  const atServer: Promise<void>[] = [];
  serve = (socket) => void atServer.push(closed(socket));
  const sockets = Array.from({ length: 100 }, () => dial().on("error", () => undefined));
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
  // The last ones may not have been accepted yet, or not have reached the server.
  const atClients = sockets.map(closed);
  await relay.end();
  await Promise.all(atClients);
  await Promise.all(atServer);
});

test("A port after the thread has ended has a new thread", async () => {
  await relay.end();
  serve = (socket) => socket.end("here again");
  const again = await open({ address: "127.0.0.1", port: (server.address() as AddressInfo).port });
  assert.equal((await everything(connect({ port: again.port, host: "127.0.0.1" }))).toString(), "here again");
  await again.relayed.close();
});
