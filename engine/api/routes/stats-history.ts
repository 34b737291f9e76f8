/** What containers used over the last hours, then what they use: `GET /berth/stats`. */
import { once } from "node:events";
import type { Exchange } from "../exchange.ts";
import type { Route } from "../router.ts";

async function history({ query, response, services, signal }: Exchange): Promise<void> {
  response.writeHead(200, { "Content-Type": "application/x-ndjson" }).flushHeaders();
  const say = (message: unknown): void => void response.write(`${JSON.stringify(message)}\n`);
  // Subscribed first: a sample that comes meanwhile is told twice rather than never.
  const unsubscribe = query.flag("follow", true) ? services.statsHistory.subscribe(say) : () => {};
  for (const message of services.statsHistory.remembered()) say(message);
  if (query.flag("follow", true) && !signal.aborted) await once(signal, "abort");
  unsubscribe();
  response.end();
}

export const statsHistoryRoutes: readonly Route[] = [{ method: "GET", path: "/berth/stats", handle: history }];
