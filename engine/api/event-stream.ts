/** `GET /events`: what happened since, then what happens, until a moment comes or the client goes. */
import type { EngineEvent } from "../events.ts";
import { EngineError } from "../errors.ts";
import { parseMoment } from "./duration.ts";
import type { Exchange } from "./exchange.ts";
import { parseAnyFilters } from "./filters.ts";
import type { Filters } from "./filters.ts";
import { send } from "./streams.ts";
import type { EventMessage } from "./types/system.ts";

/** A client that reads so slowly that this many events wait is cut off; it can ask again with `since`. */
const LARGEST_BACKLOG = 4096;
/** setTimeout takes no more; an `until` beyond is waited for in steps. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Answers with one JSON message a line. The head is sent at once, so that a client knows when nothing can be missed. */
export async function sendEvents(exchange: Exchange): Promise<void> {
  const { query, response, services } = exchange;
  const since = momentOf(query.text("since"), "since");
  const until = momentOf(query.text("until"), "until");
  if (since !== undefined && until !== undefined && since > until)
    throw new EngineError("invalid", `\`since\` time (${query.text("since")}) cannot be after \`until\` time (${query.text("until")})`);
  const filters = parseAnyFilters(query.text("filters"));
  const wanted = (event: EngineEvent): boolean => (!until || event.timeNs <= until) && matches(event, filters);

  const waiting: EngineEvent[] = [];
  let wake = (): void => undefined;
  const stop = services.events.subscribe((event) => {
    if (!wanted(event)) return;
    waiting.push(event);
    wake();
  });
  const past =
    since === undefined && until === undefined
      ? []
      : services.events.recent().filter((event) => event.timeNs >= (since ?? 0n) && wanted(event));
  waiting.unshift(...past);
  const ended = endOf(until, exchange.signal, () => wake());
  try {
    response.writeHead(200, { "Content-Type": "application/json" }).flushHeaders();
    for (;;) {
      for (let event = waiting.shift(); event; event = waiting.shift()) {
        if (waiting.length > LARGEST_BACKLOG) return void response.destroy();
        if (!(await send(response, `${encodeEvent(event)}\n`))) return;
      }
      if (ended.now) break;
      await new Promise<void>((resolve) => (wake = resolve));
    }
    response.end();
  } finally {
    stop();
    ended.cancel();
  }
}

/** Here 0 is the beginning of time, elsewhere it is none. */
function momentOf(text: string, name: string): bigint | undefined {
  return text === "0" ? 0n : parseMoment(text, name);
}

function endOf(until: bigint | undefined, signal: AbortSignal, wake: () => void): { readonly now: boolean; cancel: () => void } {
  let timer: NodeJS.Timeout | undefined;
  let over = false;
  const end = (): void => {
    over = true;
    wake();
  };
  const wait = (): void => {
    if (until === undefined) return;
    const left = Number(until / 1_000_000n) - Date.now();
    if (left <= 0) return end();
    timer = setTimeout(wait, Math.min(left + 1, LONGEST_TIMER_MS));
  };
  signal.addEventListener("abort", end, { once: true });
  wait();
  return {
    get now() {
      return over;
    },
    cancel: () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
    },
  };
}

/** An event in Docker's shape; `timeNano` is beyond what a JavaScript number holds, so it is written as digits. */
export function encodeEvent(event: EngineEvent): string {
  const { type, action, id, attributes, timeNs } = event;
  const old = type === "container" || type === "image";
  const message: Omit<EventMessage, "timeNano"> = {
    ...(old && { status: action, id }),
    ...(type === "container" && attributes["image"] !== undefined && { from: attributes["image"] }),
    Type: type,
    Action: action,
    Actor: { ID: id, Attributes: { ...attributes } },
    scope: "local",
    time: Number(timeNs / 1_000_000_000n),
  };
  return `${JSON.stringify(message).slice(0, -1)},"timeNano":${timeNs}}`;
}

/** @see https://github.com/moby/moby/blob/v28.5.2/daemon/events/filter.go */
function matches(event: EngineEvent, filters: Filters): boolean {
  return (
    matchesAction(event, filters) &&
    filters.exact("type", event.type) &&
    filters.exact("scope", "local") &&
    filters.labels(event.attributes) &&
    matchesActor(event, filters, "container") &&
    matchesActor(event, filters, "volume") &&
    matchesActor(event, filters, "network") &&
    matchesActor(event, filters, "daemon") &&
    matchesImage(event, filters)
  );
}

/** `exec_create: sh` is found as `exec_create` and as a whole; `health_status: healthy` likewise. */
function matchesAction({ action }: EngineEvent, filters: Filters): boolean {
  return !filters.has("event") || filters.exact("event", action) || filters.exact("event", action.split(":")[0]!);
}

/** By the beginning of an id or a name; whose it is, Docker does not ask: `type` does. */
function matchesActor(event: EngineEvent, filters: Filters, type: EngineEvent["type"]): boolean {
  return !filters.has(type) || filters.prefixes(type, event.id, event.attributes["name"] ?? event.id);
}

function matchesImage(event: EngineEvent, filters: Filters): boolean {
  if (!filters.has("image")) return true;
  const names = event.type === "image" ? [event.id, event.attributes["name"]] : [event.attributes["image"]];
  const known = names.filter((name) => name !== undefined);
  return filters.exact("image", ...known, ...known.map(withoutTag));
}

function withoutTag(name: string): string {
  return name.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
}
