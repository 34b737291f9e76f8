/** What Docker's API has no words for. */
import type { Exchange } from "../exchange.ts";
import type { Route } from "../router.ts";

async function builds(exchange: Exchange): Promise<void> {
  exchange.json(await exchange.services.builder.builds());
}

async function build(exchange: Exchange): Promise<void> {
  exchange.json(await exchange.services.builder.record(exchange.param("id")));
}

async function stepLog(exchange: Exchange): Promise<void> {
  const log = await exchange.services.builder.log(exchange.param("id"), exchange.param("name"));
  exchange.response.writeHead(200, { "Content-Type": "application/octet-stream", "Content-Length": log.length }).end(log);
}

export const berthRoutes: readonly Route[] = [
  { method: "GET", path: "/berth/status", handle: (exchange) => exchange.json(exchange.services.system.status()) },
  { method: "GET", path: "/berth/builds", handle: builds },
  { method: "GET", path: "/berth/builds/{id}", handle: build },
  { method: "GET", path: "/berth/builds/{id}/steps/{name}/log", handle: stepLog },
];
