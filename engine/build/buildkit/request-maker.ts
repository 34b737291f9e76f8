/** A client's build as the builder takes it: its files, named contexts and caches are brought here first. */
import type { Peer } from "../../host/peer.ts";
import type { BuildRequest, BuiltImage } from "../builder.ts";
import type { CacheSource, CacheTarget } from "../cache-options.ts";
import { ClientContent } from "./client-content.ts";
import { storedAs } from "./exporters.ts";
import { receiveFiles } from "./file-sync.ts";
import { GrpcError, UNKNOWN } from "./grpc.ts";
import type { ControlSolveRequest } from "./messages.ts";
import { exportedCaches, importedCaches, namedContexts, requestOptions } from "./options.ts";
import type { FrontendOptions } from "./options.ts";
import { readsContext } from "./reads-context.ts";
import type { SolveScope } from "./solve-scope.ts";
import type { Loaded } from "./source.ts";

/** Results of other builds that this one stands on, by name. */
export type Inputs = ReadonlyMap<string, () => Promise<BuiltImage>>;

/** One request for the builder, made once. */
export class RequestMaker {
  readonly #scope: SolveScope;
  readonly #request: ControlSolveRequest;
  readonly #client: Peer | undefined;
  /** Gives caches to the client when the build has succeeded; they tell what the client is told. */
  readonly #caching: (() => Promise<Record<string, string>>)[] = [];

  /** @param client the process at the other end */
  constructor(scope: SolveScope, request: ControlSolveRequest, client: Peer | undefined) {
    this.#scope = scope;
    this.#request = request;
    this.#client = client;
  }

  /** Gives the client the caches that it asked for. @returns what it is told of them */
  async giveCaches(): Promise<Record<string, string>> {
    const answer = {};
    for (const give of this.#caching) Object.assign(answer, await give());
    return answer;
  }

  async make(loaded: Loaded & { inputs: Inputs }): Promise<BuildRequest> {
    const { options, archive, dockerfile, name } = loaded;
    const contextDir = archive ?? (await this.#context(loaded));
    return {
      ...requestOptions(options),
      contextDir,
      dockerfile: dockerfile ? { text: dockerfile.toString(), name } : { path: name },
      ...(loaded.remote && { remote: loaded.remote }),
      ...(!archive && { dockerignore: loaded.dockerignore }),
      ...storedAs(this.#request.Exporters),
      ...(await this.#namedContexts(options, loaded.inputs)),
      ...(await this.#caches(options)),
      ...this.#scope.access(),
      login: this.#scope.login,
      ...(this.#request.Entitlements.length > 0 && { entitlements: this.#request.Entitlements }),
      asked: { ref: this.#request.Ref, frontendAttrs: options },
      ...(this.#scope.session.sharedKey !== "" && { contextName: this.#scope.session.sharedKey }),
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
        const directory = await this.#scope.scratch();
        const content = new ClientContent(this.#scope.session, `local:${entry.directory}`);
        this.#caching.push(() => this.#scope.vertex("exporting cache to client directory").during(() => content.giveLayout(directory)));
        cacheTo.push({ ...entry, directory });
      }
    }
    return { cacheFrom, cacheTo };
  }

  async #localCache({ directory: source, tag }: CacheSource & { type: "local" }): Promise<CacheSource> {
    const directory = await this.#scope.scratch();
    const content = new ClientContent(this.#scope.session, `local:${source}`);
    await this.#scope.vertex("importing cache manifest from local").during(() => content.copyImage(tag, directory, this.#scope.signal));
    return { type: "local", directory, tag };
  }

  /** The files of the context, received when the build can need them. */
  async #context(loaded: Loaded): Promise<string> {
    const exclude = loaded.dockerignore
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => line !== "" && !line.startsWith("#"));
    if (await readsContext(loaded.dockerfile?.toString() ?? "", this.#scope.rooms.images))
      return this.#directory(loaded.options, "context", exclude);
    return this.#scope.emptyDirectory();
  }

  async #directory(options: FrontendOptions, name: string, exclude: readonly string[], from?: string): Promise<string> {
    const session = from === undefined ? await this.#scope.sessionOf(options, name) : await this.#scope.sessionBy(from);
    const label = name === "context" ? "[internal] load build context" : `[context ${name}] load from client`;
    const vertex = this.#scope.vertex(label);
    const taken = await this.#scope.rooms.contexts.take(session.sharedKey && `${session.sharedKey} ${name}`);
    this.#scope.later(() => taken.release());
    await vertex.during(async () => {
      const { progress, done } = vertex.transfer(`transferring ${name}:`);
      done(await receiveFiles(session, { directory: name, exclude }, { sink: taken.sink, signal: this.#scope.signal, progress }));
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
    return (await this.#scope.orAborted(build())).imageId;
  }

  /** Copies an image out of the client's layout. */
  async #layout(name: string, { store, digest }: { store: string; digest: string }): Promise<string> {
    const directory = await this.#scope.scratch();
    const content = new ClientContent(this.#scope.session, store);
    await this.#scope
      .vertex(`[context ${name}] load from OCI layout`)
      .during(() => content.copyImage(digest, directory, this.#scope.signal));
    return `oci-layout://${directory}@${digest}`;
  }
}
