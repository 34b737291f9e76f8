/** Waiting for many descriptors at once, on a thread of libuv's pool, without a JavaScript isolate of its own. */
import { check, declare, errorCode, lastErrno } from "./libc.ts";

const epollCreate1 = declare("int epoll_create1(int flags)");
const epollCtl = declare("int epoll_ctl(int epoll, int operation, int fd, void *event)");
const epollWaitCall = declare("int epoll_wait(int epoll, void *events, int count, int timeoutMs)");

export const EPOLL = { IN: 1, OUT: 4, ERR: 8, HUP: 16, RDHUP: 0x2000, ONESHOT: 1 << 30, ET: 2 ** 31 } as const;

/** The kernel packs `struct epoll_event` on x86-64 only. */
const EVENT_BYTES = process.arch === "x64" ? 12 : 16;
const DATA_OFFSET = EVENT_BYTES - 8;

export interface Ready {
  readonly descriptor: number;
  /** EPOLL bits. */
  readonly events: number;
  /** What epollAdd was given: tells a descriptor from an earlier one of the same number. */
  readonly token: number;
}

/** A close-on-exec epoll descriptor; closed with closeDescriptor. */
export function epollCreate(): number {
  const EPOLL_CLOEXEC = 0o2000000;
  return check(epollCreate1(EPOLL_CLOEXEC), "make an epoll descriptor");
}

function control(epoll: number, operation: number, target: Ready): void {
  const event = Buffer.alloc(EVENT_BYTES);
  event.writeUInt32LE(target.events >>> 0, 0);
  event.writeInt32LE(target.descriptor, DATA_OFFSET);
  event.writeUInt32LE(target.token >>> 0, DATA_OFFSET + 4);
  check(epollCtl(epoll, operation, target.descriptor, event), `watch descriptor ${target.descriptor}`);
}

/** @throws {SystemCallError} EPERM for a regular file, which is always ready */
export function epollAdd(epoll: number, descriptor: number, options: { events: number; token?: number }): void {
  control(epoll, 1, { descriptor, token: 0, ...options });
}

export function epollModify(epoll: number, descriptor: number, options: { events: number; token?: number }): void {
  control(epoll, 3, { descriptor, token: 0, ...options });
}

/** Closing a descriptor removes it as well, unless a copy of it is open somewhere. */
export function epollRemove(epoll: number, descriptor: number): void {
  control(epoll, 2, { descriptor, events: 0, token: 0 });
}

/**
 * Resolves with what became ready; holds one thread of libuv's pool until then.
 * To end it early, watch an event descriptor and write to it. An empty answer means the time is over.
 *
 * @param timeoutMs -1 waits for ever
 */
export async function epollWait(epoll: number, options: { timeoutMs: number; most?: number }): Promise<Ready[]> {
  const most = options.most ?? 64;
  const events = Buffer.alloc(most * EVENT_BYTES);
  const count = await epollWaitCall.async("wait for descriptors", epoll, events, most, options.timeoutMs).catch(noneWhenInterrupted);
  return readEvents(events, count);
}

/** The same, holding this thread: for a worker that does nothing else. */
export function epollWaitHere(epoll: number, options: { timeoutMs: number; most?: number }): Ready[] {
  const most = options.most ?? 64;
  const events = Buffer.alloc(most * EVENT_BYTES);
  const count = epollWaitCall(epoll, events, most, options.timeoutMs);
  const EINTR = 4;
  if (count < 0 && lastErrno() !== EINTR) check(count, "wait for descriptors");
  return readEvents(events, Math.max(0, count));
}

function readEvents(events: Buffer, count: number): Ready[] {
  return Array.from({ length: count }, (_, index) => ({
    events: events.readUInt32LE(index * EVENT_BYTES),
    descriptor: events.readInt32LE(index * EVENT_BYTES + DATA_OFFSET),
    token: events.readUInt32LE(index * EVENT_BYTES + DATA_OFFSET + 4),
  }));
}

function noneWhenInterrupted(error: unknown): number {
  if (errorCode(error) === "EINTR") return 0;
  throw error;
}
