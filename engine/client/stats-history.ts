/** What containers used over the last hours; only Berth's own engine remembers. */
import type { StatsHistoryMessage } from "../api/types/stats-history.ts";
import type { Connection } from "./connection.ts";
import type { Abortable } from "./containers.ts";
import { jsonLines } from "./streams.ts";

export class StatsHistory {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** All that is remembered, then each new sample and mark, until aborted. */
  async *follow(options: Abortable = {}): AsyncGenerator<StatsHistoryMessage> {
    yield* jsonLines<StatsHistoryMessage>(await this.#connection.stream("GET", "/berth/stats", options));
  }
}
