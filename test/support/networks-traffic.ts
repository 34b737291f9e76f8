/** Traffic between containers, the host and published ports, for tests of networks. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { createServer, connect } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import type { TestContext } from "node:test";
import type { Sandbox } from "../../engine/networks/networks.ts";
import { openRoom } from "./networks-room.ts";
import type { NetworksRoom, RoomProcess } from "./networks-room.ts";
import { sendKill } from "./processes.ts";
import { testPrograms } from "./programs.ts";
import type { As } from "./user.ts";

export const { node } = await testPrograms();

/** A program for `node -e` that echoes what it gets, over TCP and UDP. */
export const echo = (port: number): string => `
  const udp = require("dgram").createSocket("udp4").on("message", (bytes, from) => udp.send(bytes, from.port, from.address));
  const tcp = require("net").createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  udp.bind(${port}, () => tcp.listen(${port}, "0.0.0.0", () => console.log("up")));`;

/** How long nobody's answer is waited for where none should come, and where one should. */
export const [REFUSED_MS, REACHED_MS] = [1500, 60_000];

/** A program for `node -e` that prints what a connection says: `connected` or the error's code. */
export const tryConnect = (host: string, port: number, patienceMs = REACHED_MS): string => `
  const socket = require("net").connect({ host: "${host}", port: ${port} });
  socket.setTimeout(${patienceMs}, () => { console.log("ETIMEDOUT"); process.exit(); });
  socket.on("connect", () => { console.log("connected"); process.exit(); }).on("error", (error) => console.log(error.code));`;

/** A program for `node -e` that prints whether a datagram is answered by whom it was sent to. */
export const askUdp = (host: string, port: number): string => `
  const socket = require("dgram").createSocket("udp4");
  setTimeout(() => { console.log("silence"); process.exit(); }, ${REACHED_MS});
  socket.on("message", () => { console.log("heard"); process.exit(); }).on("error", (error) => { console.log(error.code); process.exit(); });
  socket.connect(${port}, "${host}", () => socket.send("hello"));`;

/** IPv4 addresses that others reach this machine by. */
export const hostAddresses = (): string[] =>
  ["eth", "en", "wl"].flatMap((kind) =>
    Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
      name.startsWith(kind) ? addresses.filter(({ family }) => family === "IPv4").map(({ address }) => address) : [],
    ),
  );

/** Asks a resolver and prints the answer as JSON, or the error's code. */
export const lookUp = (server: string, method: string, name: string): string => `
  const resolver = new (require("dns").promises.Resolver)({ timeout: 20_000, tries: 3 });
  resolver.setServers(["${server}"]);
  resolver.${method}("${name}").then((found) => console.log(JSON.stringify(found)), (error) => console.log(error.code));`;

export async function inside(room: NetworksRoom, sandbox: Sandbox, program: string): Promise<string> {
  const { stdout, stderr } = await room.inside(sandbox.netnsPath, [node, "-e", program]);
  assert.equal(stderr, "");
  return stdout.trim();
}

export async function serve(t: TestContext, room: NetworksRoom, sandbox: Sandbox, program: string): Promise<void> {
  const pid = await room.serve(sandbox.netnsPath!, [node, "-e", program]);
  t.after(() => sendKill(pid));
}

/** Sends text and its end, and returns all that comes back. */
export async function throughTcp(port: number, text: string, host = "127.0.0.1"): Promise<string> {
  const socket = connect({ host, port, allowHalfOpen: true });
  let heard = "";
  socket.on("data", (chunk: Buffer) => (heard += chunk.toString()));
  socket.end(text);
  await once(socket, "close");
  return heard;
}

export async function throughUdp(port: number, text: string): Promise<string> {
  const socket = createSocket("udp4");
  socket.send(text, port, "127.0.0.1");
  const [bytes] = (await once(socket, "message")) as [Buffer];
  socket.close();
  return bytes.toString();
}

export async function hostServer(t: TestContext, host: string): Promise<number> {
  const server: Server = createServer((socket) => socket.end()).listen(0, host);
  await once(server, "listening");
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

export const hostPort = ({ ports }: Sandbox, key: string): number => Number(ports[key]?.[0]?.HostPort);

export async function opened(t: TestContext, as: As, within: readonly string[] = []): Promise<RoomProcess> {
  const room = await openRoom(as, within);
  t.after(() => room.remove());
  return room;
}

/** The interfaces in R besides those that are always there. */
export async function linksIn(room: NetworksRoom): Promise<string[]> {
  const { stdout } = await room.inside(null, ["ip", "-j", "link"]);
  return (JSON.parse(stdout) as { ifname: string }[]).map(({ ifname }) => ifname).filter((name) => name !== "lo" && name !== "uplink");
}

/** The kernel takes interfaces away in the background; netd's own sweep follows after two seconds at most. */
export async function untilNoPorts(room: NetworksRoom, deadline = Date.now() + 120_000): Promise<void> {
  const ports = (await linksIn(room)).filter((name) => name.startsWith("v"));
  if (ports.length === 0) return;
  assert.ok(Date.now() < deadline, `these interfaces stay: ${ports.join(" ")}`);
  await untilNoPorts(room, deadline);
}

export function isReached(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 10_000 });
    const end = (reached: boolean): void => (socket.destroy(), resolve(reached));
    socket
      .once("connect", () => end(true))
      .once("error", () => end(false))
      .once("timeout", () => end(false));
  });
}

export function mirror(): string | undefined {
  const files = globSync("/etc/apt/sources.list{,.d/*}").filter((path) => /list$|sources$/.test(path));
  const text = files.map((path) => readFileSync(path, "utf8")).join("\n");
  return /^(?:deb |URIs:).*?https?:\/\/([^/\s:]+)/m.exec(text)?.[1];
}
