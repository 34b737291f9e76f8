/**
 * `GET /containers/json` and the prune of containers: which containers a set of filters means.
 * @see https://github.com/moby/moby/blob/v28.5.2/daemon/list.go
 */
import type { ContainerRecord } from "../containers/containers.ts";
import { EngineError } from "../errors.ts";
import type { Image } from "../images/images.ts";
import { endpointsOf, isRunning, portsInUse } from "./container-view.ts";
import type { NetworkIds } from "./container-view.ts";
import { timeNs } from "./duration.ts";
import { invalidValue } from "./filters.ts";
import type { Filters } from "./filters.ts";
import { descendsFrom } from "./image-ancestry.ts";
import type { Services } from "./services.ts";

export const CONTAINER_FILTERS = [
  "ancestor",
  "before",
  "exited",
  "expose",
  "health",
  "id",
  "is-task",
  "isolation",
  "label",
  "name",
  "network",
  "publish",
  "since",
  "status",
  "volume",
] as const;

const STATES = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];
const HEALTH = ["none", "starting", "unhealthy", "healthy"];

export interface ListOptions {
  readonly all: boolean;
  /** The newest so many, running or not; 0 is no limit. */
  readonly limit: number;
  readonly filters: Filters;
}

/** Containers that the filters mean, newest first. @throws {EngineError} for a value that cannot be */
export async function selectContainers(services: Services, options: ListOptions): Promise<ContainerRecord[]> {
  const { filters, limit } = options;
  checkValues(filters);
  const records = newestFirst(await services.containers.list());
  const tests = [
    stateTest(options),
    nameTest(filters),
    exitTest(filters),
    portTest(filters, "publish"),
    portTest(filters, "expose"),
    networkTest(filters, filters.has("network") ? await networkIds(services, records) : new Map()),
    await orderTest(services, filters),
    await ancestorTest(services, filters),
  ];
  const selected = records.filter((record) => tests.every((test) => test(record)));
  return limit > 0 ? selected.slice(0, limit) : selected;
}

/**
 * Ids of networks by name, for containers that do not run and so do not know them. Asked for only when there are such:
 * the first question to the networks makes the engine open them, which takes time.
 */
export async function networkIds({ networks }: Services, records: readonly ContainerRecord[]): Promise<NetworkIds> {
  if (records.every(({ sandbox }) => sandbox !== null)) return new Map();
  return new Map((await networks.list()).map((network) => [network.name, network]));
}

type Test = (record: ContainerRecord) => boolean;

export function newestFirst(records: readonly ContainerRecord[]): ContainerRecord[] {
  const times = new Map(records.map(({ id, createdAt }) => [id, timeNs(createdAt)]));
  return records.toSorted((a, b) => Number(times.get(b.id)! - times.get(a.id)!));
}

function checkValues(filters: Filters): void {
  const check = (name: string, what: string, known: readonly string[]): void => {
    const wrong = filters.get(name).find((value) => !known.includes(value));
    if (wrong === undefined) return;
    const list = known.join(", ");
    throw new EngineError("invalid", `invalid filter '${name}=${wrong}': invalid value for ${what} (${wrong}): must be one of ${list}`);
  };
  check("status", "state", STATES);
  check("health", "health", HEALTH);
}

function stateTest({ all, limit, filters }: ListOptions): Test {
  const everything = all || limit > 0 || filters.has("status");
  const isTask = filters.flag("is-task") ?? false;
  return (record) =>
    (everything || isRunning(record)) &&
    !isTask &&
    filters.exact("status", record.state.status) &&
    filters.exact("health", record.state.health?.status ?? "none");
}

function nameTest(filters: Filters): Test {
  return (record) =>
    filters.matches("id", record.id) &&
    filters.matches("name", record.name, `/${record.name}`) &&
    filters.labels(record.config.Labels) &&
    filters.exact("volume", ...record.mounts.flatMap(({ Name, Source, Destination }) => [Name ?? "", Source, Destination]));
}

function exitTest(filters: Filters): Test {
  const codes = filters.get("exited").map((value) => {
    if (!/^-?\d+$/.test(value)) throw invalidValue("exited", filters.get("exited"));
    return Number(value);
  });
  return ({ state }) => !filters.has("exited") || (state.status === "exited" && codes.includes(state.exitCode));
}

function portTest(filters: Filters, name: "publish" | "expose"): Test {
  const wanted = new Set(filters.get(name).flatMap(portsOf));
  return (record) => {
    if (!filters.has(name)) return true;
    const ports = name === "publish" ? publishedPorts(record) : Object.keys(portsInUse(record));
    return ports.some((port) => wanted.has(port));
  };
}

/** The host's. */
function publishedPorts(record: ContainerRecord): string[] {
  const bindings = Object.entries(portsInUse(record));
  return bindings.flatMap(([port, hosts]) => (hosts ?? []).map(({ HostPort }) => `${HostPort}/${port.split("/")[1]}`));
}

/** `80`, `80/udp` or `80-90/tcp`, each port with its protocol. */
function portsOf(text: string): string[] {
  const found = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/.exec(text);
  const [first, last] = [Number(found?.[1]), Number(found?.[2] ?? found?.[1])];
  if (!found || last > 65535 || last < first)
    throw new EngineError("invalid", `filter for 'expose' should not contain an invalid port: ${text}`);
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${found[3] ?? "tcp"}`);
}

function networkTest(filters: Filters, networks: NetworkIds): Test {
  return (record) => {
    if (!filters.has("network")) return true;
    const endpoints = Object.entries(endpointsOf(record, networks));
    return filters.exact("network", ...endpoints.flatMap(([name, { NetworkID }]) => [name, NetworkID ?? ""]));
  };
}

async function orderTest({ containers }: Services, filters: Filters): Promise<Test> {
  const [before, since] = [filters.single("before"), filters.single("since")];
  const end = before === undefined ? undefined : timeNs((await containers.get(before)).createdAt);
  const start = since === undefined ? undefined : timeNs((await containers.get(since)).createdAt);
  return ({ createdAt }) => (end === undefined || timeNs(createdAt) < end) && (start === undefined || timeNs(createdAt) > start);
}

async function ancestorTest({ images }: Services, filters: Filters): Promise<Test> {
  if (!filters.has("ancestor")) return () => true;
  const found = await Promise.all(filters.get("ancestor").map((name) => images.find(name)));
  const ancestors = found.filter((image): image is Image => image !== undefined);
  const all = ancestors.length > 0 ? await images.list() : [];
  const family = new Set(all.filter((image) => ancestors.some((ancestor) => descendsFrom(image, ancestor))).map(({ id }) => id));
  return ({ imageId }) => family.has(imageId);
}
