/**
 * One build as a client drives it: Control.Solve begins it, LLBBridge.Solve loads the Dockerfile, LLBBridge.Return says what
 * to export, and then the builder runs.
 */
import { randomBytes } from "node:crypto";
import type { Readable } from "node:stream";
import type { Peer } from "../../host/peer.ts";
import type { BuildProgress, BuiltImage } from "../builder.ts";
import { explained } from "../full-disk.ts";
import { buildError } from "./build-error.ts";
import { Exporters } from "./exporters.ts";
import { GrpcError, UNIMPLEMENTED, UNKNOWN } from "./grpc.ts";
import type { ControlSolveRequest, ReturnRequest } from "./messages.ts";
import { requestOptions } from "./options.ts";
import type { FrontendOptions } from "./options.ts";
import { RequestMaker } from "./request-maker.ts";
import type { Inputs } from "./request-maker.ts";
import type { Session } from "./session.ts";
import { SolveScope } from "./solve-scope.ts";
import type { SolveRooms } from "./solve-scope.ts";
import { loadSource } from "./source.ts";
import type { Loaded } from "./source.ts";
import { BuildStatus } from "./status.ts";
import type { Vertex } from "./status.ts";
import type { StatusFeed } from "./status-feed.ts";

export interface SolveParts {
  readonly request: ControlSolveRequest;
  readonly session: Session;
  /** Of the call; the build ends with the session too. */
  readonly signal: AbortSignal;
  /** The process at the other end. */
  readonly client: Peer | undefined;
  /** The context, when it comes beside the session. */
  readonly archive?: (() => Promise<Readable>) | undefined;
}

export class Solve {
  readonly feed: StatusFeed;
  readonly #scope: SolveScope;
  readonly #request: ControlSolveRequest;
  readonly #maker: RequestMaker;
  readonly #loaded = new Map<string, Loaded & { inputs: Inputs }>();
  readonly #builds = new Map<string, Promise<BuiltImage>>();
  readonly #returned = Promise.withResolvers<ReturnRequest>();

  constructor(rooms: SolveRooms, { request, session, signal, client, archive }: SolveParts) {
    this.#scope = new SolveScope(rooms, { session, signal: AbortSignal.any([signal, session.signal]), archive });
    this.feed = this.#scope.feed;
    this.#request = request;
    this.#maker = new RequestMaker(this.#scope, request, client);
  }

  /** The client says what its build comes to. */
  return(request: ReturnRequest): void {
    this.#returned.resolve(request);
  }

  /** Waits for the client's result and makes it. @returns what the exporters say */
  async run(): Promise<Record<string, string>> {
    try {
      return await this.#run();
    } finally {
      await this.#scope.close();
    }
  }

  async #run(): Promise<Record<string, string>> {
    const { Frontend, FrontendAttrs } = this.#request;
    const id = Frontend === "" ? await this.#result() : await this.load(Frontend, FrontendAttrs);
    if (id === "") return {};
    const built = await this.built(id);
    try {
      return { ...(await this.#exporters().run(built)), ...(await this.#maker.giveCaches()) };
    } catch (error) {
      throw explained(error);
    }
  }

  /** Builds a result, once, for this client's own exporters or for another build that stands on it. @throws {GrpcError} */
  built(id: string): Promise<BuiltImage> {
    let built = this.#builds.get(id);
    if (!built) {
      const loaded = this.#loaded.get(id);
      if (!loaded) throw new GrpcError(UNKNOWN, `no such ref: ${id}`);
      built = this.#build(loaded);
      built.catch(() => undefined);
      this.#builds.set(id, built);
    }
    return built;
  }

  /** @throws {GrpcError} the client's own error, which it got from here before */
  async #result(): Promise<string> {
    const { result, error } = await this.#scope.orAborted(this.#returned.promise);
    if (error?.code) throw new GrpcError(error.code, error.message ?? "", error.details ?? []);
    return result?.ref?.id ?? "";
  }

  /** Loads what the frontend needs before anything runs. @returns the id of the result */
  async load(frontend: string, options: FrontendOptions, inputs: Inputs = new Map()): Promise<string> {
    if (frontend !== "dockerfile.v0") throw new GrpcError(UNIMPLEMENTED, `the frontend ${JSON.stringify(frontend)} is not supported`);
    const id = randomBytes(12).toString("hex");
    this.#loaded.set(id, { ...(await loadSource(this.#scope, options)), inputs });
    return id;
  }

  /**
   * What the frontend answers instead of building: findings of the checks, an outline, the targets.
   * @returns the metadata of the answer
   */
  async describe(request: string, options: FrontendOptions): Promise<Record<string, Buffer>> {
    const method = /^frontend\.(lint|outline|targets)$/.exec(request)?.[1];
    if (method === undefined) throw new GrpcError(UNIMPLEMENTED, `the frontend request ${request} is not supported`);
    const { name, dockerfile, dockerignore, archive } = await loadSource(this.#scope, options);
    const contextDir = archive ?? (await this.#scope.emptyDirectory());
    const { json, text, status } = await this.#scope.rooms.builder.describe(method, {
      ...requestOptions(options),
      contextDir,
      dockerfile: dockerfile ? { text: dockerfile.toString(), name } : { path: name },
      dockerignore,
      tags: [],
    });
    const answer = {
      "result.json": JSON.stringify(json),
      "result.txt": text,
      version: "1.0.0",
      ...(method === "lint" && { "result.statuscode": String(status) }),
    };
    return Object.fromEntries(Object.entries(answer).map(([key, value]) => [key, Buffer.from(value)]));
  }

  #exporters(): Exporters {
    const { images, snapshots } = this.#scope.rooms;
    return new Exporters({
      exporters: this.#request.Exporters,
      images,
      snapshots,
      session: this.#scope.session,
      signal: this.#scope.signal,
      login: this.#scope.login,
      vertex: (name) => this.#scope.vertex(name),
      // The sweep at the engine's start knows a build's snapshots by their first word.
      key: `build-export-${this.#scope.id}`,
      release: (release) => this.#scope.later(release),
    });
  }

  async #build(loaded: Loaded & { inputs: Inputs }): Promise<BuiltImage> {
    const source = { filename: loaded.name, data: loaded.dockerfile ?? Buffer.alloc(0) };
    let checking: Vertex | undefined;
    const warn = (warning: BuildProgress & { type: "warning" }): void => {
      if (!checking) (checking = this.#scope.vertex("[internal] check build definition")).start();
      checking.warn(warning, source);
    };
    const status = new BuildStatus(this.feed, this.#scope.id, warn);
    try {
      const request = await this.#maker.make(loaded);
      this.#exporters().check(request.platform ?? "");
      const image = await this.#scope.rooms.builder.build(request, status.progress, this.#scope.signal);
      checking?.end();
      return image;
    } catch (error) {
      checking?.end();
      status.close(this.#scope.signal.aborted ? "context canceled" : "canceled");
      this.#scope.signal.throwIfAborted();
      throw buildError(error, status, source);
    }
  }
}
