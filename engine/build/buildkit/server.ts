/** The engine as a gRPC server on a connection that came in as HTTP/1.1: `POST /grpc` with `Upgrade: h2c`. */
import { performServerHandshake } from "node:http2";
import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { CANCELED, Deframer, errorTrailers, frame, GrpcError, readMetadata, UNIMPLEMENTED } from "./grpc.ts";
import type { Metadata } from "./grpc.ts";
import type { Message } from "./wire.ts";

/** A call that a client has begun. */
export class ServerCall {
  readonly path: string;
  readonly metadata: Metadata;
  readonly stream: ServerHttp2Stream;
  /** Aborted when the client resets the call or its connection ends before the answer has. */
  readonly signal: AbortSignal;
  #failure: unknown;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, metadata: Metadata) {
    this.stream = stream;
    this.path = String(headers[":path"]);
    this.metadata = metadata;
    const gone = new AbortController();
    this.signal = gone.signal;
    stream.on("error", () => undefined);
    stream.once("close", () => gone.abort(new GrpcError(CANCELED, "context canceled")));
  }

  async *messages(): AsyncGenerator<Buffer> {
    const deframer = new Deframer();
    for await (const chunk of this.stream) yield* deframer.push(chunk as Buffer);
  }

  /** Sends the headers, which a client may wait for. */
  open(): void {
    if (this.stream.headersSent || this.#isGone) return;
    this.stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    this.stream.once("wantTrailers", () => {
      this.stream.sendTrailers(this.#failure === undefined ? { "grpc-status": "0" } : errorTrailers(this.#failure));
    });
  }

  async send(data: Buffer): Promise<void> {
    this.open();
    if (this.#isGone || this.stream.write(frame(data))) return;
    await Promise.race([once(this.stream, "drain"), once(this.stream, "close")]).catch(() => undefined);
  }

  /** Answering a call that the client has ended would throw. */
  get #isGone(): boolean {
    return this.stream.destroyed || this.stream.closed;
  }

  end(): void {
    this.open();
    this.stream.end();
  }

  fail(error: unknown): void {
    if (this.#isGone) return;
    if (!this.stream.headersSent) {
      this.stream.respond({ ":status": 200, "content-type": "application/grpc", ...errorTrailers(error) }, { endStream: true });
      return;
    }
    this.#failure = error;
    this.stream.end();
  }
}

export type Method = (call: ServerCall) => Promise<void>;

/** A method with one request and one answer. */
export function unary<Q, A>(
  request: Message<Q>,
  answer: Message<A>,
  handle: (request: Q, call: ServerCall) => Promise<Partial<A>> | Partial<A>,
): Method {
  return async (call) => {
    const result = await handle(request.decode(await only(call)), call);
    await call.send(answer.encode(result));
    call.end();
  };
}

/** A method with one request and any number of answers. */
export function streaming<Q, A>(
  request: Message<Q>,
  answer: Message<A>,
  handle: (request: Q, call: ServerCall) => AsyncIterable<Partial<A>>,
): Method {
  return async (call) => {
    const asked = request.decode(await only(call));
    call.open();
    for await (const each of handle(asked, call)) await call.send(answer.encode(each));
    call.end();
  };
}

async function only(call: ServerCall): Promise<Buffer> {
  let found: Buffer | undefined;
  for await (const each of call.messages()) found ??= each;
  if (!found) throw new GrpcError(UNIMPLEMENTED, "the call has no message");
  return found;
}

/** Answers calls until the connection ends. */
export function serveGrpc(socket: Duplex, methods: ReadonlyMap<string, Method>): void {
  const session = performServerHandshake(socket, { settings: { initialWindowSize: 1 << 20 } });
  // A client that just closes its connection is an error to Node, and nothing to anybody else.
  session.on("error", () => undefined);
  session.on("close", () => socket.destroy());
  session.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, raw: string[]) => {
    const call = new ServerCall(stream, headers, readMetadata(raw));
    const method = methods.get(call.path);
    if (!method) return call.fail(new GrpcError(UNIMPLEMENTED, `unknown service or method ${call.path}`));
    void method(call).catch((error: unknown) => call.fail(error));
  });
}
