/** Containers: list, inspect, create and everything done to one, except its streams. */
import { EngineError } from "../../errors.ts";
import { CONTAINER_FILTERS, networkIds, newestFirst, selectContainers } from "../container-list.ts";
import { inspectContainer, isRunning, summarizeContainer } from "../container-view.ts";
import { parseMoment, timeNs } from "../duration.ts";
import type { Exchange } from "../exchange.ts";
import { parseFilters } from "../filters.ts";
import { containerCreate, containerUpdate } from "../requests.ts";
import type { Route } from "../router.ts";
import type { Services } from "../services.ts";
import type { WaitCondition } from "../../containers/containers.ts";
import type { ContainerRecord } from "../../containers/containers.ts";
import type { ContainerSummary } from "../types/container.ts";

async function list(exchange: Exchange): Promise<void> {
  const { query, services } = exchange;
  const filters = parseFilters(query.text("filters"), CONTAINER_FILTERS);
  const options = { all: query.flag("all"), limit: query.integer("limit") ?? 0, filters };
  const records = await selectContainers(services, options);
  exchange.json(await summarize(services, records, { size: query.flag("size") }));
}

/** As `docker ps` shows containers; with sizes where they are asked for. */
export async function summarize(
  services: Services,
  records: readonly ContainerRecord[],
  more: { size: boolean },
): Promise<ContainerSummary[]> {
  const networks = await networkIds(services, records);
  const nowMs = Date.now();
  return Promise.all(
    records.map(async (record) => {
      const summary = summarizeContainer(record, { networks, image: await imageName(services, record), nowMs });
      if (!more.size) return summary;
      const { rwBytes, rootFsBytes } = await services.containers.size(record.id);
      return { ...summary, ...(rwBytes > 0 && { SizeRw: rwBytes }), SizeRootFs: rootFsBytes };
    }),
  );
}

/** The name that the user gave, as long as it still means the same image. */
async function imageName({ images }: Services, record: ContainerRecord): Promise<string> {
  const name = record.imageName || record.imageId;
  if (name === record.imageId) return name;
  return (await images.find(name))?.id === record.imageId ? name : record.imageId;
}

async function inspect(exchange: Exchange): Promise<void> {
  const { services, query } = exchange;
  const record = await services.containers.get(exchange.param("id"));
  const execIds = services.containers.execIds(record.id);
  const view = inspectContainer(record, {
    networks: await networkIds(services, [record]),
    execIds,
    files: services.containers.files(record.id),
  });
  if (!query.flag("size")) return exchange.json(view);
  const { rwBytes, rootFsBytes } = await services.containers.size(record.id);
  exchange.json({ ...view, SizeRw: rwBytes, SizeRootFs: rootFsBytes });
}

async function create(exchange: Exchange): Promise<void> {
  const body = await exchange.readRequiredJson(containerCreate);
  const { HostConfig: _host, NetworkingConfig: _networking, ...config } = body;
  if (Object.keys(config).length === 0) throw new EngineError("invalid", "config cannot be empty in order to create a container");
  const [name, platform] = [exchange.query.optional("name"), exchange.query.optional("platform")];
  const made = await exchange.services.containers.create(body, { ...(name && { name }), ...(platform && { platform }) });
  exchange.json({ Id: made.id, Warnings: made.warnings }, 201);
}

async function start(exchange: Exchange): Promise<void> {
  // No JSON object that says something is shorter.
  const { "content-length": bytes = 0, "transfer-encoding": chunked } = exchange.request.headers;
  if (Number(bytes) > 7 || chunked !== undefined)
    throw new EngineError("invalid", "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24");
  // A start goes on when its client goes away: half-started is worse than started.
  await exchange.services.containers.start(exchange.param("id"));
  exchange.empty(204);
}

function stopOptions({ query }: Exchange): { timeoutSeconds?: number; signalName?: string } {
  const [seconds, signal] = [query.integer("t"), query.optional("signal")];
  return { ...(seconds !== undefined && { timeoutSeconds: seconds }), ...(signal && { signalName: signal }) };
}

async function stop(exchange: Exchange): Promise<void> {
  await exchange.services.containers.stop(exchange.param("id"), stopOptions(exchange));
  exchange.empty(204);
}

async function restart(exchange: Exchange): Promise<void> {
  await exchange.services.containers.restart(exchange.param("id"), stopOptions(exchange));
  exchange.empty(204);
}

async function kill(exchange: Exchange): Promise<void> {
  await exchange.services.containers.kill(exchange.param("id"), exchange.query.optional("signal") ?? "SIGKILL");
  exchange.empty(204);
}

async function pause(exchange: Exchange): Promise<void> {
  await exchange.services.containers.pause(exchange.param("id"));
  exchange.empty(204);
}

async function unpause(exchange: Exchange): Promise<void> {
  await exchange.services.containers.unpause(exchange.param("id"));
  exchange.empty(204);
}

async function rename(exchange: Exchange): Promise<void> {
  await exchange.services.containers.rename(exchange.param("id"), exchange.query.text("name"));
  exchange.empty(204);
}

async function update(exchange: Exchange): Promise<void> {
  const changes = await exchange.readJson(containerUpdate);
  const { warnings } = await exchange.services.containers.update(exchange.param("id"), changes);
  exchange.json({ Warnings: warnings.length > 0 ? warnings : null });
}

/** A link has no name of its own here (`parent/alias`): it lives and goes with its container. */
async function removeLink(exchange: Exchange): Promise<void> {
  await exchange.services.containers.get(exchange.param("id"));
  throw new EngineError("conflict", "Conflict, cannot remove the default link name of the container");
}

async function remove(exchange: Exchange): Promise<void> {
  const { query, services } = exchange;
  if (query.flag("link")) return removeLink(exchange);
  await services.containers.remove(exchange.param("id"), { force: query.flag("force"), volumes: query.flag("v") });
  exchange.empty(204);
}

/** Rows and columns of a terminal. @throws {EngineError} invalid with dockerd's sentence */
export function sizeOf({ query }: Exchange): { rows: number; columns: number } {
  const number = (name: string, what: string): number => {
    const text = query.text(name);
    const problem = !/^\d+$/.test(text) ? "invalid syntax" : Number(text) > 0xffff_ffff ? "value out of range" : "";
    if (problem) throw new EngineError("invalid", `invalid resize ${what} ${JSON.stringify(text)}: ${problem}`);
    // The kernel's numbers are shorter.
    return Math.min(Number(text), 0xffff);
  };
  return { rows: number("h", "height"), columns: number("w", "width") };
}

async function resize(exchange: Exchange): Promise<void> {
  const size = sizeOf(exchange);
  await exchange.services.containers.resize(exchange.param("id"), size);
  exchange.empty(200);
}

const CONDITIONS: readonly string[] = ["not-running", "next-exit", "removed"] satisfies WaitCondition[];

async function wait(exchange: Exchange): Promise<void> {
  const condition = exchange.query.optional("condition") ?? "not-running";
  if (!CONDITIONS.includes(condition)) throw new EngineError("invalid", `invalid condition: ${JSON.stringify(condition)}`);
  const waiting = exchange.services.containers.wait(exchange.param("id"), condition as WaitCondition, exchange.signal);
  // Whichever of the two fails first is the answer; the other must not become an unhandled rejection.
  waiting.exit.catch(() => undefined);
  await waiting.registered;
  exchange.response.writeHead(200, { "Content-Type": "application/json" }).flushHeaders();
  const answer = await waiting.exit.then(
    ({ statusCode, error }) => ({ ...(error && { Error: { Message: error } }), StatusCode: statusCode }),
    (error: Error) => ({ Error: { Message: error.message }, StatusCode: -1 }),
  );
  exchange.response.end(`${JSON.stringify(answer)}\n`);
}

async function top(exchange: Exchange): Promise<void> {
  exchange.json(await exchange.services.containers.top(exchange.param("id"), exchange.query.text("ps_args") || "-ef"));
}

async function prune(exchange: Exchange): Promise<void> {
  const { containers, events } = exchange.services;
  const filters = parseFilters(exchange.query.text("filters"), ["label", "label!", "until"]);
  const until = parseMoment(filters.single("until") ?? "", "until");
  const deleted: string[] = [];
  let bytes = 0;
  for (const record of newestFirst(await containers.list())) {
    if (isRunning(record) || !filters.labels(record.config.Labels)) continue;
    if (until !== undefined && timeNs(record.createdAt) > until) continue;
    const { rwBytes } = await containers.size(record.id).catch(() => ({ rwBytes: 0 }));
    const removed = await containers.remove(record.id, { force: false, volumes: false }).then(
      () => true,
      (error: unknown) => exchange.log(error),
    );
    if (removed !== true) continue;
    deleted.push(record.id);
    bytes += rwBytes;
  }
  events.publish("container", "prune", "", { reclaimed: String(bytes) });
  exchange.json({ ContainersDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: bytes });
}

export const containerRoutes: readonly Route[] = [
  { method: "GET", path: "/containers/json", handle: list },
  { method: "POST", path: "/containers/create", handle: create },
  { method: "POST", path: "/containers/prune", handle: prune },
  { method: "GET", path: "/containers/{id}/json", handle: inspect },
  { method: "GET", path: "/containers/{id}/top", handle: top },
  { method: "POST", path: "/containers/{id}/start", handle: start },
  { method: "POST", path: "/containers/{id}/stop", handle: stop },
  { method: "POST", path: "/containers/{id}/restart", handle: restart },
  { method: "POST", path: "/containers/{id}/kill", handle: kill },
  { method: "POST", path: "/containers/{id}/pause", handle: pause },
  { method: "POST", path: "/containers/{id}/unpause", handle: unpause },
  { method: "POST", path: "/containers/{id}/rename", handle: rename },
  { method: "POST", path: "/containers/{id}/update", handle: update },
  { method: "POST", path: "/containers/{id}/resize", handle: resize },
  { method: "POST", path: "/containers/{id}/wait", handle: wait },
  { method: "DELETE", path: "/containers/{id}", handle: remove },
];
