/**
 * Byte streams between threads, over a message port. The sender may be a window ahead of the receiver and no more; the
 * receiver says how many bytes it has used up.
 *
 *     sender → receiver   Uint8Array … then `null`, or `{ error }`
 *     receiver → sender   number of bytes used up
 */
import { Readable } from "node:stream";
import type { MessagePort } from "node:worker_threads";
import { EngineError } from "../errors.ts";
import { usedUp } from "../host/buffers.ts";

const WINDOW = 1 << 20;
const OUTPUT_CHUNK = 1 << 18;

type Message = Uint8Array | null | { error: string };

/** The stream of what arrives at `port`. `onDestroy` is called when the stream is given up before its end. */
export function readFromPort(port: MessagePort, onDestroy: () => void): Readable {
  let owed = 0;
  let ended = false;
  const stream = new Readable({
    highWaterMark: WINDOW / 2,
    read() {
      if (owed > 0) port.postMessage(owed);
      owed = 0;
    },
    destroy(error, done) {
      if (!ended) onDestroy();
      port.close();
      done(error);
    },
  });
  port.on("message", (message: Message) => {
    if (message === null) {
      ended = true;
      stream.push(null);
    } else if (message instanceof Uint8Array) {
      owed += message.byteLength;
      if (!stream.push(asBuffer(message))) return;
      port.postMessage(owed);
      owed = 0;
    }
  });
  return stream;
}

/** The chunks that arrive at `port`, for a thread that handles one at a time. */
export async function* chunksFromPort(port: MessagePort): AsyncGenerator<Buffer> {
  const waiting: Message[] = [];
  let wake = (): void => undefined;
  port.on("message", (message: Message) => {
    waiting.push(message);
    wake();
  });
  port.on("close", () => {
    waiting.push({ error: "the other side is gone" });
    wake();
  });
  try {
    for (;;) {
      while (waiting.length === 0) await new Promise<void>((done) => (wake = done));
      const message = waiting.shift()!;
      if (message === null) return;
      if (!(message instanceof Uint8Array)) throw new EngineError("internal", `Cannot read the archive: ${message.error}`);
      yield asBuffer(message);
      port.postMessage(message.byteLength);
    }
  } finally {
    port.close();
  }
}

/** Collects small writes and sends them to `port`, waiting where the receiver is a window behind. */
export class PortOutput {
  readonly #port: MessagePort;
  readonly #seen: (bytes: Buffer) => void;
  #held = Buffer.allocUnsafeSlow(OUTPUT_CHUNK);
  #filled = 0;
  #ahead = 0;
  #closed = false;
  #wake = (): void => undefined;

  /** @param seen is shown all bytes in order, e.g. to hash them */
  constructor(port: MessagePort, seen: (bytes: Buffer) => void) {
    this.#port = port;
    this.#seen = seen;
    port.on("message", (used: number) => {
      this.#ahead -= used;
      this.#wake();
    });
    port.on("close", () => {
      this.#closed = true;
      this.#wake();
    });
  }

  /** The bytes are copied. */
  async write(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const taken = bytes.copy(this.#held, this.#filled, at);
      this.#filled += taken;
      at += taken;
      if (this.#filled === OUTPUT_CHUNK) await this.#flush();
    }
  }

  async end(): Promise<void> {
    await this.#flush();
    if (!this.#closed) this.#port.postMessage(null);
  }

  async #flush(): Promise<void> {
    if (this.#filled === 0) return;
    const bytes = this.#held.subarray(0, this.#filled);
    this.#seen(bytes);
    this.#ahead += bytes.length;
    this.#port.postMessage(bytes, [this.#held.buffer]);
    this.#held = Buffer.allocUnsafeSlow(OUTPUT_CHUNK);
    this.#filled = 0;
    while (this.#ahead >= WINDOW && !this.#closed) await new Promise<void>((done) => (this.#wake = done));
    if (this.#closed) throw new EngineError("internal", "The archive is no longer wanted");
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Sends a stream to `port`; `stop` ends it early. */
export function sendToPort(stream: Readable, port: MessagePort): { stop(error: Error): void } {
  let ahead = 0;
  let stopped = false;
  const send = (message: Message): void => {
    if (!stopped) port.postMessage(message, message instanceof Uint8Array ? [message.buffer as ArrayBuffer] : []);
  };
  port.on("message", (used: number) => {
    ahead -= used;
    if (ahead < WINDOW) stream.resume();
  });
  stream.on("data", (chunk: Buffer | string) => {
    // A copy of its own, because transferring takes the whole memory that the chunk is a part of.
    const copy = new Uint8Array(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
    ahead += copy.byteLength;
    send(copy);
    usedUp(copy.byteLength);
    if (ahead >= WINDOW) stream.pause();
  });
  stream.once("end", () => send(null));
  stream.once("error", (error) => send({ error: error.message }));
  stream.once("close", () => {
    if (!stream.readableEnded) send({ error: "the stream was closed" });
  });
  return {
    stop(error) {
      if (stopped) return;
      send({ error: error.message });
      stopped = true;
      port.close();
    },
  };
}
