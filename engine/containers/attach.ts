/** Attaching to a container and reading its log: both read the same files. */
import { EngineError } from "../errors.ts";
import { readLines } from "../runtime/log-lines.ts";
import { logEnd, readChunks } from "../runtime/log-reader.ts";
import type { LogPosition } from "../runtime/log-reader.ts";
import { logStart } from "../runtime/log-start.ts";
import type { AttachOptions, Attachment, LogLine, LogOptions, OutputChunk } from "./containers.ts";
import type { Entry } from "./entry.ts";
import { stdinOf } from "./stdio.ts";

/**
 * Joins a client to a container that runs or is about to be started: nothing that it prints after this is missed.
 */
export function attachTo(entry: Entry, options: AttachOptions): Attachment {
  const { config } = entry.record;
  const runs = entry.log.runs;
  const from = options.logs ? logStart(entry.log) : logEnd(entry.log);
  const wantsInput = options.stdin && options.stream && config.OpenStdin;
  const closes = Boolean(config.StdinOnce && !config.Tty);
  return {
    ...(wantsInput && { stdin: stdinOf(entry.nextTask(), { closes }), staysOpen: !closes }),
    output: chunks(entry, { ...options, from, runs }),
  };
}

async function* chunks(entry: Entry, options: AttachOptions & { from: LogPosition; runs: number }): AsyncGenerator<OutputChunk> {
  const { from, runs, stream, signal } = options;
  if (!options.stdout && !options.stderr) return stream ? untilEnd(entry, options) : undefined;
  const reading = readChunks(entry.log, { from, runs, follow: stream, ...(signal && { signal }) });
  for await (const { stream: name, data } of reading) if (options[name]) yield { stream: name, data };
}

/** With input only there is nothing to read, but the connection lasts as long as the process does. */
async function untilEnd(entry: Entry, { signal }: AttachOptions): Promise<void> {
  await new Promise<void>((resolve) => {
    const stop = entry.wait("next-exit", () => resolve());
    signal?.addEventListener("abort", () => resolve(stop()), { once: true });
  });
}

/** @throws {EngineError} not-implemented for the driver `none` */
export function logsOf(entry: Entry, options: LogOptions): AsyncIterable<LogLine> {
  if (entry.record.hostConfig.LogConfig?.Type === "none")
    throw new EngineError("not-implemented", "configured logging driver does not support reading");
  const { sinceNs, untilNs, tail, signal } = options;
  const lines = readLines(entry.log, {
    follow: options.follow && entry.log.open,
    ...(sinceNs !== undefined && { sinceNs }),
    ...(untilNs !== undefined && { untilNs }),
    ...(tail !== undefined && { tail }),
    ...(options.together && { together: true }),
    ...(signal && { signal }),
  });
  return options.stdout && options.stderr ? lines : only(lines, options);
}

/** Streams are chosen after the tail, as Docker does it. */
async function* only(lines: AsyncIterable<LogLine>, options: LogOptions): AsyncGenerator<LogLine> {
  for await (const line of lines) if (options[line.stream]) yield line;
}
