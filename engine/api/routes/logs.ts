/** A container's output as it was logged. */
import { EngineError } from "../../errors.ts";
import type { ContainerRecord, LogLine, LogOptions } from "../../containers/containers.ts";
import { logNotes } from "../../containers/log-notes.ts";
import { nanosecondTime, parseMoment } from "../duration.ts";
import type { Exchange } from "../exchange.ts";
import type { Route } from "../router.ts";
import { outputType, sendOutput } from "../streams.ts";

async function logs(exchange: Exchange): Promise<void> {
  const { query, services, response } = exchange;
  const options = logOptions(exchange);
  const record = await services.containers.get(exchange.param("id"));
  const tty = record.config.Tty === true;
  const lines = await services.containers.logs(record.id, options);
  response.writeHead(200, { "Content-Type": outputType(tty, exchange.version) }).flushHeaders();
  const prefix = { timestamps: query.flag("timestamps"), details: query.flag("details") ? details(record) : undefined };
  await sendOutput(prefixed(lines, prefix), response, { tty });
  response.end();
}

function logOptions({ query, signal }: Exchange): LogOptions {
  const [stdout, stderr] = [query.flag("stdout"), query.flag("stderr")];
  if (!stdout && !stderr) throw new EngineError("invalid", "Bad parameters: you must choose at least one stream");
  const [since, until] = [parseMoment(query.text("since"), "since"), parseMoment(query.text("until"), "until")];
  const tail = query.text("tail");
  return {
    follow: query.flag("follow"),
    stdout,
    stderr,
    ...(since !== undefined && { sinceNs: since }),
    ...(until !== undefined && { untilNs: until }),
    // Anything but a number means all, as dockerd has it.
    ...(/^\d+$/.test(tail) && { tail: Number(tail) }),
    together: true,
    signal,
  };
}

/** What the log driver was told to note, as `--details` prints it. */
function details(record: ContainerRecord): string {
  const noted = Object.entries(logNotes(record)).map(([name, value]) => `${encode(name)}=${encode(value)}`);
  return `${noted.toSorted().join(",")} `;
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/%20/g, "+");
}

/** Puts the time and what the driver noted in front of each line; lines that came together go on together. */
async function* prefixed(
  lines: AsyncIterable<LogLine>,
  options: { timestamps: boolean; details: string | undefined },
): AsyncGenerator<LogLine> {
  if (!options.timestamps && options.details === undefined) return yield* lines;
  for await (const line of lines) {
    const prefix = (options.timestamps ? `${nanosecondTime(line.timeNs)} ` : "") + (options.details ?? "");
    yield { ...line, data: prefixLines(line.data, Buffer.from(prefix)) };
  }
}

export function prefixLines(data: Buffer, prefix: Buffer): Buffer {
  const starts = [0];
  for (let at = data.indexOf(10); at !== -1 && at + 1 < data.length; at = data.indexOf(10, at + 1)) starts.push(at + 1);
  const result = Buffer.allocUnsafe(data.length + starts.length * prefix.length);
  let to = 0;
  for (const [index, start] of starts.entries()) {
    to += prefix.copy(result, to);
    to += data.copy(result, to, start, starts[index + 1] ?? data.length);
  }
  return result;
}

export const logRoutes: readonly Route[] = [{ method: "GET", path: "/containers/{id}/logs", handle: logs }];
