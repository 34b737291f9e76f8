/**
 * The engine itself: what it is, what it uses, what happens in it.
 */
import type { ContainerSummary } from "../api/types/container.ts";
import type { AuthConfig, ImageSummary } from "../api/types/image.ts";
import type { EventMessage, SystemInfo, VersionResponse } from "../api/types/system.ts";
import type { Volume } from "../api/types/volume.ts";
import { encodeFilters } from "./connection.ts";
import type { Connection, Filters } from "./connection.ts";
import type { Abortable } from "./containers.ts";
import { jsonLines } from "./streams.ts";

export interface BuildCacheEntry {
  ID: string;
  Parents?: string[] | null;
  Type: string;
  Description: string;
  InUse: boolean;
  Shared: boolean;
  Size: number;
  CreatedAt: string;
  LastUsedAt: string | null;
  UsageCount: number;
}

/** Answer of `GET /system/df`; sizes in bytes. */
export interface DiskUsage {
  LayersSize?: number;
  Images?: ImageSummary[] | null;
  Containers?: ContainerSummary[] | null;
  Volumes?: Volume[] | null;
  BuildCache?: BuildCacheEntry[] | null;
}

export interface EventOptions extends Abortable {
  /** Unix time with an optional fraction, RFC 3339, or a duration before now. */
  readonly since?: string | undefined;
  /** The stream ends there; without it, it never ends. */
  readonly until?: string | undefined;
  readonly filters?: Filters;
}

/** An event with its exact time, which a double cannot hold. */
export interface TimedEvent {
  readonly event: EventMessage;
  readonly timeNs: bigint;
  /** As the engine wrote it. */
  readonly line: string;
}

export class System {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Whether an engine answers. @throws {ConnectionError} */
  async ping(options: Abortable = {}): Promise<void> {
    await this.#connection.done("HEAD", "/_ping", options);
  }

  version(options: Abortable = {}): Promise<VersionResponse> {
    return this.#connection.json("GET", "/version", options);
  }

  info(options: Abortable = {}): Promise<SystemInfo> {
    return this.#connection.json("GET", "/info", options);
  }

  diskUsage(options: Abortable & { types?: readonly string[] } = {}): Promise<DiskUsage> {
    return this.#connection.json("GET", "/system/df", { query: { type: options.types }, signal: options.signal });
  }

  /** Checks credentials with their registry. */
  login(auth: AuthConfig, options: Abortable = {}): Promise<{ Status: string; IdentityToken?: string }> {
    return this.#connection.json("POST", "/auth", { json: auth, signal: options.signal });
  }

  /** What happens from now on (or `since`), in order, until aborted or `until`. */
  async *events(options: EventOptions = {}): AsyncGenerator<EventMessage> {
    for await (const { event } of this.timedEvents(options)) yield event;
  }

  /** Like events, with exact times. */
  async *timedEvents(options: EventOptions = {}): AsyncGenerator<TimedEvent> {
    const query = { filters: encodeFilters(options.filters), since: options.since, until: options.until };
    const response = await this.#connection.stream("GET", "/events", { query, signal: options.signal });
    let line = "";
    for await (const event of jsonLines<EventMessage>(response, (text) => (line = text)))
      yield { event, timeNs: exactTime(line, event), line };
  }
}

/** Inside JSON text a quote of a value is escaped, so only the field itself can match. */
function exactTime(line: string, event: EventMessage): bigint {
  const digits = /"timeNano":\s*(\d+)/.exec(line)?.[1];
  return digits ? BigInt(digits) : BigInt(event.time) * 1_000_000_000n;
}
