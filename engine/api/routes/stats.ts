/** What a container uses: one reading, or one a second for as long as the client stays. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ContainerRecord } from "../../containers/containers.ts";
import { EngineError } from "../../errors.ts";
import { isRunning } from "../container-view.ts";
import type { Exchange } from "../exchange.ts";
import type { Route } from "../router.ts";
import type { Services } from "../services.ts";
import { send } from "../streams.ts";

const NEVER = "0001-01-01T00:00:00Z";
const INTERVAL_MS = 1000;
const NO_CPU = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};

type Reading = Record<string, unknown>;

async function stats(exchange: Exchange): Promise<void> {
  const { query, services } = exchange;
  const [stream, oneShot] = [query.flag("stream", true), query.flag("one-shot")];
  if (stream && oneShot) throw new EngineError("invalid", "cannot have stream=true and one-shot=true");
  const record = await services.containers.get(exchange.param("id"));
  if (stream) return follow(exchange, record.id);
  const first = await read(services, record);
  if (oneShot || !isRunning(record)) return exchange.json(joined(record, undefined, first));
  // A share of the CPU needs two readings, as dockerd takes them.
  await sleep(INTERVAL_MS, undefined, { signal: exchange.signal });
  exchange.json(joined(record, first, await read(services, await services.containers.get(record.id))));
}

async function follow(exchange: Exchange, id: string): Promise<void> {
  const { response, services, signal } = exchange;
  response.writeHead(200, { "Content-Type": "application/json" }).flushHeaders();
  let before: Reading | undefined;
  for (let next = Date.now(); !signal.aborted; next += INTERVAL_MS) {
    const record = await services.containers.get(id).catch(() => undefined);
    if (!record) break;
    const now = await read(services, record);
    if (!(await send(response, `${JSON.stringify(joined(record, before, now))}\n`))) return;
    before = now;
    await sleep(Math.max(0, next + INTERVAL_MS - Date.now()), undefined, { signal }).catch(() => undefined);
  }
  response.end();
}

/** Of a container that does not run there is nothing to read. */
async function read({ containers }: Services, record: ContainerRecord): Promise<Reading> {
  if (!isRunning(record)) return STOPPED;
  return containers.stats(record.id);
}

const STOPPED: Reading = {
  read: NEVER,
  pids_stats: {},
  blkio_stats: {},
  num_procs: 0,
  storage_stats: {},
  cpu_stats: NO_CPU,
  memory_stats: {},
};

function joined(record: ContainerRecord, before: Reading | undefined, now: Reading): Reading {
  return {
    name: `/${record.name}`,
    id: record.id,
    ...now,
    preread: before?.["read"] ?? NEVER,
    precpu_stats: before?.["cpu_stats"] ?? NO_CPU,
  };
}

export const statsRoutes: readonly Route[] = [{ method: "GET", path: "/containers/{id}/stats", handle: stats }];
