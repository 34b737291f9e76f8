/**
 * The server's side of a websocket, as much as attach needs: data in both directions, ping, close.
 * @see https://www.rfc-editor.org/rfc/rfc6455
 */
import { createHash } from "node:crypto";
import { Duplex } from "node:stream";
import { EngineError } from "../errors.ts";
import type { Exchange } from "./exchange.ts";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const LARGEST_MESSAGE_BYTES = 16 * 1024 * 1024;
const OPCODE = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** Answers the handshake and gives the messages' content as one byte stream. @throws {EngineError} invalid when it is no handshake */
export function acceptWebSocket(exchange: Exchange): Duplex {
  const { headers } = exchange.request;
  const key = headers["sec-websocket-key"];
  if (headers.upgrade?.toLowerCase() !== "websocket" || !key || headers["sec-websocket-version"] !== "13")
    throw new EngineError("invalid", "not websocket protocol");
  const accept = createHash("sha1").update(`${key}${GUID}`).digest("base64");
  return webSocketStream(exchange.hijack({ "Sec-WebSocket-Accept": accept }));
}

function webSocketStream(socket: Duplex): Duplex {
  let buffered: Buffer = Buffer.alloc(0);
  const stream = new Duplex({
    read: () => void socket.resume(),
    write: (chunk: Buffer, _encoding, done) => void socket.write(encodeFrame(OPCODE.binary, chunk), done),
    final: (done) => void socket.end(encodeFrame(OPCODE.close, Buffer.from([0x03, 0xe8])), done),
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  const take = (frame: Frame): void => {
    // Unlike a socket a websocket cannot be closed for one direction only: whoever closes is gone.
    if (frame.opcode === OPCODE.close) {
      stream.push(null);
      socket
        .removeAllListeners("data")
        .resume()
        .end(encodeFrame(OPCODE.close, frame.data.subarray(0, 2)));
    } else if (frame.opcode === OPCODE.ping) socket.write(encodeFrame(OPCODE.pong, frame.data));
    else if (frame.opcode <= OPCODE.binary && !stream.push(frame.data)) socket.pause();
  };
  socket.on("data", (chunk: Buffer) => {
    buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk]);
    for (let frame = decodeFrame(buffered); frame; frame = decodeFrame(buffered)) {
      if (frame === "too big") return void stream.destroy();
      buffered = buffered.subarray(frame.bytes);
      take(frame);
    }
  });
  socket.on("end", () => stream.push(null));
  socket.on("close", () => stream.destroy());
  stream.on("error", () => undefined);
  return stream;
}

interface Frame {
  readonly opcode: number;
  readonly data: Buffer;
  /** Length of the whole frame. */
  readonly bytes: number;
}

/** The frame that `buffer` begins with; undefined while it is not whole. */
function decodeFrame(buffer: Buffer): Frame | "too big" | undefined {
  if (buffer.length < 2) return undefined;
  const short = buffer[1]! & 0x7f;
  const extended = short === 126 ? 2 : short === 127 ? 8 : 0;
  const masked = (buffer[1]! & 0x80) !== 0;
  const start = 2 + extended + (masked ? 4 : 0);
  if (buffer.length < start) return undefined;
  const length = extended === 0 ? short : extended === 2 ? buffer.readUInt16BE(2) : Number(buffer.readBigUInt64BE(2));
  if (length > LARGEST_MESSAGE_BYTES) return "too big";
  if (buffer.length < start + length) return undefined;
  const data = Buffer.from(buffer.subarray(start, start + length));
  if (masked) for (let index = 0; index < length; index += 1) data[index]! ^= buffer[start - 4 + (index % 4)]!;
  return { opcode: buffer[0]! & 0x0f, data, bytes: start + length };
}

function encodeFrame(opcode: number, data: Buffer): Buffer {
  const { length } = data;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  head[1] = length < 126 ? length : length < 65536 ? 126 : 127;
  if (head.length === 4) head.writeUInt16BE(length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, data]);
}
