/**
 * Sockets in the HOST's network namespace for a process whose main thread lives in R: the threads of libuv's pool were
 * started before it moved and stayed behind, and a socket belongs to where socket(2) was called. All else about a socket
 * does not depend on the thread.
 */
import { isIPv4 } from "node:net";
import { closeDescriptor } from "../descriptor.ts";
import { check, declare } from "../libc.ts";
import { addressBytes } from "../netlink.ts";

const socketCall = declare("int socket(int domain, int type, int protocol)");
const setsockopt = declare("int setsockopt(int fd, int level, int name, void *value, uint32_t length)");
const bindCall = declare("int bind(int fd, void *address, uint32_t length)");
const listenCall = declare("int listen(int fd, int backlog)");

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK = { tcp: 1, udp: 2 };
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
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

/** struct sockaddr_in or sockaddr_in6. */
function socketAddress(address: string, port: number): Buffer {
  const v4 = isIPv4(address);
  const bytes = Buffer.alloc(v4 ? 16 : 28);
  bytes.writeUInt16LE(v4 ? AF_INET : AF_INET6, 0);
  bytes.writeUInt16BE(port, 2);
  addressBytes(address).copy(bytes, v4 ? 4 : 8);
  return bytes;
}
