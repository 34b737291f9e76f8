/** What a container answers. */
import { once } from "node:events";
import { get } from "node:http";
import type { IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { setTimeout as wait } from "node:timers/promises";

const PATIENCE_MS = 120_000;

/**
 * The text of a page of a container that was started a moment ago: the container runs before its program listens, so it is
 * asked until it answers. Each time on a connection of its own: a kept one may have been closed by the other side meanwhile.
 * @throws {Error} why it did not within two minutes, or the status that it answered with
 */
export async function page(url: string): Promise<string> {
  for (const deadline = Date.now() + PATIENCE_MS; ; await wait(20)) {
    try {
      const [response] = (await once(get(url, { agent: false, timeout: PATIENCE_MS }), "response")) as [IncomingMessage];
      const said = await text(response);
      if (response.statusCode === 200) return said;
      throw new Error(`Unexpected answer from ${url}: ${response.statusCode}\n${said}`);
    } catch (error) {
      if (!("code" in (error as object)) || Date.now() > deadline) throw error;
    }
  }
}
