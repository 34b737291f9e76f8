/** What becomes of an answer that is told piece by piece when what it tells of fails. */
import type { Exchange } from "./exchange.ts";
import { describeError } from "./status.ts";
import type { JsonStream } from "./streams.ts";

/**
 * @returns the sentence to end the stream with; undefined when nobody listens any more, and the connection is closed
 * @throws the error itself when nothing was told yet: what is wrong with a request is an HTTP error, what comes later is part
 *   of the story
 */
export function brokenOff(exchange: Exchange, stream: JsonStream, error: unknown): string | undefined {
  if (exchange.signal.aborted) {
    exchange.response.destroy();
    return undefined;
  }
  if (!stream.started) throw error;
  const { message, expected } = describeError(error);
  if (!expected) exchange.log(error);
  return message;
}
