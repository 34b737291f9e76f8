/** What Docker's API has no words for. */
import type { Route } from "../router.ts";

export const berthRoutes: readonly Route[] = [
  { method: "GET", path: "/berth/status", handle: (exchange) => exchange.json(exchange.services.system.status()) },
];
