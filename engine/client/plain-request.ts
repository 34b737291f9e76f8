/**
 * A request whose answer ends with its connection, as HTTP/1.0 has it. To load `node:http` and run it for one request takes longer
 * than a build in which nothing is new.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1945#section-7.2.2
 */
import type { Duplex } from "node:stream";
import type { Endpoint } from "./endpoint.ts";
import { ClientError, ConnectionError, endedEarly, messageOf } from "./errors.ts";

const HEAD_ENDS = "\r\n\r\n";

export interface PlainCall {
  readonly headers: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json: unknown;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Posts to an endpoint without TLS. Ending the iteration early closes the connection.
 *
 * @returns the body of the answer; whether it is whole only what it says can tell
 * @throws {ClientError} for status ≥ 400
 * @throws {ConnectionError} when there is no engine, or none any more
 */
export async function* post(endpoint: Endpoint, path: string, call: PlainCall): AsyncGenerator<Buffer> {
  const { signal } = call;
  signal?.throwIfAborted();
  const socket = endpoint.dial();
  const abort = (): void => void socket.destroy();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    socket.write(requestText(path, call));
    yield* bodyOf(socket, path);
    signal?.throwIfAborted();
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw error instanceof ClientError ? error : new ConnectionError(endpoint.url, error);
  } finally {
    signal?.removeEventListener("abort", abort);
    socket.destroy();
  }
}

function requestText(path: string, { headers, json }: PlainCall): string {
  const body = JSON.stringify(json);
  const all = { ...headers, "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${path} HTTP/1.0\r\n${lines.join("")}\r\n${body}`;
}

async function* bodyOf(socket: Duplex, path: string): AsyncGenerator<Buffer> {
  let head: Buffer | undefined = Buffer.alloc(0);
  let status = 0;
  const refusal: Buffer[] = [];
  for await (let chunk of socket as AsyncIterable<Buffer>) {
    if (head) {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf(HEAD_ENDS);
      if (end < 0) continue;
      status = Number(head.toString("latin1", 0, end).split(" ", 2)[1]);
      chunk = head.subarray(end + HEAD_ENDS.length);
      head = undefined;
    }
    if (status >= 400) refusal.push(chunk);
    else if (chunk.length > 0) yield chunk;
  }
  if (head) throw endedEarly();
  if (status < 400) return;
  const text = messageOf(Buffer.concat(refusal).toString().trim());
  throw new ClientError(status, text || `request returned status ${status} for API route and version ${path}`);
}
