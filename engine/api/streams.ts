/**
 * What is sent piece by piece: output of containers, and JSON messages. Nothing is held back for a slow reader: sources
 * that can wait do wait, and for the others there is a limit.
 */
import type { ServerResponse } from "node:http";
import type { Duplex, Writable } from "node:stream";
import type { OutputChunk } from "../containers/containers.ts";
import type { BuildProgress } from "./types/builds.ts";
import type { JsonMessage, TraceMessage } from "./types/image.ts";

export const RAW_STREAM = "application/vnd.docker.raw-stream";
export const MULTIPLEXED_STREAM = "application/vnd.docker.multiplexed-stream";

/** The content type of a container's output; before API 1.42 both kinds had the name of the raw one. */
export function outputType(tty: boolean, version: number): string {
  return !tty && version >= 42 ? MULTIPLEXED_STREAM : RAW_STREAM;
}

/** Resolves when `target` takes bytes again, also when it never will. */
export function drained(target: Writable): Promise<void> {
  if (!target.writableNeedDrain || target.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of ["drain", "close", "error"]) target.off(event, done);
      resolve();
    };
    for (const event of ["drain", "close", "error"]) target.on(event, done);
  });
}

const STREAM_NUMBER = { stdout: 1, stderr: 2 } as const;

/**
 * One frame of a multiplexed stream: number of the stream, three zeros, length big-endian, data.
 * @see https://docs.docker.com/reference/api/engine/version/v1.51/#tag/Container/operation/ContainerAttach
 */
export function frame(chunk: OutputChunk): Buffer {
  const { data } = chunk;
  const framed = Buffer.allocUnsafe(8 + data.length);
  framed.writeUInt32BE(STREAM_NUMBER[chunk.stream] * 0x1000000, 0);
  framed.writeUInt32BE(data.length, 4);
  data.copy(framed, 8);
  return framed;
}

/** Copies output until it ends or `target` closes, waiting whenever `target` is full. `target` is not ended. */
export async function sendOutput(output: AsyncIterable<OutputChunk>, target: Writable, options: { tty: boolean }): Promise<void> {
  for await (const chunk of output) {
    if (target.destroyed) return;
    if (!target.write(options.tty ? chunk.data : frame(chunk))) await drained(target);
  }
}

/** Made once: every connection ends, and an error costs the look at the stack. */
const CLOSED = new Error("the connection was closed");

/** Aborted when a hijacked connection closes. */
export function closedSignal(socket: Duplex): AbortSignal {
  const controller = new AbortController();
  if (socket.destroyed) controller.abort(CLOSED);
  else socket.once("close", () => controller.abort(CLOSED));
  return controller.signal;
}

/** Writes one chunk of a stream and waits until the client takes more; false when it is gone. */
export async function send(target: Writable, chunk: string | Buffer): Promise<boolean> {
  if (target.destroyed) return false;
  if (!target.write(chunk)) await drained(target);
  return !target.destroyed;
}

type Message = JsonMessage | BuildProgress | TraceMessage;

/**
 * The progress of a pull, push, load or build: JSON messages that come when they come. The answer begins with the first
 * one, so until then an error can still be an HTTP status. For a client that reads slower than messages come, each item
 * keeps only its newest progress; everything else is kept: who has much to send waits with `pass`.
 */
export class JsonStream {
  readonly #response: ServerResponse;
  readonly #waiting: (() => string)[] = [];
  readonly #newest = new Map<string, JsonMessage>();
  #drained: Promise<void> | undefined;

  constructor(response: ServerResponse) {
    this.#response = response;
    response.on("drain", () => this.#flush());
  }

  get started(): boolean {
    return this.#response.headersSent;
  }

  /** Sends a message, now or when the client is ready. Never throws. */
  readonly send = (message: Message): void => {
    if (!this.#response.headersSent) this.#response.writeHead(200, { "Content-Type": "application/json" });
    if (this.#waiting.length === 0 && !this.#response.writableNeedDrain) this.#write(encode(message));
    else this.#wait(message);
  };

  /** Sends a message and resolves when the client takes more, or has gone. */
  readonly pass = async (message: Message): Promise<void> => {
    this.send(message);
    if (!this.#response.writableNeedDrain) return;
    // One promise for all who wait.
    this.#drained ??= drained(this.#response).then(() => (this.#drained = undefined));
    await this.#drained;
  };

  /** Ends the answer; with an error that came after the first message, by the message that carries it. */
  end(error?: { message: string; code?: number }): void {
    if (error) {
      const { message, code } = error;
      this.#queue(encode({ errorDetail: code === undefined ? { message } : { code, message }, error: message }));
    }
    if (!this.#response.headersSent) this.#response.writeHead(200, { "Content-Type": "application/json" });
    this.#flush();
    if (this.#waiting.length === 0) this.#response.end();
    else this.#response.on("drain", () => this.#waiting.length === 0 && this.#response.end());
  }

  #wait(message: Message): void {
    if ("progressDetail" in message && message.id !== undefined && message.progressDetail?.current !== undefined)
      return this.#replace(message.id, message);
    this.#queue(encode(message));
  }

  #queue(text: string): void {
    this.#waiting.push(() => text);
  }

  #replace(id: string, message: JsonMessage): void {
    const known = this.#newest.has(id);
    this.#newest.set(id, message);
    if (known) return;
    this.#waiting.push(() => {
      const newest = this.#newest.get(id)!;
      this.#newest.delete(id);
      return encode(newest);
    });
  }

  #flush(): void {
    while (this.#waiting.length > 0 && !this.#response.writableNeedDrain && !this.#response.destroyed)
      this.#write(this.#waiting.shift()!());
  }

  #write(text: string): void {
    if (!this.#response.destroyed) this.#response.write(text);
  }
}

function encode(message: Message): string {
  return `${JSON.stringify(message)}\r\n`;
}
