/** Builds by the classic request: a tar in the body, options in the query, the old builder's words in the answer. */
import type { Duplex } from "node:stream";
import { isOn } from "../../build/build-args.ts";
import { StepError } from "../../build/builder.ts";
import type { BuildProgress, BuildRequest } from "../../build/builder.ts";
import { cacheFilter } from "../../build/cache-filter.ts";
import { cacheSource } from "../../build/cache-options.ts";
import type { CacheSource } from "../../build/cache-options.ts";
import { EngineError } from "../../errors.ts";
import { peerOf } from "../../host/peer.ts";
import { receiveContext } from "../build-context.ts";
import type { BuildContext } from "../build-context.ts";
import { ClassicOutput } from "../build-output.ts";
import { parseDuration } from "../duration.ts";
import { brokenOff } from "../broken-off.ts";
import type { Exchange } from "../exchange.ts";
import { parseFilters } from "../filters.ts";
import type { Filters } from "../filters.ts";
import { registryConfig } from "../registry-auth.ts";
import type { Route } from "../router.ts";
import { Spill } from "../spill.ts";
import { JsonStream } from "../streams.ts";
import type { JsonMessage } from "../types/image.ts";
import { platformOf } from "./images.ts";
import { asksSession, sessionBuild } from "./session-build.ts";

async function build(exchange: Exchange): Promise<void> {
  if (asksSession(exchange)) return sessionBuild(exchange);
  const { services, query, signal } = exchange;
  const options = buildOptions(exchange);
  const stream = new JsonStream(exchange.response);
  const quiet = query.flag("q") ? new QuietOutput(services.system.scratch) : undefined;
  const output = new ClassicOutput(quiet?.keep ?? stream.pass, services.system.scratch);
  let context: BuildContext | undefined;
  try {
    context = await receiveContext(exchange, (text) => stream.send({ stream: `${text}\n` }), {
      keepGitDir: isOn(options.buildArgs, "BUILDKIT_CONTEXT_KEEP_GIT_DIR"),
    });
    const request = { ...options, ...contextOptions(context, query.text("dockerfile")) };
    // Berth's own clients draw each step with its time, size and reason; docker's know the classic words only.
    const exact = exchange.request.headers["x-berth-progress"] === "1" && !quiet;
    const progress = exact
      ? async (event: BuildProgress): Promise<void> => stream.pass({ aux: { "berth.progress": event } })
      : output.progress;
    const { imageId } = await services.builder.build(request, progress, signal);
    await output.end();
    if (quiet) stream.send({ stream: `${imageId}\n` });
    stream.end();
  } catch (error) {
    await output.end();
    await quiet?.tell(stream.pass);
    fail(exchange, stream, error);
  } finally {
    quiet?.close();
    await context?.remove();
  }
}

function fail(exchange: Exchange, stream: JsonStream, error: unknown): void {
  const message = brokenOff(exchange, stream, error);
  if (message === undefined) return;
  const code = error instanceof StepError ? error.exitCode : undefined;
  stream.end({ message, ...(code !== undefined && { code }) });
}

/** Of a quiet build only the image's id is shown, or, when it fails, everything. */
class QuietOutput {
  readonly #messages: Spill;

  /** @param directory for what does not fit into memory */
  constructor(directory: string) {
    this.#messages = new Spill(directory);
  }

  readonly keep = (message: JsonMessage): void => {
    if (message.stream !== undefined) this.#messages.push(message);
  };

  async tell(send: (message: JsonMessage) => Promise<void>): Promise<void> {
    for await (const message of this.#messages.read()) await send(message);
  }

  close(): void {
    this.#messages.close();
  }
}

function contextOptions(context: BuildContext, dockerfile: string): Pick<BuildRequest, "contextDir" | "dockerfile" | "contextName"> {
  return {
    contextDir: context.dir,
    dockerfile: { path: context.dockerfile ?? (dockerfile || "Dockerfile") },
    ...(context.name !== undefined && { contextName: context.name }),
  };
}

function buildOptions(exchange: Exchange): Omit<BuildRequest, "contextDir" | "dockerfile"> {
  const { query, request } = exchange;
  checkOptions(exchange);
  const resources = resourcesOf(exchange);
  const ulimits = ulimitsOf(query.json("ulimits"));
  const platform = platformOf(exchange);
  const shmSize = query.integer("shmsize");
  const cacheFrom = cacheSources(query.json("cachefrom"));
  const contextName = contextNameOf(request.headers["x-berth-context"]);
  const client = peerOf(request.socket);
  const [target, networkMode, extraHosts] = [query.optional("target"), query.optional("networkmode"), query.text("extrahosts")];
  return {
    tags: query.all("t").filter((tag) => tag !== ""),
    buildArgs: textMap(query.json("buildargs"), "buildargs"),
    labels: withoutNulls(textMap(query.json("labels"), "labels")),
    noCache: query.flag("nocache"),
    pull: query.flag("pull"),
    auth: registryConfig(request.headers["x-registry-config"]),
    ...(cacheFrom.length > 0 && { cacheFrom }),
    ...(target && { target }),
    ...(networkMode && { networkMode }),
    ...(extraHosts && { extraHosts: hostList(query.all("extrahosts")) }),
    ...(shmSize && { shmSizeBytes: shmSize }),
    ...(resources && { resources }),
    ...(ulimits.length > 0 && { ulimits }),
    ...(contextName && { contextName }),
    ...(client && !contextName && { client }),
    ...(platform && { platform: [platform.os, platform.architecture, platform.variant].filter(Boolean).join("/") }),
  };
}

/** @throws {EngineError} invalid for what this builder does not do, in dockerd's words where it has them */
function checkOptions({ query }: Exchange): void {
  const [version, isolation] = [query.text("version"), query.text("isolation")];
  if (!["", "1", "2"].includes(version)) throw new EngineError("invalid", `invalid version ${JSON.stringify(version)}`);
  if (query.flag("squash")) throw new EngineError("invalid", "squash is only supported with experimental mode");
  if (isolation !== "" && isolation !== "default") throw new EngineError("invalid", `unsupported isolation: ${JSON.stringify(isolation)}`);
  if (query.text("securityopt") !== "")
    throw new EngineError("invalid", "The daemon on this platform does not support setting security options on build");
  const outputs = query.json("outputs") ?? [];
  if (!Array.isArray(outputs)) throw new EngineError("invalid", "invalid outputs specified: it is a list");
  const other = (outputs as { Type?: unknown }[]).find((output) => !["moby", "image", "docker"].includes(String(output?.Type)));
  if (other)
    throw new EngineError(
      "invalid",
      `The output ${JSON.stringify(other.Type)} is not had by this request: use docker buildx or berth build`,
    );
}

/** Limits, as of a container. */
function resourcesOf({ query }: Exchange): BuildRequest["resources"] {
  const texts = { CpusetCpus: query.text("cpusetcpus"), CgroupParent: query.text("cgroupparent") };
  const numbers = {
    Memory: query.integer("memory"),
    MemorySwap: query.integer("memswap"),
    CpuShares: query.integer("cpushares"),
    CpuPeriod: query.integer("cpuperiod"),
    CpuQuota: query.integer("cpuquota"),
  };
  const given = Object.entries({ ...numbers, ...texts }).filter(([, value]) => value !== undefined && value !== 0 && value !== "");
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

/** @throws {EngineError} invalid */
function ulimitsOf(value: unknown): string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new EngineError("invalid", "error reading ulimit settings: it is a list");
  return (value as { Name?: unknown; Soft?: unknown; Hard?: unknown }[]).map(
    ({ Name, Soft, Hard }) => `${String(Name)}=${String(Soft)}:${String(Hard)}`,
  );
}

/** Images, in which the cache is. @throws {EngineError} invalid */
function cacheSources(value: unknown): CacheSource[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || !value.every((each) => typeof each === "string"))
    throw new EngineError("invalid", 'error reading build option "cachefrom": it is a list of texts');
  return value.filter((each) => each !== "").map((ref) => cacheSource({ ref }));
}

/** Where the context came from, which its archive does not tell. */
function contextNameOf(header: string | string[] | undefined): string | undefined {
  if (typeof header !== "string" || header === "") return undefined;
  try {
    return decodeURIComponent(header);
  } catch {
    throw new EngineError("invalid", `The header X-Berth-Context is not percent-encoded: ${JSON.stringify(header)}`);
  }
}

/** The parameter comes once per host, as a list in JSON, or as one text with commas. */
function hostList(values: readonly string[]): string[] {
  return values
    .flatMap((value) => (value.startsWith("[") ? (JSON.parse(value) as string[]) : value.split(",")))
    .filter((host) => host !== "");
}

/** A map of texts, or of nulls for values that were not given. @throws {EngineError} invalid */
export function textMap(value: unknown, name: string): Record<string, string | null> {
  if (value === undefined || value === null) return {};
  const known = typeof value === "object" && !Array.isArray(value) ? Object.entries(value) : undefined;
  if (!known?.every(([, each]) => typeof each === "string" || each === null))
    throw new EngineError("invalid", `error reading build option ${JSON.stringify(name)}: it is a map of texts`);
  return Object.fromEntries(known) as Record<string, string | null>;
}

function withoutNulls(map: Record<string, string | null>): Record<string, string> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, value ?? ""]));
}

const PRUNE_FILTERS = ["until", "id", "parent", "type", "description", "inuse", "shared", "private", "unused-for"];

async function prune(exchange: Exchange): Promise<void> {
  const { query, services } = exchange;
  const filters = parseFilters(query.text("filters"), PRUNE_FILTERS);
  const age = parseDuration(filters.single("until") ?? filters.single("unused-for") ?? "0");
  if (age === undefined) throw new EngineError("invalid", "the until filter takes a duration, e.g. 24h");
  const keepBytes = query.integer("reserved-space") ?? query.integer("keep-storage") ?? 0;
  const conditions = conditionsOf(filters);
  const { deleted, reclaimedBytes } = await services.builder.prune({
    all: query.flag("all"),
    ...(conditions !== "" && { only: cacheFilter([conditions]) }),
    ...(keepBytes > 0 && { keepBytes }),
    ...(age > 0n && { olderThanMs: Number(age / 1_000_000n) }),
  });
  services.events.publish("builder", "prune", "", { reclaimed: String(reclaimedBytes) });
  exchange.json({ CachesDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimedBytes });
}

/** As dockerd asks BuildKit: an id may be cut short, anything else is the whole value. */
function conditionsOf(filters: Filters): string {
  return ["id", "type", "description", "inuse", "shared", "private"]
    .flatMap((name) => filters.get(name).map((value) => `${name}${name === "id" ? "~=" : "=="}${value}`))
    .join(",");
}

/** Both ends speak HTTP/2 from here on. */
function takeHttp2(exchange: Exchange): Duplex {
  const { upgrade } = exchange.request.headers;
  if (upgrade?.toLowerCase() !== "h2c") throw new EngineError("invalid", "no upgrade");
  return exchange.hijack({});
}

function grpc(exchange: Exchange): void {
  exchange.services.buildkit.serve(takeHttp2(exchange));
}

function session(exchange: Exchange): void {
  exchange.services.buildkit.addSession(takeHttp2(exchange), exchange.request.rawHeaders);
}

export const buildRoutes: readonly Route[] = [
  { method: "POST", path: "/grpc", handle: grpc, upgrades: true },
  { method: "POST", path: "/session", handle: session, upgrades: true },
  { method: "POST", path: "/build", handle: build },
  { method: "POST", path: "/build/prune", handle: prune },
];
