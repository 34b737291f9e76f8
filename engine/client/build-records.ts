/**
 * What builds did and would do: `/berth/builds` of our own engine. Other engines answer with status 404.
 *
 *     for await (const event of client.buildRecords.progress("latest", { signal })) …
 *     const shell = await client.buildRecords.shell(id, "0.3", { Tty: true, ConsoleSize: [rows, columns] });
 */
import { buffer, text } from "node:stream/consumers";
import type { Readable } from "node:stream";
import type {
  BuildProgress,
  BuildRecord,
  PredictRequest,
  Prediction,
  StepChange,
  StepEnvironment,
  StepFile,
  StepShell,
  StepShellRequest,
} from "../api/types/builds.ts";
import type { Connection } from "./connection.ts";
import type { Abortable } from "./containers.ts";
import { AttachedStream } from "./exec.ts";
import { isMultiplexed, jsonLines } from "./streams.ts";

/** A shell in a step: its streams, and the id for resizing and for its exit code. */
export interface AttachedShell {
  readonly id: string;
  readonly stream: AttachedStream;
}

/** Every id of a build may be the beginning of one, or `latest`. */
export class BuildRecords {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Newest first; the running ones are among them. */
  list(options: Abortable = {}): Promise<BuildRecord[]> {
    return this.#connection.json("GET", "/berth/builds", options);
  }

  get(id: string, options: Abortable = {}): Promise<BuildRecord> {
    return this.#connection.json("GET", buildPath(id), options);
  }

  /** Each build that runs now, then each that begins and each that has ended, until `signal` is aborted. */
  async *watch(options: Abortable = {}): AsyncGenerator<BuildRecord> {
    yield* jsonLines<BuildRecord>(await this.#connection.stream("GET", "/berth/builds/watch", options));
  }

  /** Everything that a build has told and, while it runs, tells; the last is `finish`. */
  async *progress(id: string, options: Abortable = {}): AsyncGenerator<BuildProgress> {
    yield* jsonLines<BuildProgress>(await this.#connection.stream("GET", buildPath(id, "/progress"), options));
  }

  async remove(id: string, options: Abortable = {}): Promise<void> {
    await this.#connection.done("DELETE", buildPath(id), options);
  }

  /** The Dockerfile's text as it was built. */
  async dockerfile(id: string, options: Abortable = {}): Promise<string> {
    return text(await this.#connection.stream("GET", buildPath(id, "/dockerfile"), options));
  }

  /** What a step printed, at most its last megabyte; with `follow` it ends when the step does. */
  log(id: string, step: string, { signal, follow }: Abortable & { follow?: boolean } = {}): Promise<Readable> {
    return this.#connection.stream("GET", stepPath(id, step, "log"), { query: { follow }, signal });
  }

  environment(id: string, step: string, options: Abortable = {}): Promise<StepEnvironment> {
    return this.#connection.json("GET", stepPath(id, step, "environment"), options);
  }

  /** What a directory holds after a step, in byte order. */
  files(id: string, step: string, { path, signal }: Abortable & { path: string }): Promise<StepFile[]> {
    return this.#connection.json("GET", stepPath(id, step, "files"), { query: { path }, signal });
  }

  async readFile(id: string, step: string, { path, signal }: Abortable & { path: string }): Promise<Buffer> {
    return buffer(await this.#connection.stream("GET", stepPath(id, step, "file"), { query: { path }, signal }));
  }

  /** What a step changed, in path order. */
  changes(id: string, step: string, options: Abortable = {}): Promise<StepChange[]> {
    return this.#connection.json("GET", stepPath(id, step, "changes"), options);
  }

  /** Starts a shell in the step's exact environment. */
  async shell(id: string, step: string, { signal, ...request }: StepShellRequest & Abortable = {}): Promise<AttachedShell> {
    const { socket, headers } = await this.#connection.hijack("POST", stepPath(id, step, "shell"), { json: request, signal });
    const stream = new AttachedStream(socket, isMultiplexed(headers, request.Tty));
    return { id: String(headers["berth-shell"]), stream };
  }

  async resizeShell(shell: string, size: { rows: number; columns: number }, { signal }: Abortable = {}): Promise<void> {
    const query = { h: size.rows, w: size.columns };
    await this.#connection.done("POST", `/berth/builds/shells/${encodeURIComponent(shell)}/resize`, { query, signal });
  }

  inspectShell(shell: string, options: Abortable = {}): Promise<StepShell> {
    return this.#connection.json("GET", `/berth/builds/shells/${encodeURIComponent(shell)}`, options);
  }

  /** What a build would run, and why, without building. */
  predict({ signal, ...request }: PredictRequest & Abortable): Promise<Prediction> {
    return this.#connection.json("POST", "/berth/builds/predict", { json: request, signal });
  }
}

function buildPath(id: string, below = ""): string {
  return `/berth/builds/${encodeURIComponent(id)}${below}`;
}

function stepPath(id: string, step: string, what: string): string {
  return buildPath(id, `/steps/${encodeURIComponent(step)}/${what}`);
}
