/**
 * Attached streams, and commands run inside a running container.
 */
import type { Duplex, Readable, Writable } from "node:stream";
import type { ExecCreateRequest, ExecInspect, ExecStartRequest } from "../api/types/container.ts";
import type { Connection } from "./connection.ts";
import type { Abortable } from "./containers.ts";
import { OutputStream, isMultiplexed } from "./streams.ts";
import { inPath } from "./names.ts";

/** A container's (or exec's) streams on one connection of their own. */
export class AttachedStream extends OutputStream {
  /** Its stdin: ending it is end of file in the container, while output goes on. */
  readonly stdin: Writable;

  constructor(socket: Duplex, multiplexed: boolean) {
    super(socket as Readable, multiplexed);
    this.stdin = socket;
  }

  /** Lets go of the container, which keeps running. */
  close(): void {
    this.source.destroy();
  }
}

export class Execs {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** @returns the exec's id */
  async create(container: string, config: ExecCreateRequest, options: Abortable = {}): Promise<string> {
    const created = await this.#connection.json<{ Id: string }>("POST", `/containers/${inPath(container, "container")}/exec`, {
      json: config,
      signal: options.signal,
    });
    return created.Id;
  }

  /** Starts it and stays attached. */
  async start(id: string, config: ExecStartRequest, options: Abortable = {}): Promise<AttachedStream> {
    const { socket, headers } = await this.#connection.hijack("POST", `/exec/${encodeURIComponent(id)}/start`, {
      json: { Detach: false, Tty: false, ...config },
      signal: options.signal,
    });
    return new AttachedStream(socket, isMultiplexed(headers, config.Tty));
  }

  /** Starts it in the background. */
  async startDetached(id: string, options: Abortable & { tty?: boolean } = {}): Promise<void> {
    const json = { Detach: true, Tty: options.tty ?? false };
    await this.#connection.done("POST", `/exec/${encodeURIComponent(id)}/start`, { json, signal: options.signal });
  }

  inspect(id: string, options: Abortable = {}): Promise<ExecInspect> {
    return this.#connection.json("GET", `/exec/${encodeURIComponent(id)}/json`, options);
  }

  async resize(id: string, size: { rows: number; columns: number }, options: Abortable = {}): Promise<void> {
    const query = { h: size.rows, w: size.columns };
    await this.#connection.done("POST", `/exec/${encodeURIComponent(id)}/resize`, { query, signal: options.signal });
  }
}
