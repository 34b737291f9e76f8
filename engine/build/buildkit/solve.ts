/**
 * One build as a client drives it: Control.Solve begins it, LLBBridge.Solve loads the Dockerfile, LLBBridge.Return says what
 * to export, and then the builder runs.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { makeDirectory, removeTree } from "../../host/files.ts";
import type { Peer } from "../../host/peer.ts";
import type { Images } from "../../images/images.ts";
import type { Snapshots } from "../../layers/snapshots.ts";
import { plainArchive } from "../archive.ts";
import { isOn } from "../build-args.ts";
import type { Builder, BuildProgress, BuildRequest, BuiltImage } from "../builder.ts";
import type { CacheSource, CacheTarget } from "../cache-options.ts";
import type { Access } from "../remote-access.ts";
import { fetchContext } from "../remote-context.ts";
import { receiveContext } from "../tar-tree.ts";
import { buildError } from "./build-error.ts";
import { ClientContent } from "./client-content.ts";
import { ForwardedAgents, readLogin, readSecret } from "./client-services.ts";
import type { ContextDirectories } from "./context-directory.ts";
import { readsContext } from "./reads-context.ts";
import { readUpload } from "./export.ts";
import { Exporters, storedAs } from "./exporters.ts";
import { readFiles, receiveFiles } from "./file-sync.ts";
import { GrpcError, UNIMPLEMENTED, UNKNOWN } from "./grpc.ts";
import type { ControlSolveRequest, ReturnRequest } from "./messages.ts";
import {
  dockerfileOf,
  exportedCaches,
  importedCaches,
  ignoredOptions,
  namedContexts,
  remoteContext,
  requestOptions,
  uploadedContext,
} from "./options.ts";
import type { FrontendOptions } from "./options.ts";
import type { Session } from "./session.ts";
import { BuildStatus, Vertex } from "./status.ts";
import { StatusFeed } from "./status-feed.ts";

export interface SolveRooms {
  readonly builder: Builder;
  readonly images: Images;
  readonly snapshots: Snapshots;
  readonly contexts: ContextDirectories;
  /** For uploaded archives and sockets. */
  readonly scratch: string;
  readonly session: (id: string) => Promise<Session>;
}

/** What the frontend has loaded. */
interface Loaded {
  readonly options: FrontendOptions;
  readonly name: string;
  /** Undefined when it is in the archive. */
  readonly dockerfile: Buffer | undefined;
  readonly dockerignore: string;
  /** The context when it was fetched, or uploaded as an archive. */
  readonly archive: string | undefined;
}

/** Results of other builds that this one stands on, by name. */
type Inputs = ReadonlyMap<string, () => Promise<BuiltImage>>;

/** Things to let go of when the build ends, newest first. */
type Releases = (() => Promise<void>)[];

export class Solve {
  readonly feed = new StatusFeed();
  readonly #id = randomBytes(12).toString("hex");
  readonly #rooms: SolveRooms;
  readonly #request: ControlSolveRequest;
  readonly #session: Session;
  readonly #client: Peer | undefined;
  readonly #signal: AbortSignal;
  readonly #loaded = new Map<string, Loaded & { inputs: Inputs }>();
  readonly #builds = new Map<string, Promise<BuiltImage>>();
  readonly #returned = Promise.withResolvers<ReturnRequest>();
  readonly #releases: Releases = [];
  #agents: ForwardedAgents | undefined;
  /** Gives caches to the client when the build has succeeded; they tell what the client is told. */
  readonly #caching: (() => Promise<Record<string, string>>)[] = [];
  #vertexes = 0;

  /** @param signal of the call; the build ends with the session too */
  constructor(rooms: SolveRooms, parts: { request: ControlSolveRequest; session: Session; signal: AbortSignal; client: Peer | undefined }) {
    this.#rooms = rooms;
    this.#client = parts.client;
    this.#request = parts.request;
    this.#session = parts.session;
    this.#signal = AbortSignal.any([parts.signal, parts.session.signal]);
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
      for (const release of this.#releases.splice(0).toReversed()) await release();
      this.feed.end();
    }
  }

  async #run(): Promise<Record<string, string>> {
    const { Frontend, FrontendAttrs } = this.#request;
    const id = Frontend === "" ? await this.#result() : await this.load(Frontend, FrontendAttrs);
    if (id === "") return {};
    const exporters = this.#exporters();
    const answer = await exporters.run(await this.built(id));
    for (const give of this.#caching) Object.assign(answer, await give());
    return answer;
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
    const { result, error } = await this.#orAborted(this.#returned.promise);
    if (error?.code) throw new GrpcError(error.code, error.message ?? "", error.details ?? []);
    return result?.ref?.id ?? "";
  }

  #orAborted<T>(promise: Promise<T>): Promise<T> {
    const signal = this.#signal;
    const aborted = new Promise<never>((_resolve, reject) => {
      if (signal.aborted) reject(signal.reason as Error);
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    });
    return Promise.race([promise, aborted]);
  }

  /** Loads what the frontend needs before anything runs. @returns the id of the result */
  async load(frontend: string, options: FrontendOptions, inputs: Inputs = new Map()): Promise<string> {
    if (frontend !== "dockerfile.v0") throw new GrpcError(UNIMPLEMENTED, `the frontend ${JSON.stringify(frontend)} is not supported`);
    const id = randomBytes(12).toString("hex");
    this.#loaded.set(id, { ...(await this.#loadContext(options)), inputs });
    return id;
  }

  /**
   * What the frontend answers instead of building: findings of the checks, an outline, the targets.
   * @returns the metadata of the answer
   */
  async describe(request: string, options: FrontendOptions): Promise<Record<string, Buffer>> {
    const method = /^frontend\.(lint|outline|targets)$/.exec(request)?.[1];
    if (method === undefined) throw new GrpcError(UNIMPLEMENTED, `the frontend request ${request} is not supported`);
    const { name, dockerfile, dockerignore, archive } = await this.#loadContext(options);
    const contextDir = archive ?? (await this.#empty());
    const { json, text, status } = await this.#rooms.builder.describe(method, {
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

  async #loadContext(options: FrontendOptions): Promise<Loaded> {
    const upload = uploadedContext(options);
    if (upload) return this.#loadArchive(options, await this.#received(upload));
    const remote = remoteContext(options);
    if (remote === undefined) return this.#loadFiles(options);
    const { dir, dockerfile } = await this.#vertex("[internal] load remote build context").during(async () =>
      fetchContext(remote, await this.#scratch(), {
        signal: this.#signal,
        access: this.#access(),
        keepGitDir: isOn(requestOptions(options).buildArgs, "BUILDKIT_CONTEXT_KEEP_GIT_DIR"),
      }),
    );
    return this.#loadArchive(dockerfile === undefined ? options : { ...options, filename: dockerfile }, dir);
  }

  /** The Dockerfile is in the context, or the client sends it apart. */
  async #loadArchive(options: FrontendOptions, archive: string): Promise<Loaded> {
    const name = options["filename"] || "Dockerfile";
    if (options["dockerfilekey"] === undefined) return { options, name, dockerfile: undefined, dockerignore: "", archive };
    const key = options["dockerfilekey"];
    const vertex = this.#vertex(`[internal] load build definition from ${name.split("/").at(-1)!}`);
    const files = await vertex.during(() => this.#small(key, options, { vertex, follow: [name] }));
    return { options, name, dockerfile: files.get(name), dockerignore: "", archive };
  }

  async #received(upload: { path: string; host: string }): Promise<string> {
    const directory = await this.#scratch();
    return this.#vertex("[internal] load remote build context").during(async () =>
      receiveContext(await plainArchive(readUpload(this.#session, upload)), directory, { signal: this.#signal }),
    );
  }

  /** The client's secrets and agents. */
  #access(): Required<Access> {
    return { secret: (id) => readSecret(this.#session, id), sshAgent: async (id) => (await this.#forwarded()).socket(id) };
  }

  async #forwarded(): Promise<ForwardedAgents> {
    await makeDirectory(this.#rooms.scratch);
    if (this.#agents) return this.#agents;
    const agents = new ForwardedAgents(this.#session, this.#rooms.scratch);
    this.#releases.push(() => agents.close());
    return (this.#agents = agents);
  }

  /** A directory that goes with the build. */
  async #scratch(): Promise<string> {
    const directory = join(this.#rooms.scratch, randomBytes(12).toString("hex"));
    await makeDirectory(directory);
    this.#releases.push(() => removeTree(directory));
    return directory;
  }

  async #loadFiles(options: FrontendOptions): Promise<Loaded> {
    const name = options["filename"] || "Dockerfile";
    const vertex = this.#vertex(`[internal] load build definition from ${name.split("/").at(-1)!}`);
    const files = await vertex.during(async () => {
      const found = await this.#small("dockerfile", options, { vertex, follow: [name, `${name}.dockerignore`, "dockerfile"] });
      if (!dockerfileOf(found, name)) throw new GrpcError(UNKNOWN, `failed to read dockerfile: open ${name}: no such file or directory`);
      return found;
    });
    const ignoring = this.#vertex("[internal] load .dockerignore");
    const dockerignore = await ignoring.during(
      async () =>
        files.get(`${name}.dockerignore`) ??
        (await this.#small("context", options, { vertex: ignoring, follow: [".dockerignore"] })).get(".dockerignore"),
    );
    return { options, name, dockerfile: dockerfileOf(files, name)!, dockerignore: dockerignore?.toString() ?? "", archive: undefined };
  }

  /** Files that are read whole. */
  async #small(
    directory: string,
    options: FrontendOptions,
    { vertex, follow }: { vertex: Vertex; follow: readonly string[] },
  ): Promise<Map<string, Buffer>> {
    const session = await this.#sessionOf(options, directory);
    const { progress, done } = vertex.transfer(`transferring ${directory}:`);
    const files = await readFiles(session, { directory, follow }, { signal: this.#signal, progress });
    done([...files.values()].reduce((sum, { length }) => sum + length, 0));
    return files;
  }

  async #sessionOf(options: FrontendOptions, directory: string): Promise<Session> {
    const id = options[`local-sessionid:${directory}`];
    return id === undefined ? this.#session : this.#orAborted(this.#rooms.session(id));
  }

  #exporters(): Exporters {
    const { images, snapshots } = this.#rooms;
    return new Exporters({
      exporters: this.#request.Exporters,
      images,
      snapshots,
      session: this.#session,
      signal: this.#signal,
      login: (domain) => readLogin(this.#session, domain),
      vertex: (name) => this.#vertex(name),
      // The sweep at the engine's start knows a build's snapshots by their first word.
      key: `build-export-${this.#id}`,
      release: (release) => void this.#releases.push(release),
    });
  }

  #vertex(name: string): Vertex {
    return new Vertex(this.feed, `${this.#id} ${this.#vertexes++}`, { name });
  }

  async #build(loaded: Loaded & { inputs: Inputs }): Promise<BuiltImage> {
    const source = { filename: loaded.name, data: loaded.dockerfile ?? Buffer.alloc(0) };
    let checking: Vertex | undefined;
    const warn = (warning: BuildProgress & { type: "warning" }): void => {
      if (!checking) (checking = this.#vertex("[internal] check build definition")).start();
      checking.warn(warning, source);
    };
    const status = new BuildStatus(this.feed, this.#id, warn);
    try {
      const request = await this.#buildRequest(loaded);
      for (const message of ignoredOptions(loaded.options)) warn({ type: "warning", message });
      this.#exporters().check(request.platform ?? "");
      const image = await this.#rooms.builder.build(request, status.progress, this.#signal);
      checking?.end();
      return image;
    } catch (error) {
      checking?.end();
      status.close(this.#signal.aborted ? "context canceled" : "canceled");
      this.#signal.throwIfAborted();
      throw buildError(error, status, source);
    }
  }

  async #buildRequest(loaded: Loaded & { inputs: Inputs }): Promise<BuildRequest> {
    const { options, archive, dockerfile, name } = loaded;
    const contextDir = archive ?? (await this.#context(loaded));
    return {
      ...requestOptions(options),
      contextDir,
      dockerfile: dockerfile ? { text: dockerfile.toString(), name } : { path: name },
      ...(!archive && { dockerignore: loaded.dockerignore }),
      ...storedAs(this.#request.Exporters),
      ...(await this.#namedContexts(options, loaded.inputs)),
      ...(await this.#caches(options)),
      ...this.#access(),
      login: (domain) => readLogin(this.#session, domain),
      ...(this.#request.Entitlements.length > 0 && { entitlements: this.#request.Entitlements }),
      asked: { ref: this.#request.Ref, frontendAttrs: options },
      ...(this.#session.sharedKey !== "" && { contextName: this.#session.sharedKey }),
      ...(this.#client && { client: this.#client }),
    };
  }

  /** A client's directories are copied from and to it. */
  async #caches(options: FrontendOptions): Promise<Pick<BuildRequest, "cacheFrom" | "cacheTo">> {
    const cacheFrom: CacheSource[] = [];
    for (const entry of importedCaches(options))
      if (entry.type === "local") cacheFrom.push(await this.#localCache(entry));
      else cacheFrom.push(entry);
    const cacheTo: CacheTarget[] = [];
    for (const entry of exportedCaches(this.#request.Cache?.Exports ?? [])) {
      if (entry.type !== "local") cacheTo.push(entry);
      else {
        const directory = await this.#scratch();
        const content = new ClientContent(this.#session, `local:${entry.directory}`);
        this.#caching.push(() => this.#vertex("exporting cache to client directory").during(() => content.giveLayout(directory)));
        cacheTo.push({ ...entry, directory });
      }
    }
    return { cacheFrom, cacheTo };
  }

  async #localCache({ directory: source, tag }: CacheSource & { type: "local" }): Promise<CacheSource> {
    const directory = await this.#scratch();
    const content = new ClientContent(this.#session, `local:${source}`);
    await this.#vertex("importing cache manifest from local").during(() => content.copyImage(tag, directory, this.#signal));
    return { type: "local", directory, tag };
  }

  /** The files of the context, received when the build can need them. */
  async #context(loaded: Loaded): Promise<string> {
    const exclude = loaded.dockerignore
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => line !== "" && !line.startsWith("#"));
    if (await readsContext(loaded.dockerfile?.toString() ?? "", this.#rooms.images))
      return this.#directory(loaded.options, "context", exclude);
    return this.#empty();
  }

  async #empty(): Promise<string> {
    const empty = await this.#rooms.contexts.take("");
    this.#releases.push(() => empty.release());
    return empty.directory;
  }

  async #directory(options: FrontendOptions, name: string, exclude: readonly string[], from?: string): Promise<string> {
    const session = from === undefined ? await this.#sessionOf(options, name) : await this.#orAborted(this.#rooms.session(from));
    const label = name === "context" ? "[internal] load build context" : `[context ${name}] load from client`;
    const vertex = this.#vertex(label);
    const taken = await this.#rooms.contexts.take(session.sharedKey && `${session.sharedKey} ${name}`);
    this.#releases.push(() => taken.release());
    await vertex.during(async () => {
      const { progress, done } = vertex.transfer(`transferring ${name}:`);
      done(await receiveFiles(session, { directory: name, exclude }, { sink: taken.sink, signal: this.#signal, progress }));
      await taken.keep();
    });
    return taken.directory;
  }

  async #namedContexts(options: FrontendOptions, inputs: Inputs): Promise<Pick<BuildRequest, "contexts" | "fetchedContexts">> {
    const contexts: Record<string, { dir: string } | { image: string }> = {};
    const fetchedContexts: Record<string, string> = {};
    for (const [name, context] of namedContexts(options)) {
      if ("image" in context) contexts[name] = context;
      else if ("input" in context) contexts[name] = { image: await this.#input(context.input, inputs) };
      else if ("remote" in context) fetchedContexts[name] = context.remote;
      else if ("store" in context) fetchedContexts[name] = await this.#layout(name, context);
      else contexts[name] = { dir: await this.#directory(options, context.directory, [], context.session) };
    }
    return { contexts, fetchedContexts };
  }

  /** @returns the id of the image that another build makes */
  async #input(name: string, inputs: Inputs): Promise<string> {
    const build = inputs.get(name);
    if (!build) throw new GrpcError(UNKNOWN, `no such input: ${name}`);
    return (await this.#orAborted(build())).imageId;
  }

  /** Copies an image out of the client's layout. */
  async #layout(name: string, { store, digest }: { store: string; digest: string }): Promise<string> {
    const directory = await this.#scratch();
    const content = new ClientContent(this.#session, store);
    await this.#vertex(`[context ${name}] load from OCI layout`).during(() => content.copyImage(digest, directory, this.#signal));
    return `oci-layout://${directory}@${digest}`;
  }
}
