/**
 * Sessions: connections over which the engine calls the client, for its files, secrets, agents and logins. They begin as
 * `POST /session`, or inside of Control.Session.
 */
import { connect } from "node:http2";
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from "node:http2";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { CANCELED, Deframer, frame, GrpcError, metadataHeaders, trailersError, UNAVAILABLE } from "./grpc.ts";
import type { Metadata } from "./grpc.ts";
import type { Message } from "./wire.ts";

const HEADER = "x-docker-expose-session-";

/** A call that the engine makes on a session. */
export class ClientCall {
  readonly stream: ClientHttp2Stream;
  readonly #closed: Promise<void>;

  constructor(stream: ClientHttp2Stream) {
    this.stream = stream;
    let status: IncomingHttpHeaders | undefined;
    const keep = (headers: IncomingHttpHeaders): void => {
      if (headers["grpc-status"] !== undefined) status = headers;
    };
    stream.on("response", keep).on("trailers", keep);
    this.#closed = new Promise((resolve, reject) => {
      stream.on("error", () => undefined);
      stream.once("close", () => {
        const error = status ? trailersError(status) : new GrpcError(UNAVAILABLE, "the client's session has ended");
        if (error) reject(error);
        else resolve();
      });
    });
    this.#closed.catch(() => undefined);
  }

  async send(data: Buffer): Promise<void> {
    if (this.stream.destroyed) return this.#closed;
    if (this.stream.write(frame(data))) return;
    await Promise.race([once(this.stream, "drain"), once(this.stream, "close")]).catch(() => undefined);
  }

  end(): void {
    this.stream.end();
  }

  /** What the client answers; throws the client's error at the end. */
  async *messages(): AsyncGenerator<Buffer> {
    const deframer = new Deframer();
    try {
      for await (const chunk of this.stream) yield* deframer.push(chunk as Buffer);
    } catch (error) {
      if (!this.stream.destroyed) throw error;
    }
    // Reading ends before the trailers have been told.
    await this.#closed;
  }

  cancel(): void {
    this.stream.close();
  }
}

export class Session {
  readonly id: string;
  /** The same for builds of one directory, by one client. */
  readonly sharedKey: string;
  /** Paths of what the client answers. */
  readonly methods: ReadonlySet<string>;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
  readonly #connection: ClientHttp2Session;

  constructor(id: string, connection: ClientHttp2Session, metadata: Metadata) {
    this.id = id;
    this.#connection = connection;
    this.sharedKey = metadata.get(`${HEADER}sharedkey`)?.[0] ?? "";
    this.methods = new Set(metadata.get(`${HEADER}grpc-method`) ?? []);
    const gone = new AbortController();
    this.signal = gone.signal;
    connection.once("close", () => gone.abort(new GrpcError(CANCELED, "context canceled")));
  }

  /** @throws {GrpcError} unavailable when the client has gone */
  call(path: string, metadata: Readonly<Record<string, readonly string[]>> = {}): ClientCall {
    if (this.#connection.closed || this.#connection.destroyed) throw new GrpcError(UNAVAILABLE, "the client's session has ended");
    const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers", "user-agent": "berth" };
    return new ClientCall(this.#connection.request({ ...headers, ...metadataHeaders(metadata) }, { endStream: false }));
  }

  /** One request, one answer. @throws {GrpcError} the client's */
  async ask<Q, A>(path: string, types: { request: Message<Q>; answer: Message<A> }, value: Partial<Q>): Promise<A> {
    const call = this.call(path);
    await call.send(types.request.encode(value));
    call.end();
    let answer: A | undefined;
    for await (const data of call.messages()) answer = types.answer.decode(data);
    if (!answer) throw new GrpcError(UNAVAILABLE, `no answer to ${path}`);
    return answer;
  }
}

/** Reading a whole context must not wait for the engine to say that it may go on. */
const STREAM_WINDOW = 8 << 20;
const CONNECTION_WINDOW = 16 << 20;
/** .dockerignore travels in headers, a line each. */
const LARGEST_HEADERS = 1 << 20;

export function openSession(socket: Duplex, id: string, metadata: Metadata): Session {
  const connection = connect("http://localhost", {
    createConnection: () => socket,
    maxSendHeaderBlockLength: LARGEST_HEADERS,
    settings: { initialWindowSize: STREAM_WINDOW, enablePush: false },
  });
  connection.on("error", () => undefined);
  connection.once("connect", () => connection.setLocalWindowSize(CONNECTION_WINDOW));
  socket.once("close", () => connection.destroy());
  return new Session(id, connection, metadata);
}

export function sessionId(metadata: Metadata): string | undefined {
  return metadata.get(`${HEADER}uuid`)?.[0];
}
