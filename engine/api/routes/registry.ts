/** What is asked of a registry and leaves nothing behind: distribution inspect and search. */
import { EngineError } from "../../errors.ts";
import { parseAnyFilters } from "../filters.ts";
import type { Exchange } from "../exchange.ts";
import { registryAuth } from "../registry-auth.ts";
import type { Route } from "../router.ts";
import type { Registry } from "../services.ts";

/** @throws {EngineError} not-implemented while this engine has no registry client for such requests */
export function registryOf(exchange: Exchange): Registry {
  const { registry } = exchange.services;
  if (!registry) throw new EngineError("not-implemented", "This engine cannot ask registries yet");
  return registry;
}

async function inspect(exchange: Exchange): Promise<void> {
  const auth = registryAuth(exchange.request.headers["x-registry-auth"]);
  exchange.json(await registryOf(exchange).inspect(exchange.param("name"), auth, exchange.signal));
}

async function search(exchange: Exchange): Promise<void> {
  const term = exchange.query.text("term");
  if (term === "") throw new EngineError("invalid", "invalid reference format");
  const limit = exchange.query.integer("limit") ?? 25;
  if (limit < 1 || limit > 100) throw new EngineError("invalid", `limit ${limit} is outside the range of [1, 100]`);
  const filters = parseAnyFilters(exchange.query.text("filters"));
  const found = await registryOf(exchange).search(term, { limit, signal: exchange.signal });
  const stars = Number(filters.single("stars") ?? 0);
  const official = filters.flag("is-official");
  exchange.json(
    found.filter((result) => {
      const { star_count: count = 0, is_official: isOfficial = false } = result as { star_count?: number; is_official?: boolean };
      return count >= stars && (official === undefined || isOfficial === official);
    }),
  );
}

export const registryRoutes: readonly Route[] = [
  { method: "GET", path: "/distribution/{name}/json", handle: inspect },
  { method: "GET", path: "/images/search", handle: search },
];
