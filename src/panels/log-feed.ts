/**
 * What containers printed, merged by time: first all that there is, then what comes. Follows a container by its name and a project
 * by its label, so restarts, removals and replacements do not end it. Nothing is held but the last lines of each container.
 */
import type { ContainerSummary } from "../../engine/api/types/container.ts";
import type { DockerClient } from "../../engine/client/client.ts";
import type { LogsState } from "../../webviews/protocol.ts";
import type { Engine } from "../engine/engine.ts";
import type { EngineState } from "../engine/state.ts";
import { containerName, PROJECT_LABEL, SERVICE_LABEL } from "../tree/container.ts";
import { inOrder, mergeByTime } from "./log-merge.ts";
import type { LogBatch } from "./log-merge.ts";
import type { RemovedLogs } from "./removed-logs.ts";
import { StampedLines, timeOf } from "./stamped.ts";

/** Lines of a message: few at first, so that something is seen at once. */
const FIRST_LINES = 500;
const MOST_LINES = 5000;
/** Lines of several containers that come within this time are put in order. */
const MERGE_MS = 50;
/** Last lines of a container that are kept when it is removed. */
const KEPT_LINES = 10_000;

export interface LogListener {
  sources(names: readonly string[]): void;
  /** Resolves when more can be taken. */
  lines(batch: LogBatch): PromiseLike<unknown>;
  note(text: string): void;
  caughtUp(): void;
}

export interface LogFeedOptions {
  readonly subject: LogsState;
  /** Most lines of a container that are read back. */
  readonly tail: number;
  readonly removed: RemovedLogs;
  readonly signal: AbortSignal;
  readonly words: {
    readonly stopped: (name: string) => string;
    readonly removed: (name: string) => string;
    readonly lost: () => string;
    readonly back: () => string;
  };
}

/** What is known of a container that was read. */
interface Followed {
  readonly source: number;
  /** Stamp of its last line, so that a new stream goes on behind it. */
  last?: string;
  /** Its last lines. */
  lines: string[];
  marks: number[];
}

export class LogFeed {
  readonly #engine: Engine;
  readonly #options: LogFeedOptions;
  readonly #listener: LogListener;
  readonly #names: string[] = [];
  readonly #following = new Set<string>();
  readonly #followed = new Map<string, Followed>();
  /** Containers that were running when their past was read: what they printed since is still to come, also when they have ended. */
  readonly #unfinished = new Set<string>();
  #waiting: { lines: string[]; marks: number[] } = { lines: [], marks: [] };
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<void> = Promise.resolve();
  #caughtUp = false;
  #lost = false;

  constructor(engine: Engine, listener: LogListener, options: LogFeedOptions) {
    this.#engine = engine;
    this.#listener = listener;
    this.#options = options;
  }

  /** Ends when the signal does. What was missed while the engine was away comes when it is back. */
  async run(): Promise<void> {
    const { signal } = this.#options;
    const subscriptions = [
      this.#engine.onDidHappen(({ Type, Action, Actor }) => {
        if (Type !== "container") return;
        if (Action === "start" && this.#caughtUp) void this.#followAll().catch(() => {});
        if (Action === "destroy") this.#removed(Actor.ID, Actor.Attributes["name"] ?? "");
      }),
      this.#engine.onDidChangeState(({ kind }) => this.#changed(kind)),
    ];
    const closed = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    try {
      await this.#catchUp();
      await closed;
    } finally {
      clearTimeout(this.#timer);
      for (const subscription of subscriptions) subscription.dispose();
    }
  }

  #changed(kind: EngineState["kind"]): void {
    const { words } = this.#options;
    if (kind !== "running" && !this.#lost && this.#caughtUp) {
      this.#lost = true;
      this.#listener.note(words.lost());
    } else if (kind === "running" && this.#lost) {
      this.#lost = false;
      this.#listener.note(words.back());
    }
    if (kind === "running") void this.#catchUp().catch(() => {});
  }

  /** Reads what is there, in order of time, and then follows. */
  #catchUp(): Promise<void> {
    return this.#next(async () => {
      await this.#history(await this.#engine.client());
      if (this.#options.signal.aborted) return;
      if (!this.#caughtUp) this.#listener.caughtUp();
      this.#caughtUp = true;
      // What fails now is tried again when the engine is back.
      await this.#startFollowing().catch(() => {});
    });
  }

  #followAll(): Promise<void> {
    return this.#next(() => this.#startFollowing());
  }

  /** One after another: what is being read is not followed as well, so that no line comes twice. */
  #next(work: () => Promise<void>): Promise<void> {
    this.#reading = this.#reading.catch(() => {}).then(work);
    return this.#reading;
  }

  /** All that there is of containers that exist, and of those that were removed while they were followed. */
  async #history(client: DockerClient): Promise<void> {
    const { removed, signal } = this.#options;
    const containers = await this.#containers(client);
    for (const container of containers) if (mayPrint(container)) this.#unfinished.add(container.Id);
    // What a container prints meanwhile is followed. Another machine's clock may be another one.
    const now = this.#engine.own ? String(Date.now() / 1000) : undefined;
    const gone = this.#caughtUp ? [] : (await removed.read()).filter(({ id }) => containers.every(({ Id }) => Id !== id));
    const streams = [
      ...gone.map(({ source, lines, marks }) => {
        const index = this.#sourceNamed(source);
        return [{ lines, marks: marks.map((mark) => index * 2 + (mark & 1)) }].values();
      }),
      ...containers
        .filter(({ Id }) => !this.#following.has(Id))
        .map((container) => this.#past(client, container, mayPrint(container) ? now : undefined)),
    ];
    for await (const batch of mergeByTime(streams)) {
      if (signal.aborted) return;
      await this.#listener.lines(batch);
    }
  }

  async *#past(client: DockerClient, container: ContainerSummary, until: string | undefined): AsyncGenerator<LogBatch> {
    let [lines, marks, most]: [string[], number[], number] = [[], [], FIRST_LINES];
    try {
      for await (const piece of this.#read(client, container, { until })) {
        for (const line of piece.lines) {
          lines.push(line);
          marks.push(piece.mark);
        }
        if (lines.length < most) continue;
        yield { lines, marks };
        [lines, marks, most] = [[], [], MOST_LINES];
      }
    } catch {
      // The engine or the container has gone: what was read is shown, and what comes behind it when the engine is back.
    }
    if (lines.length > 0) yield { lines, marks };
  }

  #removed(id: string, name: string): void {
    const followed = this.#followed.get(id);
    if (!followed) return;
    const { source, lines, marks } = followed;
    const { removed, signal, words } = this.#options;
    // Told when they are kept: whoever has read it may reload the window.
    const tell = (): void => void (!signal.aborted && this.#listener.note(words.removed(name)));
    void removed.keep({ id, source: this.#names[source]!, lines, marks }).then(tell, tell);
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

  #followedOf(container: ContainerSummary): Followed {
    const present = this.#followed.get(container.Id);
    if (present) return present;
    const { Labels } = container;
    const number = Labels["com.docker.compose.container-number"];
    const service = this.#options.subject.project ? Labels[SERVICE_LABEL] : undefined;
    const name = service ? (number && number !== "1" ? `${service}-${number}` : service) : containerName(container);
    const made = { source: this.#sourceNamed(name), lines: [], marks: [] };
    this.#followed.set(container.Id, made);
    return made;
  }

  #sourceNamed(name: string): number {
    const found = this.#names.indexOf(name);
    if (found >= 0) return found;
    this.#names.push(name);
    this.#listener.sources(this.#names);
    return this.#names.length - 1;
  }

  async #startFollowing(): Promise<void> {
    const client = await this.#engine.client();
    for (const container of await this.#containers(client))
      if (mayPrint(container) || this.#unfinished.has(container.Id)) void this.#follow(client, container);
    this.#unfinished.clear();
  }

  async #follow(client: DockerClient, container: ContainerSummary): Promise<void> {
    const { Id } = container;
    if (this.#following.has(Id)) return;
    this.#following.add(Id);
    try {
      for await (const { lines, mark } of this.#read(client, container, { follow: true })) this.#merge(lines, mark);
      if (!this.#options.signal.aborted) this.#listener.note(this.#options.words.stopped(containerName(container)));
    } catch {
      // The engine or the container has gone: both tell when they are back.
    } finally {
      this.#following.delete(Id);
    }
    // A restart may have come before the end of the stream was seen.
    if (!this.#options.signal.aborted && this.#engine.state.kind === "running") await this.#followAll().catch(() => {});
  }

  #merge(lines: readonly string[], mark: number): void {
    for (const line of lines) {
      this.#waiting.lines.push(line);
      this.#waiting.marks.push(mark);
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const batch = inOrder(this.#waiting);
      this.#waiting = { lines: [], marks: [] };
      if (!this.#options.signal.aborted) this.#listener.lines(batch);
    }, MERGE_MS);
  }

  /** Whole lines as they come, behind those that were read before. */
  async *#read(client: DockerClient, container: ContainerSummary, { follow = false, until }: ReadOptions): AsyncGenerator<Piece> {
    const { Id } = container;
    const { signal } = this.#options;
    const followed = this.#followedOf(container);
    const { last } = followed;
    const { Config } = await client.containers.inspect(Id, { signal });
    // `since` takes the line itself again: it is left out below.
    const tail = last === undefined ? String(this.#options.tail) : undefined;
    const logs = await client.containers.logs(Id, { follow, until, timestamps: true, tail, since: last, tty: Config.Tty ?? false, signal });
    const streams = { stdout: new StampedLines(), stderr: new StampedLines() };
    const take = (stream: "stdout" | "stderr", lines: readonly string[]): Piece | undefined => {
      const fresh = last === undefined ? lines : lines.filter((line) => timeOf(line) > last);
      if (fresh.length === 0) return undefined;
      const mark = followed.source * 2 + (stream === "stderr" ? 1 : 0);
      remember(followed, { lines: fresh, mark }, streams[stream].last);
      return { lines: fresh, mark };
    };
    for await (const { stream, data } of logs.frames()) {
      const piece = take(stream, streams[stream].push(data));
      if (piece) yield piece;
    }
    // What has ended ended its last line as well; what runs may go on with it.
    if (!follow && mayPrint(container)) return;
    for (const stream of ["stdout", "stderr"] as const) {
      const line = streams[stream].end();
      const piece = line === undefined ? undefined : take(stream, [line]);
      if (piece) yield piece;
    }
  }
}

interface ReadOptions {
  readonly follow?: boolean;
  readonly until?: string | undefined;
}

/** Lines of one stream of one container. */
interface Piece {
  readonly lines: readonly string[];
  readonly mark: number;
}

/** A paused one goes on one day. */
function mayPrint({ State }: ContainerSummary): boolean {
  return State === "running" || State === "paused";
}

/** @param newest time of what was read */
function remember(followed: Followed, { lines, mark }: Piece, newest: string): void {
  for (const line of lines) {
    followed.lines.push(line);
    followed.marks.push(mark);
  }
  if (newest > (followed.last ?? "")) followed.last = newest;
  if (followed.lines.length < 2 * KEPT_LINES) return;
  followed.lines = followed.lines.slice(-KEPT_LINES);
  followed.marks = followed.marks.slice(-KEPT_LINES);
}
