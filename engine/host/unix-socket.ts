/** Unix sockets as raw descriptors: the way to hand open files from one process to another, which Node keeps to itself. */
import { closeDescriptor } from "./descriptor.ts";
import { check, declare, errorCode, quote } from "./libc.ts";

const socketCall = declare("int socket(int domain, int type, int protocol)");
const socketpair = declare("int socketpair(int domain, int type, int protocol, void *pair)");
const bindCall = declare("int bind(int fd, void *address, unsigned int length)");
const connectCall = declare("int connect(int fd, void *address, unsigned int length)");
const listenCall = declare("int listen(int fd, int backlog)");
const acceptCall = declare("int accept4(int fd, void *address, void *length, int flags)");
const sendmsg = declare("int64_t sendmsg(int fd, void *message, int flags)");
const recvmsg = declare("int64_t recvmsg(int fd, void *message, int flags)");
const memoryOf = declare("int64_t memmove(void *destination, void *source, size_t length)");

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const KIND = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

/** Most descriptors that travel with one message here. */
const MOST_DESCRIPTORS = 16;

function address(path: string): Buffer {
  const text = Buffer.from(`${path}\0`);
  if (text.length > 108) throw new RangeError(`The socket path ${quote(path)} is longer than 107 bytes`);
  return Buffer.concat([Buffer.from([AF_UNIX, 0]), text]);
}

/** A listening socket at `path`; non-blocking and close-on-exec, as all sockets here. The caller unlinks the path. */
export function listenUnix(path: string): number {
  return withSocket((fd) => {
    const where = address(path);
    check(bindCall(fd, where, where.length), `listen on ${quote(path)}`);
    check(listenCall(fd, 16), `listen on ${quote(path)}`);
  });
}

/** Connects at once or fails; a unix socket never takes its time unless the backlog is full (EAGAIN). */
export function connectUnix(path: string): number {
  return withSocket((fd) => {
    const where = address(path);
    check(connectCall(fd, where, where.length), `connect to ${quote(path)}`);
  });
}

function withSocket(use: (fd: number) => void): number {
  const fd = check(socketCall(AF_UNIX, KIND, 0), "make a socket");
  try {
    use(fd);
    return fd;
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

/** Two connected sockets. */
export function unixPair(): [number, number] {
  const pair = Buffer.alloc(8);
  check(socketpair(AF_UNIX, KIND, 0, pair), "make a socket pair");
  return [pair.readInt32LE(0), pair.readInt32LE(4)];
}

/** The next waiting connection, or null when there is none now (wait with epoll). */
export function acceptUnix(listener: number): number | null {
  return nullWhenNotNow(() => check(acceptCall(listener, null, null, SOCK_CLOEXEC | SOCK_NONBLOCK), "accept a connection"));
}

/**
 * Sends bytes (at least one) and with them copies of descriptors; the caller's own stay open.
 * @returns bytes sent, or null when the socket's buffer is full; the descriptors went with the first byte
 */
export function sendDescriptors(socket: number, data: Buffer, descriptors: readonly number[]): number | null {
  const MSG_NOSIGNAL = 0x4000;
  const message = messageHeader(data, controlWith(descriptors));
  return message.during((header) => check(sendmsg(socket, header, MSG_NOSIGNAL), "send descriptors"));
}

/**
 * Receives what one sendDescriptors sent: some bytes and the descriptors, close-on-exec, now the caller's.
 * @returns null when nothing is there now; no bytes at all is the end of the connection
 */
export function receiveDescriptors(socket: number, mostBytes = 4096): { data: Buffer; descriptors: number[] } | null {
  const MSG_CMSG_CLOEXEC = 0x40000000;
  const data = Buffer.alloc(mostBytes);
  const control = Buffer.alloc(CONTROL_HEADER + 4 * MOST_DESCRIPTORS);
  const message = messageHeader(data, control);
  const size = message.during((header) => check(recvmsg(socket, header, MSG_CMSG_CLOEXEC), "receive descriptors"));
  if (size === null) return null;
  const controlBytes = Number(message.header.readBigUInt64LE(CONTROL_LENGTH));
  return { data: data.subarray(0, size), descriptors: controlBytes === 0 ? [] : descriptorsIn(control) };
}

/** struct cmsghdr of a 64-bit Linux: length, level, type. */
const CONTROL_HEADER = 16;
/** Place of msg_controllen in struct msghdr. */
const CONTROL_LENGTH = 40;

function controlWith(descriptors: readonly number[]): Buffer {
  if (descriptors.length > MOST_DESCRIPTORS) throw new RangeError(`At most ${MOST_DESCRIPTORS} descriptors travel at once`);
  if (descriptors.length === 0) return Buffer.alloc(0);
  const [SOL_SOCKET, SCM_RIGHTS] = [1, 1];
  const length = CONTROL_HEADER + 4 * descriptors.length;
  const control = Buffer.alloc(Math.ceil(length / 8) * 8);
  control.writeBigUInt64LE(BigInt(length), 0);
  control.writeInt32LE(SOL_SOCKET, 8);
  control.writeInt32LE(SCM_RIGHTS, 12);
  descriptors.forEach((fd, index) => control.writeInt32LE(fd, CONTROL_HEADER + 4 * index));
  return control;
}

function descriptorsIn(control: Buffer): number[] {
  const length = Number(control.readBigUInt64LE(0));
  return Array.from({ length: (length - CONTROL_HEADER) / 4 }, (_, index) => control.readInt32LE(CONTROL_HEADER + 4 * index));
}

/** Address of a Buffer's bytes; they do not move while the Buffer is referenced. */
function addressOf(buffer: Buffer): bigint {
  return buffer.length === 0 ? 0n : BigInt(memoryOf(buffer, buffer, 0));
}

interface Message {
  readonly header: Buffer;
  /** Runs a call while everything that the header points to is referenced; null for "not now". */
  during(call: (header: Buffer) => number): number | null;
}

/** struct msghdr of a 64-bit Linux. */
function messageHeader(data: Buffer, control: Buffer): Message {
  const vector = Buffer.alloc(16);
  vector.writeBigUInt64LE(addressOf(data), 0);
  vector.writeBigUInt64LE(BigInt(data.length), 8);
  const header = Buffer.alloc(56);
  header.writeBigUInt64LE(addressOf(vector), 16);
  header.writeBigUInt64LE(1n, 24);
  header.writeBigUInt64LE(addressOf(control), 32);
  header.writeBigUInt64LE(BigInt(control.length), CONTROL_LENGTH);
  let pointedTo: Buffer[] = [vector, data, control];
  const during = (call: (header: Buffer) => number): number | null => {
    const result = nullWhenNotNow(() => call(header));
    pointedTo = pointedTo.slice(0, 0);
    return result;
  };
  return { header, during };
}

function nullWhenNotNow(call: () => number): number | null {
  try {
    return call();
  } catch (error) {
    if (errorCode(error) === "EAGAIN") return null;
    throw error;
  }
}
