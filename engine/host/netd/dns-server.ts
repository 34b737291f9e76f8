/**
 * The DNS server on the gateways: sockets around answer() and Upstream.
 */
import { createSocket } from "node:dgram";
import type { Socket as UdpSocket } from "node:dgram";
import { createServer, isIPv4 } from "node:net";
import type { Server, Socket } from "node:net";
import type { Asked } from "./answer.ts";
import { RCODE, answer, refusal } from "./answer.ts";
import { hostAddress } from "./host-address.ts";
import type { Names } from "./names.ts";
import { framed } from "./upstream.ts";
import type { Upstream } from "./upstream.ts";

/** Questions outside that one container may have under way; a flood of them must not starve the others. */
const MOST_OUTSIDE = 256;
const TCP_IDLE_MS = 10_000;
const MOST_TCP = 512;

export class DnsServer {
  readonly #names: Names;
  readonly #upstream: Upstream;
  readonly #listeners = new Map<string, { udp: UdpSocket; tcp: Server }>();
  readonly #outside = new Map<string, number>();
  /** Of `host.docker.internal`; empty: found out when asked. */
  hostAddress = "";

  constructor(names: Names, upstream: Upstream) {
    this.#names = names;
    this.#upstream = upstream;
  }

  /** Begins to answer on an address of R; one that is listened on already is fine. */
  async listen(address: string): Promise<void> {
    if (this.#listeners.has(address)) return;
    const udp = createSocket({ type: isIPv4(address) ? "udp4" : "udp6", recvBufferSize: 1 << 20 });
    udp.on("message", (bytes, from) => {
      void this.#reply(from.address, bytes, "udp").then((reply) => reply && udp.send(reply, from.port, from.address, () => undefined));
    });
    const tcp = createServer((socket) => this.#serve(socket));
    tcp.maxConnections = MOST_TCP;
    this.#listeners.set(address, { udp, tcp });
    try {
      await new Promise<void>((resolve, reject) => udp.once("error", reject).bind(53, address, resolve));
      await new Promise<void>((resolve, reject) => tcp.once("error", reject).listen(53, address, resolve));
      udp.on("error", () => undefined);
    } catch (error) {
      this.close(address);
      throw error;
    }
  }

  close(address: string): void {
    const listener = this.#listeners.get(address);
    this.#listeners.delete(address);
    listener?.udp.close();
    listener?.tcp.close();
  }

  #serve(socket: Socket): void {
    let received = Buffer.alloc(0);
    socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE()) {
        const end = 2 + received.readUInt16BE();
        const question = received.subarray(2, end);
        received = received.subarray(end);
        void this.#reply(socket.remoteAddress ?? "", question, "tcp").then((reply) => reply && socket.write(framed(reply)));
      }
    });
  }

  async #reply(from: string, bytes: Buffer, transport: "udp" | "tcp"): Promise<Buffer | undefined> {
    const asked: Asked = { bytes, client: this.#names.client(from), transport };
    const verdict = answer(asked, this.#names, this.hostAddress || hostAddress());
    if (verdict.kind === "drop") return undefined;
    if (verdict.kind === "answer") return verdict.bytes;
    const underWay = this.#outside.get(from) ?? 0;
    if (underWay >= MOST_OUTSIDE) return refusal(bytes, RCODE.SERVFAIL);
    this.#outside.set(from, underWay + 1);
    try {
      return await this.#upstream.ask(bytes, asked.client?.sandbox.servers ?? [], transport);
    } finally {
      const left = (this.#outside.get(from) ?? 1) - 1;
      if (left > 0) this.#outside.set(from, left);
      else this.#outside.delete(from);
    }
  }
}
