/**
 * Datagrams with the address that they were sent to, which only recvmsg(2) tells: an answer has to come from there, or its
 * asker takes it for somebody else's.
 */
import { check, declare } from "../libc.ts";
import { whenNotNow } from "../descriptor.ts";

const VECTOR = { name: "berth_iovec", fields: { base: "void *", length: "size_t" } };
const MESSAGE = {
  name: "berth_msghdr",
  fields: {
    name: "void *",
    nameLength: "uint32_t",
    vectors: "berth_iovec *",
    count: "size_t",
    control: "void *",
    controlLength: "size_t",
    flags: "int",
  },
};
const recvmsg = declare("int64_t recvmsg(int fd, _Inout_ berth_msghdr *message, int flags)", VECTOR, MESSAGE);
const sendmsg = declare("int64_t sendmsg(int fd, berth_msghdr *message, int flags)", VECTOR, MESSAGE);
const recv = declare("int64_t recv(int fd, void *bytes, size_t length, int flags)");
const send = declare("int64_t send(int fd, void *bytes, size_t length, int flags)");
const setsockopt = declare("int setsockopt(int fd, int level, int name, void *value, uint32_t length)");

const MOST_BYTES = 65536;
const NAME_BYTES = 28;
const CONTROL_BYTES = 64;
const IP_PKTINFO = { level: 0, option: 8, type: 8 };
const IPV6_PKTINFO = { level: 41, option: 49, type: 50 };
const CONTROL_HEADER = 16;
const MSG_NOSIGNAL = 0x4000;

/** Who sent a datagram, and to which address of ours. */
export interface Asker {
  /** A sockaddr. */
  readonly name: Buffer;
  /** The control message that makes an answer come from the address that was asked. */
  readonly control: Buffer;
}

/** One datagram; the bytes are valid until the next is received. */
export interface Datagram {
  readonly bytes: Buffer;
  readonly from: Asker;
}

const bytes = Buffer.alloc(MOST_BYTES);

/** From now on receiveFrom() knows which address was asked. @param family of the socket */
export function wantAskedAddress(fd: number, family: 4 | 6): void {
  const { level, option } = family === 4 ? IP_PKTINFO : IPV6_PKTINFO;
  check(setsockopt(fd, level, option, Buffer.from([1, 0, 0, 0]), 4), "learn where datagrams were sent to");
}

/** A waiting datagram; null when none waits. */
export function receiveFrom(fd: number): Datagram | null {
  const [name, control] = [Buffer.alloc(NAME_BYTES), Buffer.alloc(CONTROL_BYTES)];
  const message = messageOf({ bytes, name, control });
  const count = Number(recvmsg(fd, message, 0));
  if (count < 0) return whenNotNow(count, "receive a datagram");
  const from = { name: name.subarray(0, message.nameLength), control: answering(control.subarray(0, message.controlLength)) };
  return { bytes: bytes.subarray(0, count), from };
}

/** Sends an answer; one that does not go out now is lost, as datagrams are. */
export function answerTo(fd: number, { name, control }: Asker, answer: Buffer): void {
  sendmsg(fd, messageOf({ bytes: answer, name, control }), MSG_NOSIGNAL);
}

/** A datagram of a connected socket, valid until the next is received; null when none waits. @throws {SystemCallError} ECONNREFUSED */
export function receive(fd: number): Buffer | null {
  const count = Number(recv(fd, bytes, bytes.length, 0));
  return count < 0 ? whenNotNow(count, "receive a datagram") : bytes.subarray(0, count);
}

/** @returns false when nobody is there, as an earlier datagram has found out */
export function sendTo(fd: number, datagram: Buffer): boolean {
  return Number(send(fd, datagram, datagram.length, MSG_NOSIGNAL)) >= 0;
}

function messageOf(parts: { bytes: Buffer; name: Buffer; control: Buffer }) {
  return {
    name: parts.name,
    nameLength: parts.name.length,
    vectors: [{ base: parts.bytes, length: parts.bytes.length }],
    count: 1,
    control: parts.control,
    controlLength: parts.control.length,
    flags: 0,
  };
}

/** The interface is left to the routes, except for addresses that mean nothing without it. */
function answering(control: Buffer): Buffer {
  if (control.length < CONTROL_HEADER) return control;
  const type = control.readInt32LE(12);
  const isV4 = control.readInt32LE(8) === IP_PKTINFO.level && type === IP_PKTINFO.type;
  const isLinkLocal = control[CONTROL_HEADER] === 0xfe && (control[CONTROL_HEADER + 1]! & 0xc0) === 0x80;
  if (isV4) control.writeInt32LE(0, CONTROL_HEADER);
  else if (!isLinkLocal) control.writeInt32LE(0, CONTROL_HEADER + 16);
  return control;
}
