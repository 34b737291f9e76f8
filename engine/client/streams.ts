/**
 * The three kinds of stream that an engine sends: JSON messages, multiplexed output, raw bytes.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { Readable, Writable } from "node:stream";

/** Which end of a container's output bytes came from. */
export interface OutputFrame {
  readonly stream: "stdout" | "stderr";
  readonly data: Buffer;
}

/**
 * JSON values of a stream, one a line; blank lines are skipped. Ending the iteration early closes the connection.
 *
 * @param onLine sees each raw line first (numbers that a double cannot hold)
 */
export async function* jsonLines<T>(source: AsyncIterable<Buffer>, onLine?: (line: string) => void): AsyncGenerator<T> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of source) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield parseLine<T>(line, onLine);
  }
  if (rest.trim() !== "") yield parseLine<T>(rest, onLine);
}

function parseLine<T>(line: string, onLine: ((line: string) => void) | undefined): T {
  onLine?.(line);
  return JSON.parse(line) as T;
}

const HEADER = 8;

/**
 * Frames of a multiplexed stream: 8 bytes of header (1 stdout, 2 stderr; length big-endian in the last four), then data.
 * A big frame may be given in several pieces, so that nothing has to be held back.
 * @see https://docs.docker.com/reference/api/engine/version/v1.51/#tag/Container/operation/ContainerAttach
 */
export async function* demultiplex(source: AsyncIterable<Buffer>): AsyncGenerator<OutputFrame> {
  let header = Buffer.alloc(0);
  let left = 0;
  let stream: OutputFrame["stream"] = "stdout";
  for await (let chunk of source) {
    while (chunk.length > 0) {
      if (left === 0) {
        const missing = HEADER - header.length;
        header = Buffer.concat([header, chunk.subarray(0, missing)]);
        chunk = chunk.subarray(missing);
        if (header.length < HEADER) break;
        stream = header[0] === 2 ? "stderr" : "stdout";
        left = header.readUInt32BE(4);
        header = Buffer.alloc(0);
        continue;
      }
      const data = chunk.subarray(0, left);
      chunk = chunk.subarray(data.length);
      left -= data.length;
      yield { stream, data };
    }
  }
}

/** A container's output, as logs and attach give it. */
export class OutputStream {
  readonly source: Readable;
  /** False for a container with a terminal: all its bytes are stdout. */
  readonly multiplexed: boolean;

  constructor(source: Readable, multiplexed: boolean) {
    this.source = source;
    this.multiplexed = multiplexed;
  }

  /** Output in order. Ending the iteration early closes the connection. */
  async *frames(): AsyncGenerator<OutputFrame> {
    try {
      if (this.multiplexed) yield* demultiplex(this.source as AsyncIterable<Buffer>);
      else for await (const data of this.source as AsyncIterable<Buffer>) yield { stream: "stdout", data };
    } finally {
      this.source.destroy();
    }
  }

  /** Copies output until it ends, waiting whenever a target is full. The targets are not ended. */
  async copyTo(targets: { stdout?: Writable | undefined; stderr?: Writable | undefined }): Promise<void> {
    for await (const { stream, data } of this.frames()) {
      const target = targets[stream];
      if (target && !target.write(data)) await drained(target);
    }
  }
}

/** Resolves when `target` takes bytes again, also when it never will. */
export function drained(target: Writable): Promise<void> {
  return new Promise((resolve) => {
    if (target.destroyed || target.writableEnded) return resolve();
    const done = (): void => {
      for (const event of ["drain", "close", "error"]) target.off(event, done);
      resolve();
    };
    for (const event of ["drain", "close", "error"]) target.on(event, done);
  });
}

/**
 * Whether output is multiplexed: the engine's content type says so, and before API 1.42, which has no such type,
 * `tty` (the container's own setting) decides.
 */
export function isMultiplexed(headers: IncomingHttpHeaders, tty: boolean | undefined): boolean {
  const type = headers["content-type"];
  if (type === "application/vnd.docker.multiplexed-stream") return true;
  if (tty !== undefined) return !tty;
  return false;
}
