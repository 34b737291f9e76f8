/**
 * Sockets in the HOST's network namespace for a process whose main thread lives in R: the threads of libuv's pool were
 * started before it moved and stayed behind, and a socket belongs to where socket(2) was called. All else about a socket
 * does not depend on the thread.
 */
import { isIPv4 } from "node:net";
import { closeDescriptor, whenNotNow } from "../descriptor.ts";
import { check, declare, lastErrno } from "../libc.ts";
import { addressBytes } from "../netlink.ts";

const socketCall = declare("int socket(int domain, int type, int protocol)");
const setsockopt = declare("int setsockopt(int fd, int level, int name, void *value, uint32_t length)");
const bindCall = declare("int bind(int fd, void *address, uint32_t length)");
const listenCall = declare("int listen(int fd, int backlog)");

const acceptCall = declare("int accept4(int fd, void *address, void *length, int flags)");
const connectCall = declare("int connect(int fd, void *address, uint32_t length)");
const shutdownCall = declare("int shutdown(int fd, int how)");

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK = { tcp: 1, udp: 2 };
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_LINGER = 13;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const BACKLOG = 4096;

/** Starts the pool's threads. Call it before the main thread moves. */
export async function leaveThreadsBehind(): Promise<void> {
  closeDescriptor(await openSocket("udp", "127.0.0.1"));
}

/** A new socket for addresses of the family of `address`; the caller's to close. */
export async function openSocket(kind: "tcp" | "udp", address: string): Promise<number> {
  const domain = isIPv4(address) ? AF_INET : AF_INET6;
  return socketCall.async(`open a ${kind} socket`, domain, SOCK[kind] | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/**
 * A socket bound to an address of the host, listening if TCP. `::` takes IPv6 only, so that 0.0.0.0 may have the same port.
 * @throws {SystemCallError} EADDRINUSE, EACCES (low port), EADDRNOTAVAIL, EAFNOSUPPORT
 */
export async function bindSocket(kind: "tcp" | "udp", address: string, port: number): Promise<number> {
  const fd = await openSocket(kind, address);
  try {
    const one = Buffer.from([1, 0, 0, 0]);
    if (kind === "tcp") check(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, one, 4), "share the port with closed connections");
    if (!isIPv4(address)) check(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, one, 4), "keep to IPv6");
    const where = socketAddress(address, port);
    check(bindCall(fd, where, where.length), `bind ${address}:${port}`);
    if (kind === "tcp") check(listenCall(fd, BACKLOG), `listen on ${address}:${port}`);
    return fd;
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

/** A waiting connection of a listening socket, not blocking; null when none waits. @throws {SystemCallError} EMFILE, ENFILE */
export function acceptSocket(listener: number): number | null {
  const fd = acceptCall(listener, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
  const ECONNABORTED = 103;
  if (fd < 0 && lastErrno() === ECONNABORTED) return acceptSocket(listener);
  return fd < 0 ? whenNotNow(fd, "accept a connection") : fd;
}

/** A socket of the calling thread's network namespace on its way to an address: what it says later tells whether it got there. */
export function connectSocket(kind: "tcp" | "udp", address: string, port: number): number {
  const domain = isIPv4(address) ? AF_INET : AF_INET6;
  const fd = check(socketCall(domain, SOCK[kind] | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), `open a ${kind} socket`);
  try {
    if (kind === "tcp") setNoDelay(fd);
    const where = socketAddress(address, port);
    const EINPROGRESS = 115;
    if (connectCall(fd, where, where.length) < 0 && lastErrno() !== EINPROGRESS) check(-1, `connect to ${address}:${port}`);
    return fd;
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

/** Small packets go at once. Connections that a listener accepts have it from the listener. */
export function setNoDelay(fd: number): void {
  check(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, Buffer.from([1, 0, 0, 0]), 4), "send small packets at once");
}

/** Tells the other side that nothing more comes; one that is gone already is fine. */
export function endSending(fd: number): void {
  const SHUT_WR = 1;
  shutdownCall(fd, SHUT_WR);
}

/** Closes a TCP connection so that the other side sees it broken, not ended. */
export function resetSocket(fd: number): void {
  const lingerForNothing = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
  setsockopt(fd, SOL_SOCKET, SO_LINGER, lingerForNothing, lingerForNothing.length);
  closeDescriptor(fd);
}

/** struct sockaddr_in or sockaddr_in6. */
function socketAddress(address: string, port: number): Buffer {
  const v4 = isIPv4(address);
  const bytes = Buffer.alloc(v4 ? 16 : 28);
  bytes.writeUInt16LE(v4 ? AF_INET : AF_INET6, 0);
  bytes.writeUInt16BE(port, 2);
  addressBytes(address).copy(bytes, v4 ? 4 : 8);
  return bytes;
}
