/**
 * Netlink sockets. Everything here is synchronous. A socket belongs to the network namespace that the calling thread is in
 * when it opens it, and stays there.
 */
import { SystemCallError, check, declare, lastErrno } from "./libc.ts";
import type { NetlinkMessage, NetlinkReply } from "./netlink.ts";
import { NLM_F_ACK, NLMSG_DONE, NLMSG_ERROR, attributesOf, datagram, repliesOf } from "./netlink.ts";

const socketCall = declare("int socket(int domain, int type, int protocol)");
const setsockopt = declare("int setsockopt(int fd, int level, int name, void *value, uint32_t length)");
const sendto = declare("int64_t sendto(int fd, void *bytes, size_t length, int flags, void *address, uint32_t addressLength)");
const closeCall = declare("int close(int fd)");
const recv = declare("int64_t recv(int fd, void *bytes, size_t length, int flags)");

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_SNDBUFFORCE = 32;
const LARGEST_BATCH = 8 << 20;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const MSG_DONTWAIT = 0x40;
const EAGAIN = 11;
const EINTR = 4;
const NLMSGERR_ATTR_MSG = 1;
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

/** The kernel refused a message; `code` is Node's name of the reason. */
export class NetlinkError extends SystemCallError {
  /** @param detail the kernel's own words, which say more than the number; empty when it has none */
  constructor(what: string, errno: number, detail: string) {
    super(detail ? `${what}: ${detail}` : what, errno);
    this.name = "NetlinkError";
  }
}

/** A netlink socket in the namespace of the calling thread. */
export class NetlinkSocket {
  readonly #fd: number;
  #sequence = 1;
  readonly #buffer = Buffer.alloc(65536);
  static readonly #kernel = Buffer.from([AF_NETLINK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

  constructor(protocol: number) {
    this.#fd = check(socketCall(AF_NETLINK, SOCK_RAW_CLOEXEC, protocol), "open a netlink socket");
    const one = Buffer.from([1, 0, 0, 0]);
    // A table of rules goes in one datagram. Without the machine's own root the kernel gives what it gives everybody.
    const most = Buffer.from(Uint32Array.of(LARGEST_BATCH).buffer);
    if (setsockopt(this.#fd, SOL_SOCKET, SO_SNDBUFFORCE, most, 4) < 0) setsockopt(this.#fd, SOL_SOCKET, SO_SNDBUF, most, 4);
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK]) setsockopt(this.#fd, SOL_NETLINK, option, one, 4);
  }

  /**
   * Sends all `messages` in one datagram and waits for each one's acknowledgement.
   * The kernel tries every message even when one fails.
   * @throws {NetlinkError} for the first that failed
   */
  run(...messages: NetlinkMessage[]): void {
    const first = this.#send(messages.map((message) => ({ ...message, flags: message.flags | NLM_F_ACK })));
    const waiting = new Set(messages.keys());
    let failed: NetlinkError | undefined;
    while (waiting.size > 0) {
      for (const reply of this.#receive()) {
        const message = messages[reply.sequence - first];
        if (reply.type !== NLMSG_ERROR || !message) continue;
        waiting.delete(reply.sequence - first);
        failed ??= errorOf(reply, message.what);
      }
    }
    if (failed) throw failed;
  }

  /**
   * Sends a batch of which only failures are told, as nftables does.
   * @throws {NetlinkError} for the first that failed; the kernel has then changed nothing
   */
  runBatch(messages: readonly NetlinkMessage[]): void {
    const first = this.#send(messages);
    let failed: NetlinkError | undefined;
    for (let replies = this.#receive(); replies.length > 0; replies = this.#receive())
      for (const reply of replies) failed ??= errorOf(reply, messages[reply.sequence - first]?.what ?? "load rules");
    if (failed) throw failed;
  }

  /** Every answer to a dump or a single get. */
  query(message: NetlinkMessage): NetlinkReply[] {
    const sequence = this.#send([message]);
    const answers: NetlinkReply[] = [];
    for (let replies = this.#receive(); replies.length > 0; replies = this.#receive()) {
      for (const reply of replies) {
        if (reply.sequence !== sequence || reply.type === NLMSG_DONE) continue;
        const failed = reply.type === NLMSG_ERROR ? errorOf(reply, message.what) : undefined;
        if (failed) throw failed;
        if (reply.type !== NLMSG_ERROR) answers.push(reply);
      }
    }
    return answers;
  }

  /** Returns at once: after rules were deleted the kernel makes whoever closes wait 10 to 30 ms, so a thread of the pool does. */
  close(): void {
    void closeCall.async("close a netlink socket", this.#fd).catch(() => undefined);
  }

  #send(messages: readonly NetlinkMessage[]): number {
    const first = this.#sequence;
    this.#sequence += messages.length;
    const bytes = datagram(messages, first);
    const kernel = NetlinkSocket.#kernel;
    check(Number(sendto(this.#fd, bytes, bytes.length, 0, kernel, kernel.length)), messages[0]?.what ?? "send to the kernel");
    return first;
  }

  /** The kernel answers before send returns, so nothing ever has to wait: no bytes means no more answers. */
  #receive(): NetlinkReply[] {
    for (;;) {
      const length = Number(recv(this.#fd, this.#buffer, this.#buffer.length, MSG_DONTWAIT));
      if (length >= 0) return repliesOf(this.#buffer.subarray(0, length));
      const errno = lastErrno();
      if (errno === EAGAIN) return [];
      if (errno !== EINTR) throw new SystemCallError("read from the kernel", errno);
    }
  }
}

function errorOf(reply: NetlinkReply, what: string): NetlinkError | undefined {
  const errno = -reply.body.readInt32LE(0);
  if (errno === 0) return undefined;
  // Behind the error stands the header of the request (capped), then the kernel's own words where it has some.
  const detail = attributesOf(reply.body.subarray(20)).get(NLMSGERR_ATTR_MSG)?.toString("utf8").replace(/\0.*$/s, "") ?? "";
  return new NetlinkError(what, errno, detail);
}
