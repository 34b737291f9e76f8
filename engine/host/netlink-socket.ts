/**
 * Netlink sockets and the namespace calls, through koffi. Everything here is synchronous and acts on the CALLING THREAD's
 * network namespace: only the net-worker thread and netd may move. A netlink socket stays in the namespace it was opened in.
 */
import koffi from "koffi";
import { closeSync, openSync } from "node:fs";
import { getSystemErrorMap } from "node:util";
import type { NetlinkMessage, NetlinkReply } from "./netlink.ts";
import { NLM_F_ACK, NLMSG_DONE, NLMSG_ERROR, attributesOf, datagram, repliesOf } from "./netlink.ts";

const libc = koffi.load(null);
const call = {
  socket: libc.func("int socket(int domain, int type, int protocol)"),
  setsockopt: libc.func("int setsockopt(int fd, int level, int name, const void *value, uint32_t length)"),
  sendto: libc.func("intptr_t sendto(int fd, const void *bytes, size_t length, int flags, const void *address, uint32_t addressLength)"),
  recv: libc.func("intptr_t recv(int fd, _Out_ void *bytes, size_t length, int flags)"),
  setns: libc.func("int setns(int fd, int kind)"),
  unshare: libc.func("int unshare(int flags)"),
  mount: libc.func("int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)"),
  umount2: libc.func("int umount2(const char *target, int flags)"),
};

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const MSG_DONTWAIT = 0x40;
const EAGAIN = 11;
const EINTR = 4;
const CLONE_NEWNET = 0x40000000;
const MS_BIND = 4096;
const MNT_DETACH = 2;
const NLMSGERR_ATTR_MSG = 1;
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

/** A refused kernel call: `code` is the errno's name. */
export class KernelError extends Error {
  readonly code: string;

  constructor(what: string, errno: number, detail = "") {
    const [code, meaning] = getSystemErrorMap().get(-errno) ?? [`errno ${errno}`, "unknown error"];
    super(`Cannot ${what}: ${detail || meaning} (${code})`);
    this.name = "KernelError";
    this.code = code;
  }
}

function check(result: number, what: string): number {
  if (result < 0) throw new KernelError(what, koffi.errno());
  return result;
}

/** A netlink socket in the namespace of the calling thread. */
export class NetlinkSocket {
  readonly #fd: number;
  #sequence = 1;
  readonly #buffer = Buffer.alloc(65536);
  static readonly #kernel = Buffer.from([AF_NETLINK, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

  constructor(protocol: number) {
    this.#fd = check(call.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, protocol), "open a netlink socket");
    const one = Buffer.from([1, 0, 0, 0]);
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK]) call.setsockopt(this.#fd, SOL_NETLINK, option, one, 4);
  }

  /**
   * Sends all `messages` in one datagram and waits for each one's acknowledgement.
   * The kernel tries every message even when one fails.
   * @throws {KernelError} for the first that failed
   */
  run(...messages: NetlinkMessage[]): void {
    const first = this.#send(messages.map((message) => ({ ...message, flags: message.flags | NLM_F_ACK })));
    const waiting = new Set(messages.keys());
    let failed: KernelError | undefined;
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
   * @throws {KernelError} for the first that failed; the kernel has then changed nothing
   */
  runBatch(messages: readonly NetlinkMessage[]): void {
    const first = this.#send(messages);
    let failed: KernelError | undefined;
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

  close(): void {
    closeSync(this.#fd);
  }

  #send(messages: readonly NetlinkMessage[]): number {
    const first = this.#sequence;
    this.#sequence += messages.length;
    const bytes = datagram(messages, first);
    const kernel = NetlinkSocket.#kernel;
    check(call.sendto(this.#fd, bytes, bytes.length, 0, kernel, kernel.length), messages[0]?.what ?? "send to the kernel");
    return first;
  }

  /** The kernel answers before send returns, so nothing ever has to wait: no bytes means no more answers. */
  #receive(): NetlinkReply[] {
    for (;;) {
      const length: number = call.recv(this.#fd, this.#buffer, this.#buffer.length, MSG_DONTWAIT);
      if (length >= 0) return repliesOf(this.#buffer.subarray(0, length));
      if (koffi.errno() === EAGAIN) return [];
      if (koffi.errno() !== EINTR) throw new KernelError("read from the kernel", koffi.errno());
    }
  }
}

function errorOf(reply: NetlinkReply, what: string): KernelError | undefined {
  const errno = -reply.body.readInt32LE(0);
  if (errno === 0) return undefined;
  // Behind the error stands the header of the request (capped), then the kernel's own words where it has some.
  const detail = attributesOf(reply.body.subarray(20)).get(NLMSGERR_ATTR_MSG)?.toString("utf8").replace(/\0.*$/s, "");
  return new KernelError(what, errno, detail);
}

/** Moves the calling thread into the network namespace that `path` or the open descriptor names. */
export function enterNetns(target: string | number): void {
  if (typeof target === "number") return void check(call.setns(target, CLONE_NEWNET), "enter a network namespace");
  const fd = openSync(target, "r");
  try {
    check(call.setns(fd, CLONE_NEWNET), `enter the network namespace ${target}`);
  } finally {
    closeSync(fd);
  }
}

/** Moves the calling thread into a new, empty network namespace. */
export function unshareNetns(): void {
  check(call.unshare(CLONE_NEWNET), "make a network namespace");
}

/** Keeps the calling thread's network namespace alive under the existing file `path`. */
export function pinNetns(path: string): void {
  check(call.mount("/proc/thread-self/ns/net", path, null, MS_BIND, null), `keep the network namespace ${path}`);
}

/** Lets go of a pinned namespace; one that is not pinned any more is fine. */
export function unpinNetns(path: string): void {
  if (call.umount2(path, MNT_DETACH) < 0 && !["EINVAL", "ENOENT"].includes(new KernelError("", koffi.errno()).code))
    throw new KernelError(`release the network namespace ${path}`, koffi.errno());
}
