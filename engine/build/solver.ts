/** The builder: accepts builds, remembers them, and looks after the cache. */
import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { mkdir, readdir } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import type { BuildDescription, PredictRequest, Prediction } from "../api/types/builds.ts";
import type { StepRunner } from "../containers/run-step.ts";
import { EngineError } from "../errors.ts";
import type { Events } from "../events.ts";
import { makeDirectory, removeTree } from "../host/files.ts";
import { mountPoints, unmount } from "../host/mount.ts";
import type { Images } from "../images/images.ts";
import { hostPlatform, parsePlatform } from "../images/platform.ts";
import type { Snapshots } from "../layers/snapshots.ts";
import { parseDockerfile } from "../syntax/dockerfile/parse.ts";
import type { Dockerfile } from "../syntax/dockerfile/tree.ts";
import { Build } from "./build.ts";
import type { Builder, BuildProgress, BuildRequest, BuiltImage } from "./builder.ts";
import { Cache } from "./cache.ts";
import { checkBuild, toWarning } from "./checks.ts";
import { CacheMounts } from "./cache-mounts.ts";
import type { Copied } from "./copied-files.ts";
import { ContextMemory } from "./context-memory.ts";
import { listCache, pruneCache } from "./collect.ts";
import { describe } from "./describe.ts";
import type { ContextDirectories } from "./buildkit/context-directory.ts";
import { buildName } from "./build-args.ts";
import { fetchContexts } from "./fetched-contexts.ts";
import { explained } from "./full-disk.ts";
import { planStages } from "./graph.ts";
import type { Graph } from "./graph.ts";
import { Inspector } from "./inspector.ts";
import { Later } from "./later.ts";
import { LayerStore } from "./layer-store.ts";
import { lookAhead } from "./look-ahead.ts";
import type { Announced } from "./look-ahead.ts";
import { buildPlatforms } from "./platforms.ts";
import { lastRuns, Predictor } from "./predict.ts";
import { summary, toBuildRequest } from "./predict-request.ts";
import { Reasons } from "./reasons.ts";
import { Recent } from "./recent.ts";
import { Records } from "./records.ts";
import { Reporter } from "./reporter.ts";
import { originOf } from "./origin.ts";
import { nameOf } from "./request-name.ts";
import type { Rooms } from "./rooms.ts";
import { Slots } from "./slots.ts";
import { readDockerfile, Trees } from "./trees.ts";

export interface BuilderOptions {
  /** Big and durable: cache mounts, and archives on their way. On the file system of the snapshots. */
  readonly directory: string;
  /** Small and durable: records of builds and of the cache. */
  readonly stateDirectory: string;
  readonly images: Images;
  readonly snapshots: Snapshots;
  readonly steps: StepRunner;
  readonly events: Events;
  /** What clients sent. */
  readonly contexts: ContextDirectories;
  /** Bytes of layers and of what clients sent that the cache may hold; above, the oldest go after a build. 20 GiB unless said. */
  readonly cacheBytes?: number;
}

const KEPT_SEEN = 50;
/** An announced build that has not begun by then does not come. */
const EXPECTED_MS = 2000;
/** Files that are known of COPYs, and of what steps read, some hundred bytes each. */
const [KEPT_COPIED, KEPT_READ] = [50_000, 20_000];
const CACHE_BYTES = 20 * 2 ** 30;

/** Opens the builder. Call sweep() before the first build. */
export async function openBuilder(options: BuilderOptions): Promise<Builder> {
  const { images, snapshots, steps, stateDirectory, contexts } = options;
  const temporary = join(options.directory, "temporary");
  const mounts = join(options.directory, "mounts");
  for (const directory of [temporary, mounts, stateDirectory]) await makeDirectory(directory);
  const cache = await Cache.open(stateDirectory, snapshots);
  const records = await Records.open(stateDirectory);
  images.addKeeper(() => Promise.resolve(cache.records().flatMap(({ layer }) => [layer.chainId, layer.blob.digest])));
  images.addKeeper(() => records.failures());
  const layers = new LayerStore(images, snapshots, temporary);
  const known = { copied: new Recent<Copied>(KEPT_COPIED), manifests: new Recent<ReadonlyMap<string, string>>(KEPT_READ) };
  const about = { temporary, stateDirectory, later: new Later(), ...known };
  const rooms: Rooms = { images, snapshots, steps, cache, layers, mounts: new CacheMounts(mounts), contexts, ...about };
  return new Solver(rooms, records, { events: options.events, cacheBytes: options.cacheBytes ?? CACHE_BYTES });
}

class Solver implements Builder {
  readonly inspector: Inspector;
  readonly #rooms: Rooms;
  readonly #records: Records;
  readonly #events: Events;
  readonly #cacheBytes: number;
  readonly #slots = new Slots(Math.max(2, availableParallelism()));
  readonly #running = new Set<string>();
  readonly #memory = new ContextMemory();
  /** Contexts that somebody on this machine has named: of predictions and own builds. */
  readonly #seen = new Set<string>();

  constructor(rooms: Rooms, records: Records, { events, cacheBytes }: { events: Events; cacheBytes: number }) {
    this.#rooms = rooms;
    this.#records = records;
    this.#events = events;
    this.#cacheBytes = cacheBytes;
    this.inspector = new Inspector(rooms, records);
  }

  async build(
    asked: BuildRequest,
    progress: (event: BuildProgress) => unknown,
    signal = new AbortController().signal,
  ): Promise<BuiltImage> {
    signal.throwIfAborted();
    const { request, release } = await fetchContexts(asked, this.#rooms, signal);
    try {
      const build = this.#build.bind(this);
      return await buildPlatforms({ request, images: this.#rooms.images, build, progress, signal });
    } catch (error) {
      throw explained(error);
    } finally {
      await release();
    }
  }

  async #build(asked: BuildRequest, progress: (event: BuildProgress) => unknown, signal: AbortSignal): Promise<BuiltImage> {
    const id = randomBytes(12).toString("hex");
    const trees = this.#trees(id, asked);
    this.#running.add(id);
    this.#rooms.later.postpone();
    try {
      const { text, name: sent } = await readDockerfile(trees, asked.dockerfile);
      const origin = asked.client && originOf(asked.client, { text, name: sent, base: asked.contextName?.split(":")[0] }, this.#seen);
      const { dockerfile: name = sent, ...named } = origin ?? {};
      const request = { ...asked, ...named };
      if (isAbsolute(nameOf(request))) this.#saw(nameOf(request));
      const graph = plan(parseDockerfile(text), request);
      const built = await this.#run({ id, request, graph, trees, name, text, progress, signal });
      this.#events.publish("builder", "build", built.imageId, {});
      return built;
    } finally {
      await trees.close();
      this.#running.delete(id);
      await this.#keepWithinBudget();
      if (this.#running.size === 0) this.#rooms.later.run();
    }
  }

  async #run(parts: {
    id: string;
    request: BuildRequest;
    graph: Graph;
    trees: Trees;
    name: string;
    text: string;
    progress: (event: BuildProgress) => unknown;
    signal: AbortSignal;
  }): Promise<BuiltImage> {
    const { id, request, name, signal } = parts;
    const { target, platform, tags } = request;
    const called = buildName(request.buildArgs);
    const optional = {
      ...(called && { name: called }),
      ...(target === undefined ? {} : { target }),
      ...(platform === undefined ? {} : { platform }),
    };
    const head = { id, ...request.asked, contextName: nameOf(request), dockerfile: name, ...optional, tags, startedMs: Date.now() };
    const reporter = new Reporter(this.#records, head, parts.progress);
    const reasons = await this.#reasons(request, name);
    await reporter.begin(parts.text);
    const build = new Build({ ...parts, rooms: this.#rooms, reporter, reasons, slots: this.#slots });
    try {
      const built = await build.run();
      await reporter.finish({ status: "succeeded", imageId: built.imageId });
      return built;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      await reporter.finish(signal.aborted ? { status: "canceled" } : { status: "failed", error: message });
      throw error;
    } finally {
      await reasons.save();
      this.#rooms.later.do("manifests", () => reasons.tidy());
      this.#rooms.later.do("records", () => this.#records.tidy());
    }
  }

  /** The last of them counts first. */
  #saw(directory: string): void {
    const others = [...this.#seen].filter((each) => each !== directory).slice(0, KEPT_SEEN);
    this.#seen.clear();
    for (const each of [directory, ...others]) this.#seen.add(each);
  }

  #reasons(request: BuildRequest, name: string): Promise<Reasons> {
    const { target = "", platform } = request;
    return Reasons.open(this.#rooms, { contextName: nameOf(request), name, target, platform });
  }

  async predict(asked: PredictRequest, signal = new AbortController().signal): Promise<Prediction> {
    const request = await toBuildRequest(asked);
    this.#saw(request.contextDir);
    const trees = this.#trees(`predict-${randomBytes(6).toString("hex")}`, request);
    try {
      const { text, name } = await readDockerfile(trees, request.dockerfile);
      const graph = plan(parseDockerfile(text), request);
      const reasons = await this.#reasons(request, name);
      const steps = await new Predictor({ rooms: this.#rooms, request, graph, trees, reasons, signal }).run();
      const { findings } = await checkBuild(graph, trees, this.#rooms.images);
      const about = { contextName: nameOf(request), dockerfile: name };
      return summary(about, steps, { last: lastRuns(await this.#records.list(), about), warnings: findings.map(toWarning) });
    } finally {
      await this.#close(trees);
    }
  }

  async describe(method: string, request: BuildRequest): Promise<BuildDescription> {
    const trees = this.#trees(`describe-${randomBytes(6).toString("hex")}`, request);
    try {
      const { text, name } = await readDockerfile(trees, request.dockerfile);
      const graph = plan(parseDockerfile(text), request);
      const { findings } = await checkBuild(graph, trees, this.#rooms.images);
      return describe(method, { name, graph, findings });
    } finally {
      await this.#close(trees);
    }
  }

  async #close(trees: Trees): Promise<void> {
    await trees.close();
    if (this.#running.size === 0) this.#rooms.later.run();
  }

  #trees(id: string, request: BuildRequest): Trees {
    const contexts = Object.entries(request.contexts ?? {}).flatMap(([name, context]) =>
      "dir" in context ? [[name, context.dir] as const] : [],
    );
    return new Trees({
      snapshots: this.#rooms.snapshots,
      stateDirectory: this.#rooms.stateDirectory,
      contextDir: request.contextDir,
      contexts: new Map(contexts),
      dockerfile: "path" in request.dockerfile ? request.dockerfile.path : undefined,
      dockerignore: request.dockerignore,
      keyPrefix: `build-${id}-`,
      later: this.#rooms.later,
      memory: this.#memory,
      announced: request.announced,
    });
  }

  expect(announced: Announced): void {
    const memory = this.#memory.peek(announced.contextDir);
    if (this.#running.size === 0) this.#rooms.later.run(EXPECTED_MS);
    // Nobody waits for it: what it does not come to is done by the build.
    if (memory) lookAhead(announced, memory).catch(() => undefined);
  }

  /** What no image uses goes first come, first gone, until a fifth of the budget is free again. */
  async #keepWithinBudget(): Promise<void> {
    const { cache, contexts } = this.#rooms;
    if (this.#running.size > 0 || cache.sizeBytes + contexts.sizeBytes <= this.#cacheBytes) return;
    await pruneCache(this.#rooms, { all: false, keepBytes: Math.floor(this.#cacheBytes * 0.8) }, { busy: false });
  }

  prune(options: Parameters<Builder["prune"]>[0]): ReturnType<Builder["prune"]> {
    return pruneCache(this.#rooms, options, { busy: this.#running.size > 0 });
  }

  cache(): ReturnType<Builder["cache"]> {
    return listCache(this.#rooms);
  }

  async sweep(): Promise<void> {
    const { temporary, snapshots } = this.#rooms;
    for (const { target } of mountPoints()) if (target.startsWith(`${temporary}/`)) unmount(target, { lazy: true });
    for (const name of await readdir(temporary)) await removeTree(join(temporary, name));
    await mkdir(temporary, { recursive: true });
    await this.#records.sweep();
    for (const key of await snapshots.keys()) if (key.startsWith("build-")) await snapshots.remove(key);
  }
}

/** @throws {EngineError} invalid for a frontend that is not ours, and for what planStages refuses */
function plan(dockerfile: Dockerfile, request: BuildRequest): Graph {
  refuseOtherFrontend(dockerfile, request);
  const buildPlatform = hostPlatform();
  return planStages(dockerfile, {
    ...(request.target === undefined ? {} : { target: request.target }),
    buildArgs: request.buildArgs,
    // Of several, what is only looked at is the first.
    platform: request.platform ? parsePlatform(request.platform.split(",", 1)[0]!) : buildPlatform,
    buildPlatform,
    contexts: new Set(Object.keys(request.contexts ?? {})),
  });
}

/** Every version of docker/dockerfile means the language that is built in; nothing is ever fetched for it. */
const ownFrontend = /^(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?::[\w.-]+)?(?:@sha256:[0-9a-f]+)?$|^dockerfile\.v0$/;

function refuseOtherFrontend(dockerfile: Dockerfile, request: BuildRequest): void {
  const syntax = request.buildArgs["BUILDKIT_SYNTAX"] ?? dockerfile.directives.find(({ name }) => name === "syntax")?.value;
  const frontend = syntax?.split(/\s/, 1)[0];
  if (frontend === undefined || ownFrontend.test(frontend)) return;
  throw new EngineError(
    "invalid",
    `Cannot build with "# syntax=${frontend}": Berth knows the Dockerfile language (docker/dockerfile) and runs no other frontend`,
  );
}
