/**
 * What containers printed, merged by time: first all that there is, then what comes. Follows a container by its name and a project
 * by its label, so restarts, removals and replacements do not end it.
 */
import type { ContainerSummary } from "../../engine/api/types/container.ts";
import type { DockerClient } from "../../engine/client/client.ts";
import type { LogRecord, LogsState } from "../../webviews/protocol.ts";
import type { Engine } from "../engine/engine.ts";
import { containerName, PROJECT_LABEL, SERVICE_LABEL } from "../tree/container.ts";
import { parseStampedLines } from "./stamped.ts";

/** A message of this many lines is read while the next one is made. */
const CHUNK = 5000;
/** Lines of several containers that come within this time are put in order. */
const MERGE_MS = 50;

export interface LogListener {
  sources(names: readonly string[]): void;
  lines(lines: readonly LogRecord[]): void;
  note(text: string): void;
  caughtUp(): void;
}

export interface LogFeedOptions {
  readonly subject: LogsState;
  /** Most lines of a container that are read back. */
  readonly tail: number;
  readonly signal: AbortSignal;
  readonly words: { readonly stopped: (name: string) => string; readonly removed: (name: string) => string };
}

export class LogFeed {
  readonly #engine: Engine;
  readonly #options: LogFeedOptions;
  readonly #listener: LogListener;
  readonly #names: string[] = [];
  readonly #following = new Set<string>();
  /** Time of the last line of a container, so that a new stream goes on behind it. */
  readonly #last = new Map<string, string>();
  #waiting: LogRecord[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(engine: Engine, listener: LogListener, options: LogFeedOptions) {
    this.#engine = engine;
    this.#listener = listener;
    this.#options = options;
  }

  /** Ends when the signal does. */
  async run(): Promise<void> {
    const { signal } = this.#options;
    const client = await this.#engine.client();
    const containers = await this.#containers(client);
    const until = String(Date.now() / 1000);
    const histories = await Promise.all(containers.map((container) => this.#history(client, container, until)));
    const all = histories.length === 1 ? histories[0]! : histories.flat().toSorted(byTime);
    for (let at = 0; at < all.length && !signal.aborted; at += CHUNK) {
      this.#listener.lines(all.slice(at, at + CHUNK));
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#listener.caughtUp();
    const again = (): void => void this.#followAll().catch(() => {});
    const subscriptions = [
      this.#engine.onDidHappen(({ Type, Action, Actor }) => {
        if (Type !== "container") return;
        if (Action === "start") again();
        const name = Actor.Attributes["name"] ?? "";
        if (Action === "destroy" && this.#last.has(Actor.ID)) this.#listener.note(this.#options.words.removed(name));
      }),
      this.#engine.onDidChangeState(({ kind }) => {
        if (kind === "running") again();
      }),
    ];
    again();
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    clearTimeout(this.#timer);
    for (const subscription of subscriptions) subscription.dispose();
  }

  async #containers(client: DockerClient): Promise<ContainerSummary[]> {
    const { subject, signal } = this.#options;
    const labels = [
      ...(subject.project ? [`${PROJECT_LABEL}=${subject.project}`] : []),
      ...(subject.service ? [`${SERVICE_LABEL}=${subject.service}`] : []),
    ];
    if (subject.project) return client.containers.list({ all: true, filters: { label: labels }, signal });
    // Under the same name a new container goes on where the old one was.
    const all = await client.containers.list({ all: true, signal });
    return all.filter((container) => container.Id === subject.id || containerName(container) === subject.name);
  }

  #source(container: ContainerSummary): number {
    const { Labels } = container;
    const number = Labels["com.docker.compose.container-number"];
    const service = Labels[SERVICE_LABEL];
    const name =
      this.#options.subject.project && service ? (number && number !== "1" ? `${service}-${number}` : service) : containerName(container);
    const found = this.#names.indexOf(name);
    if (found >= 0) return found;
    this.#names.push(name);
    this.#listener.sources(this.#names);
    return this.#names.length - 1;
  }

  async #history(client: DockerClient, container: ContainerSummary, until: string): Promise<LogRecord[]> {
    const records: LogRecord[] = [];
    await this.#read(client, container, { tail: String(this.#options.tail), until, each: (lines) => void records.push(...lines) });
    return records;
  }

  async #followAll(): Promise<void> {
    const client = await this.#engine.client();
    for (const container of await this.#containers(client)) if (container.State === "running") void this.#follow(client, container);
  }

  async #follow(client: DockerClient, container: ContainerSummary): Promise<void> {
    const { Id } = container;
    if (this.#following.has(Id)) return;
    this.#following.add(Id);
    try {
      await this.#read(client, container, { follow: true, each: (lines) => this.#merge(lines) });
      if (!this.#options.signal.aborted) this.#listener.note(this.#options.words.stopped(containerName(container)));
    } catch {
      // The engine or the container has gone: both tell when they are back.
    } finally {
      this.#following.delete(Id);
    }
    // A restart may have come before the end of the stream was seen.
    if (!this.#options.signal.aborted && this.#engine.state.kind === "running") await this.#followAll().catch(() => {});
  }

  #merge(lines: readonly LogRecord[]): void {
    this.#waiting.push(...lines);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const sorted = this.#waiting.toSorted(byTime);
      this.#waiting = [];
      if (!this.#options.signal.aborted) this.#listener.lines(sorted);
    }, MERGE_MS);
  }

  async #read(client: DockerClient, container: ContainerSummary, options: ReadOptions): Promise<void> {
    const { Id } = container;
    const { signal } = this.#options;
    const source = this.#source(container);
    const { Config } = await client.containers.inspect(Id, { signal });
    const last = this.#last.get(Id);
    const { follow = false, until } = options;
    // `since` takes the line itself again: it is left out below.
    const tail = last === undefined ? (options.tail ?? String(this.#options.tail)) : undefined;
    const logs = await client.containers.logs(Id, { follow, until, timestamps: true, tail, since: last, tty: Config.Tty ?? false, signal });
    const rest = { stdout: "", stderr: "" };
    const text = { stdout: new TextDecoder(), stderr: new TextDecoder() };
    for await (const { stream, data } of logs.frames()) {
      const { lines, unfinished } = parseStampedLines(rest[stream] + text[stream].decode(data, { stream: true }));
      rest[stream] = unfinished;
      const fresh = last === undefined ? lines : lines.filter(({ time }) => time > last);
      if (fresh.length === 0) continue;
      const newest = fresh.at(-1)!.time;
      if (newest > (this.#last.get(Id) ?? "")) this.#last.set(Id, newest);
      options.each(fresh.map((line) => ({ source, stream, ...line })));
    }
  }
}

interface ReadOptions {
  readonly follow?: boolean;
  readonly tail?: string;
  readonly until?: string;
  readonly each: (lines: LogRecord[]) => void;
}

/** Stamps of one engine have one form, so their order is that of their text; equal ones keep theirs. */
function byTime(a: LogRecord, b: LogRecord): number {
  return a.time < b.time ? -1 : a.time > b.time ? 1 : 0;
}
