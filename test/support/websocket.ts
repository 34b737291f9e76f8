/** A websocket over a unix socket, which Node's own client cannot speak. */
import { once } from "node:events";
import { request } from "node:http";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { buffer } from "node:stream/consumers";

/** Of a message: text or binary. The end of a connection is another opcode. */
const OPCODE = { text: 1, binary: 2, close: 8 } as const;

export interface TestWebSocket {
  send(kind: keyof typeof OPCODE, data: string): void;
  /** All that came, and how it closed, once it has. */
  readonly all: Promise<{ text: string; kinds: readonly (keyof typeof OPCODE)[]; closeCode: number | undefined }>;
}

/** Opens one, as browsers do. */
export async function openWebSocket(socketPath: string, path: string): Promise<TestWebSocket> {
  const key = Buffer.alloc(16, 7).toString("base64");
  const headers = { Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key };
  const asked = request({ socketPath, path, headers }).end();
  const [, socket, head] = (await once(asked, "upgrade")) as [IncomingMessage, Duplex, Buffer];
  if (head.length > 0) socket.unshift(head);
  return {
    send: (kind, data) => void socket.write(masked(OPCODE[kind], Buffer.from(data))),
    all: buffer(socket).then((bytes) => (socket.end(), read(bytes))),
  };
}

/** One short frame; what a client sends is masked. */
function masked(opcode: number, data: Buffer): Buffer {
  const mask = Buffer.from([1, 2, 3, 4]);
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | data.length]), mask, data.map((byte, index) => byte ^ mask[index % 4]!)]);
}

function read(bytes: Buffer): Awaited<TestWebSocket["all"]> {
  const kinds = new Set<keyof typeof OPCODE>();
  let [text, closeCode]: [string, number | undefined] = ["", undefined];
  for (let at = 0; at < bytes.length;) {
    const [kind] = Object.entries(OPCODE).find(([, opcode]) => opcode === (bytes[at]! & 15)) ?? [];
    const length = bytes[at + 1]!;
    const data = bytes.subarray(at + 2, at + 2 + length);
    at += 2 + length;
    kinds.add(kind as keyof typeof OPCODE);
    // Who closes without a reason is answered without one.
    if (kind === "close") closeCode = data.length > 0 ? data.readUInt16BE() : undefined;
    else text += data.toString();
  }
  return { text, kinds: [...kinds], closeCode };
}
