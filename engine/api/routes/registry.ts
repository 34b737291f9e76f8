/** What is asked of a registry and leaves nothing behind: distribution inspect, search, and for editors names and tags. */
import { EngineError } from "../../errors.ts";
import { parseAnyFilters } from "../filters.ts";
import type { Exchange } from "../exchange.ts";
import { putManifest as manifestBody } from "../requests.ts";
import { registryAuth } from "../registry-auth.ts";
import type { Route } from "../router.ts";

async function inspect(exchange: Exchange): Promise<void> {
  const auth = registryAuth(exchange.request.headers["x-registry-auth"]);
  exchange.json(await exchange.services.registry.inspect(exchange.param("name"), auth, exchange.signal));
}

async function search(exchange: Exchange): Promise<void> {
  const term = exchange.query.text("term");
  if (term === "") throw new EngineError("invalid", "invalid reference format");
  const limit = exchange.query.integer("limit") ?? 25;
  if (limit < 1 || limit > 100) throw new EngineError("invalid", `limit ${limit} is outside the range of [1, 100]`);
  const filters = parseAnyFilters(exchange.query.text("filters"));
  const found = await exchange.services.registry.search(term, { limit, signal: exchange.signal });
  const stars = Number(filters.single("stars") ?? 0);
  const official = filters.flag("is-official");
  exchange.json(found.filter(({ star_count, is_official }) => star_count >= stars && (official === undefined || is_official === official)));
}

/** `?name=nginx` → `["1.27", …]` */
async function tags(exchange: Exchange): Promise<void> {
  const auth = registryAuth(exchange.request.headers["x-registry-auth"]);
  exchange.json(await exchange.services.registry.tags(exchange.query.text("name"), auth, exchange.signal));
}

/** `?registry=localhost:5000` → `["team/app", …]` */
async function repositories(exchange: Exchange): Promise<void> {
  const auth = registryAuth(exchange.request.headers["x-registry-auth"]);
  exchange.json(await exchange.services.registry.repositories(exchange.query.text("registry"), auth, exchange.signal));
}

/** `?name=nginx:1.27` → RemoteManifest; `&insecure=1` takes a registry at its word */
async function manifest(exchange: Exchange): Promise<void> {
  const auth = registryAuth(exchange.request.headers["x-registry-auth"]);
  const insecure = exchange.query.flag("insecure");
  const { registry } = exchange.services;
  exchange.json(await registry.manifest(exchange.query.text("name"), { auth, insecure, signal: exchange.signal }));
}

/** `?name=nginx:1.27`, body `{ raw }` (base64) → `{ digest }`; `&from=` is the repository that has its blobs */
async function putManifest(exchange: Exchange): Promise<void> {
  const auth = registryAuth(exchange.request.headers["x-registry-auth"]);
  const { query, services, signal } = exchange;
  const { raw = "" } = await exchange.readJson(manifestBody);
  const options = { auth, insecure: query.flag("insecure"), from: query.optional("from"), signal };
  exchange.json({ digest: await services.registry.putManifest(query.text("name"), Buffer.from(raw, "base64"), options) });
}

export const registryRoutes: readonly Route[] = [
  { method: "GET", path: "/distribution/{name}/json", handle: inspect },
  { method: "GET", path: "/images/search", handle: search },
  { method: "GET", path: "/berth/registry/manifest", handle: manifest },
  { method: "PUT", path: "/berth/registry/manifest", handle: putManifest },
  { method: "GET", path: "/berth/registry/tags", handle: tags },
  { method: "GET", path: "/berth/registry/repositories", handle: repositories },
];
