/**
 * One request and its answer. A handler reads what it needs, calls a service and answers in exactly one of four ways:
 * `json`, `empty`, a stream written to `response`, or `hijack`.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex, Readable } from "node:stream";
import { EngineError } from "../errors.ts";
import { readJsonBody } from "./json-body.ts";
import type { Struct } from "./shape.ts";
import { Query } from "./query.ts";
import type { Logger, Services } from "./services.ts";

export interface ExchangeParts {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly services: Services;
  readonly params: Readonly<Record<string, string>>;
  readonly search: string;
  /** The minor number of the API version that the client speaks: 51 of 1.51. */
  readonly version: number;
  /** Body of the request, also where the client asked for an upgrade. */
  readonly body: Readable;
  readonly hijack: (headers: Record<string, string>) => Duplex;
  readonly log: Logger;
}

export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly services: Services;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly version: number;
  readonly body: Readable;
  /** Takes the connection over; the handler has promised that no error can come any more. */
  readonly hijack: ExchangeParts["hijack"];
  /** For what goes wrong after the answer has begun. */
  readonly log: Logger;
  /** Aborted when the client goes away before it has its answer. */
  readonly signal: AbortSignal;

  constructor(parts: ExchangeParts) {
    this.request = parts.request;
    this.response = parts.response;
    this.services = parts.services;
    this.params = parts.params;
    this.query = new Query(parts.search);
    this.version = parts.version;
    this.body = parts.body;
    this.hijack = parts.hijack;
    this.log = parts.log;
    this.signal = abortWhenGone(parts.response);
  }

  /** A parameter of the path. */
  param(name: string): string {
    return this.params[name] ?? "";
  }

  /**
   * The request's JSON body, checked; an empty object when there is none.
   * @throws {EngineError} invalid with dockerd's sentence
   */
  async readJson<T>(shape: Struct<T>): Promise<Partial<T>> {
    return (await readJsonBody(this.request.headers, this.body, shape)) ?? {};
  }

  /** Like readJson, but a body has to be there. */
  async readRequiredJson<T>(shape: Struct<T>): Promise<T> {
    const value = await readJsonBody(this.request.headers, this.body, shape);
    if (value === undefined) throw new EngineError("invalid", "invalid JSON: got EOF while reading request body");
    return value;
  }

  /** Answers with JSON and a newline, as Go's encoder does. */
  json(value: unknown, status = 200): void {
    this.jsonText(JSON.stringify(value), status);
  }

  /** For JSON that holds numbers which JavaScript cannot. */
  jsonText(text: string, status = 200): void {
    const body = Buffer.from(`${text}\n`);
    this.response.writeHead(status, { "Content-Type": "application/json", "Content-Length": body.length });
    this.response.end(this.request.method === "HEAD" ? undefined : body);
  }

  empty(status: number): void {
    const headers = status === 204 || status === 304 ? {} : { "Content-Length": 0 };
    this.response.writeHead(status, headers).end();
  }
}

function abortWhenGone(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) controller.abort(new EngineError("internal", "context canceled"));
  });
  return controller.signal;
}
