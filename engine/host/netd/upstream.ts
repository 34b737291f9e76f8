/**
 * Questions that go out: to the host's resolvers from the host's network namespace, so that 127.0.0.53, VPN and split DNS
 * work, or to a container's own name servers (`--dns`) from inside R, where other containers can be reached.
 */
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import type { Socket as UdpSocket } from "node:dgram";
import { readFileSync, statSync } from "node:fs";
import { Socket, isIP, isIPv4 } from "node:net";
import { AnswerCache } from "./answer-cache.ts";
import { RCODE, refusal } from "./answer.ts";
import { openSocket } from "./host-sockets.ts";

/** From whose namespace to ask. */
export type Side = "host" | "inside";

const RESOLV_CONF = "/etc/resolv.conf";
const TOTAL_MS = 3000;
/** An unanswered question goes to the next server, or once more to the only one. */
const TRY_MS = 1000;
/** A socket is used this long: its port should not be known for ever. */
const SOCKET_MS = 30_000;
const MOST_WAITING = 4096;

/** The host's name servers, read again when the file changes; 127.0.0.1 when it names none, as resolv.conf(5) says. */
export class HostResolvers {
  readonly #path: string;
  #key = "";
  #servers: readonly string[] = [];

  constructor(path = RESOLV_CONF) {
    this.#path = path;
  }

  servers(): readonly string[] {
    try {
      const { mtimeMs, ino, size } = statSync(this.#path);
      const key = `${mtimeMs} ${ino} ${size}`;
      if (key !== this.#key) this.#servers = nameServersOf(readFileSync(this.#path, "utf8"));
      this.#key = key;
    } catch {
      // It may be a link that is being replaced: what was read last still holds.
    }
    return this.#servers.length > 0 ? this.#servers : ["127.0.0.1"];
  }
}

/** Addresses of `nameserver` lines; link-local ones with a zone are left out, for their zone is meaningless here. */
export function nameServersOf(text: string): string[] {
  return [...text.matchAll(/^[ \t]*nameserver[ \t]+(\S+)/gm)].flatMap(([, address = ""]) =>
    isIP(address) && !address.includes("%") ? [address] : [],
  );
}

interface Waiting {
  readonly question: Buffer;
  done(answer: Buffer): void;
}

/** One UDP socket to one server. */
class Line {
  readonly #socket: Promise<UdpSocket>;
  readonly #waiting = new Map<number, Waiting>();
  readonly #until = Date.now() + SOCKET_MS;
  #failed = false;

  constructor(server: string, side: Side) {
    this.#socket = this.#open(server, side);
    this.#socket.catch(() => (this.#failed = true));
  }

  get usable(): boolean {
    return !this.#failed && Date.now() < this.#until;
  }

  /** Sends the question under a number of our own; `done` gets the answer under the question's. */
  ask(question: Buffer, done: (answer: Buffer) => void): () => void {
    if (this.#waiting.size >= MOST_WAITING) return () => undefined;
    const number = this.#number();
    const copy = Buffer.from(question);
    copy.writeUInt16BE(number);
    this.#waiting.set(number, { question, done });
    this.#socket.then((socket) => socket.send(copy, (error) => void (error && (this.#failed = true)))).catch(() => undefined);
    return () => {
      this.#waiting.delete(number);
      this.#closeIfOver();
    };
  }

  async #open(server: string, side: Side): Promise<UdpSocket> {
    const socket = createSocket(isIPv4(server) ? "udp4" : "udp6");
    if (side === "host") await new Promise<void>(bindTo(socket, await openSocket("udp", server)));
    socket.on("message", (bytes) => this.#receive(bytes));
    socket.on("error", () => (this.#failed = true));
    await new Promise<void>((resolve, reject) => socket.once("error", reject).connect(53, server, resolve));
    socket.unref();
    return socket;
  }

  #receive(bytes: Buffer): void {
    if (bytes.length < 12) return;
    const waiting = this.#waiting.get(bytes.readUInt16BE());
    if (!waiting || !sameQuestion(waiting.question, bytes)) return;
    const answer = Buffer.from(bytes);
    answer.writeUInt16BE(waiting.question.readUInt16BE());
    waiting.done(answer);
  }

  #number(): number {
    for (;;) {
      const number = randomInt(65536);
      if (!this.#waiting.has(number)) return number;
    }
  }

  #closeIfOver(): void {
    if (this.usable || this.#waiting.size > 0) return;
    this.#socket.then((socket) => socket.close()).catch(() => undefined);
    this.#failed = true;
  }
}

const bindTo = (socket: UdpSocket, fd: number) => (resolve: () => void) => void socket.bind({ fd, exclusive: true }, resolve);

/** An answer repeats the question; comparing a few bytes of it keeps strays out. Servers may change the case of names. */
function sameQuestion(question: Buffer, answer: Buffer): boolean {
  const text = (bytes: Buffer): string =>
    bytes
      .subarray(12, Math.min(question.length, 12 + 64))
      .toString("latin1")
      .toLowerCase();
  const asked = refusal(question, 0).length;
  return text(question).slice(0, asked - 12) === text(answer).slice(0, asked - 12);
}

export class Upstream {
  readonly #lines = new Map<string, Line>();
  readonly #hostResolvers: HostResolvers;
  readonly #cache = new AnswerCache();

  constructor(hostResolvers = new HostResolvers()) {
    this.#hostResolvers = hostResolvers;
  }

  /** The answer, or SERVFAIL after three seconds. `own` are the asking container's servers. */
  async ask(question: Buffer, own: readonly string[], transport: "udp" | "tcp"): Promise<Buffer> {
    const side = own.length > 0 ? "inside" : "host";
    const servers = own.length > 0 ? own : this.#hostResolvers.servers();
    const key = `${transport} ${servers.join(" ")}`;
    const kept = this.#cache.get(question, key);
    if (kept) return kept;
    const overTcp = transport === "tcp" ? await askOverTcp(question, servers[0]!, side).catch(() => undefined) : undefined;
    const answer = overTcp ?? (await this.#askAll(question, servers, side));
    this.#cache.put(question, key, answer);
    return answer;
  }

  #askAll(question: Buffer, servers: readonly string[], side: Side): Promise<Buffer> {
    return new Promise((resolve) => {
      const stops: (() => void)[] = [];
      const finish = (answer: Buffer): void => {
        for (const timer of timers) clearTimeout(timer);
        for (const stop of stops) stop();
        resolve(answer);
      };
      let refused = 0;
      const tryServer = (turn: number): void => {
        const server = servers[turn % servers.length]!;
        const done = (answer: Buffer): void => {
          // A server that cannot help is not the last word while there are others.
          if (isFailure(answer) && ++refused < servers.length) return;
          finish(answer);
        };
        stops.push(this.#line(server, side).ask(question, done));
      };
      const timers = Array.from({ length: TOTAL_MS / TRY_MS }, (_, turn) => setTimeout(tryServer, turn * TRY_MS, turn));
      timers.push(setTimeout(() => finish(refusal(question, RCODE.SERVFAIL)), TOTAL_MS));
    });
  }

  #line(server: string, side: Side): Line {
    const key = `${side} ${server}`;
    const known = this.#lines.get(key);
    if (known?.usable) return known;
    const line = new Line(server, side);
    this.#lines.set(key, line);
    return line;
  }
}

function isFailure(answer: Buffer): boolean {
  const code = answer[3]! & 15;
  return code === RCODE.SERVFAIL || code === RCODE.REFUSED;
}

/** @throws when the server does not answer over TCP within the time */
async function askOverTcp(question: Buffer, server: string, side: Side): Promise<Buffer> {
  const socket = side === "host" ? new Socket({ fd: await openSocket("tcp", server) }) : new Socket();
  return new Promise<Buffer>((resolve, reject) => {
    let received = Buffer.alloc(0);
    socket.setTimeout(TRY_MS, () => socket.destroy(new Error("timed out")));
    socket.on("error", reject).on("close", () => reject(new Error("closed")));
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const length = received.length >= 2 ? received.readUInt16BE() : Infinity;
      if (received.length < length + 2) return;
      resolve(received.subarray(2, length + 2));
      socket.destroy();
    });
    socket.connect(53, server, () => socket.write(framed(question)));
  });
}

/** A message as TCP carries it: its length first. */
export function framed(message: Buffer): Buffer {
  const bytes = Buffer.alloc(2 + message.length);
  bytes.writeUInt16BE(message.length);
  message.copy(bytes, 2);
  return bytes;
}
