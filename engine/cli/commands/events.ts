import type { TimedEvent } from "../../client/system.ts";
import { ExitError, command } from "../cli.ts";
import { FORMAT_HELP, TemplateError } from "../format.ts";
import { filter, text } from "../flags.ts";
import { compileTemplate } from "../template/execute.ts";
import { formatNanoseconds, readTimestamp } from "../time.ts";

const HELP = FORMAT_HELP.split("\n")
  .filter((line) => !line.startsWith("'table"))
  .join("\n");

export const events = command({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: {
    filter: filter("Filter output based on conditions provided", { short: "f" }),
    format: text(HELP),
    since: text("Show all events created since timestamp"),
    until: text("Stream events until this timestamp"),
  },
  async run(cli, { flags }) {
    const show = readable(() => formatter(flags.format), 64);
    // What no event has is said before there is any.
    readable(() => show(NO_EVENT), 64);
    const client = await cli.client();
    const options = {
      filters: flags.filter,
      since: readTimestamp(flags.since, cli.now()),
      until: readTimestamp(flags.until, cli.now()),
      signal: cli.signal,
    };
    for await (const event of client.system.timedEvents(options)) cli.print(readable(() => show(event), 1));
  },
});

const NO_EVENT: TimedEvent = {
  event: { Type: "", Action: "", Actor: { ID: "", Attributes: {} }, scope: "local", time: 0, timeNano: 0 },
  timeNs: 0n,
  line: "",
};

/** @throws {ExitError} in docker's words for a format that cannot be read, or not be filled in */
function readable<T>(use: () => T, status: number): T {
  try {
    return use();
  } catch (error) {
    throw error instanceof TemplateError ? new ExitError(status, `Error parsing format: ${error.message}`) : error;
  }
}

function formatter(format: string): (event: TimedEvent) => string {
  if (format === "" || format === "table") return eventLine;
  if (format === "json") return ({ line }) => line.trim();
  const template = compileTemplate(format.replaceAll("\\t", "\t").replaceAll("\\n", "\n"), { type: "*events.Message" });
  return ({ event, timeNs }) =>
    template({
      ...event,
      ID: event.Actor.ID,
      Status: event.status ?? "",
      From: event.from ?? "",
      Time: event.time,
      TimeNano: timeNs,
      Scope: event.scope,
    });
}

/** `2026-11-21T03:50:23.397196115Z container create 66d7… (image=busybox, name=evl)`. */
export function eventLine({ event, timeNs }: TimedEvent): string {
  const attributes = Object.entries(event.Actor.Attributes ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const details = attributes.length > 0 ? ` (${attributes.map(([key, value]) => `${key}=${value}`).join(", ")})` : "";
  return `${formatNanoseconds(timeNs)} ${event.Type} ${event.Action} ${event.Actor.ID}${details}`;
}
