/**
 * One build as a client drives it: Control.Solve begins it, LLBBridge.Solve loads the Dockerfile, LLBBridge.Return says what
 * to export, and then the builder runs.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { makeDirectory, removeTree } from "../../host/files.ts";
import type { Images } from "../../images/images.ts";
import { topLayer } from "../../images/images.ts";
import type { Digest, Snapshots } from "../../layers/snapshots.ts";
import { canonicalReference, parseReference, withDefaultTag } from "../../syntax/reference.ts";
import { parseDockerfile } from "../../syntax/dockerfile/parse.ts";
import { plainArchive } from "../archive.ts";
import { StepError } from "../builder.ts";
import type { Builder, BuildProgress, BuildRequest } from "../builder.ts";
import { DirectoryTree } from "../directory-tree.ts";
import { emptyTree } from "../file-tree.ts";
import { receiveContext } from "../tar-tree.ts";
import { ForwardedAgents, readLogin, readSecret } from "./client-services.ts";
import type { ContextDirectories } from "./context-directory.ts";
import { readUpload, sendDirectory, sendTar } from "./export.ts";
import { readFiles, receiveFiles } from "./file-sync.ts";
import { GrpcError, jsonDetail, UNIMPLEMENTED, UNKNOWN } from "./grpc.ts";
import type { ControlSolveRequest, ReturnRequest } from "./messages.ts";
import { exportedCaches, importedCaches, namedContexts, requestOptions, uploadedContext } from "./options.ts";
import type { FrontendOptions } from "./options.ts";
import type { Session } from "./session.ts";
import { buildkitMessage, BuildStatus, Vertex } from "./status.ts";
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
  readonly dockerfile: Buffer;
  readonly dockerignore: string;
  /** The context when it was uploaded as an archive. */
  readonly archive: string | undefined;
}

/** Things to let go of when the build ends, newest first. */
type Releases = (() => Promise<void>)[];

export class Solve {
  readonly feed = new StatusFeed();
  readonly #id = randomBytes(12).toString("hex");
  readonly #rooms: SolveRooms;
  readonly #request: ControlSolveRequest;
  readonly #session: Session;
  readonly #signal: AbortSignal;
  readonly #loaded = new Map<string, Loaded>();
  readonly #returned = Promise.withResolvers<ReturnRequest>();
  readonly #releases: Releases = [];
  #vertexes = 0;

  /** @param signal of the call; the build ends with the session too */
  constructor(rooms: SolveRooms, parts: { request: ControlSolveRequest; session: Session; signal: AbortSignal }) {
    this.#rooms = rooms;
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
    const loaded = this.#loaded.get(id);
    if (!loaded) throw new GrpcError(UNKNOWN, `no such ref: ${id}`);
    return this.#build(loaded);
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
  async load(frontend: string, options: FrontendOptions): Promise<string> {
    if (frontend !== "dockerfile.v0") throw new GrpcError(UNIMPLEMENTED, `the frontend ${JSON.stringify(frontend)} is not supported`);
    const id = randomBytes(12).toString("hex");
    const upload = uploadedContext(options);
    this.#loaded.set(id, upload ? await this.#loadArchive(options, upload) : await this.#loadFiles(options));
    return id;
  }

  /**
   * What the frontend answers instead of building: findings of the checks, an outline, the targets.
   * @returns the metadata of the answer
   */
  async describe(request: string, options: FrontendOptions): Promise<Record<string, Buffer>> {
    const method = /^frontend\.(lint|outline|targets)$/.exec(request)?.[1];
    if (method === undefined) throw new GrpcError(UNIMPLEMENTED, `the frontend request ${request} is not supported`);
    const { name, dockerfile, dockerignore } = await this.#loadFiles(options);
    const empty = await this.#rooms.contexts.take("");
    this.#releases.push(() => empty.release());
    const { json, text, status } = await this.#rooms.builder.describe(method, {
      ...requestOptions(options),
      contextDir: empty.directory,
      dockerfile: { text: dockerfile.toString(), name },
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

  async #loadArchive(options: FrontendOptions, upload: { path: string; host: string }): Promise<Loaded> {
    const directory = join(this.#rooms.scratch, this.#id);
    await makeDirectory(directory);
    this.#releases.push(() => removeTree(directory));
    const archive = await this.#vertex("[internal] load remote build context").during(async () =>
      receiveContext(await plainArchive(readUpload(this.#session, upload)), directory, { signal: this.#signal }),
    );
    return { options, name: options["filename"] || "Dockerfile", dockerfile: Buffer.alloc(0), dockerignore: "", archive };
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

  #vertex(name: string): Vertex {
    return new Vertex(this.feed, `${this.#id} ${this.#vertexes++}`, { name });
  }

  async #build(loaded: Loaded): Promise<Record<string, string>> {
    const source = { filename: loaded.name, data: loaded.dockerfile };
    let checking: Vertex | undefined;
    const warn = (warning: BuildProgress & { type: "warning" }): void => {
      if (!checking) (checking = this.#vertex("[internal] check build definition")).start();
      checking.warn(warning, source);
    };
    const status = new BuildStatus(this.feed, this.#id, warn);
    try {
      const request = await this.#buildRequest(loaded);
      const { imageId } = await this.#rooms.builder.build(request, status.progress, this.#signal);
      checking?.end();
      return await this.#export(imageId, request.tags);
    } catch (error) {
      checking?.end();
      status.close(this.#signal.aborted ? "context canceled" : "canceled");
      this.#signal.throwIfAborted();
      throw describe(error, status, source);
    }
  }

  async #buildRequest(loaded: Loaded): Promise<BuildRequest> {
    const { options, archive, dockerfile, name } = loaded;
    const agents = new ForwardedAgents(this.#session, this.#rooms.scratch);
    await makeDirectory(this.#rooms.scratch);
    this.#releases.push(() => agents.close());
    const contextDir = archive ?? (await this.#context(loaded));
    return {
      ...requestOptions(options),
      contextDir,
      dockerfile: archive ? { path: name } : { text: dockerfile.toString(), name },
      ...(!archive && { dockerignore: loaded.dockerignore }),
      tags: this.#request.Exporters.filter(isImage).flatMap(({ Attrs }) => (Attrs?.["name"] ?? "").split(",").filter((tag) => tag !== "")),
      contexts: await this.#namedContexts(options),
      cacheFrom: importedCaches(options),
      cacheTo: exportedCaches(this.#request.Cache?.Exports ?? []),
      secret: (id) => readSecret(this.#session, id),
      sshAgent: (id) => agents.socket(id),
      login: (domain) => readLogin(this.#session, domain),
      ...(this.#request.Entitlements.length > 0 && { entitlements: this.#request.Entitlements }),
      asked: { ref: this.#request.Ref, frontendAttrs: options },
      ...(this.#session.sharedKey !== "" && { contextName: this.#session.sharedKey }),
    };
  }

  /** The files of the context, received when the build can need them. */
  async #context(loaded: Loaded): Promise<string> {
    const exclude = loaded.dockerignore
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => line !== "" && !line.startsWith("#"));
    if (await this.#readsContext(loaded)) return this.#directory(loaded.options, "context", exclude);
    const empty = await this.#rooms.contexts.take("");
    this.#releases.push(() => empty.release());
    return empty.directory;
  }

  /** A base that is not here yet may bring triggers that copy. */
  async #readsContext({ dockerfile }: Loaded): Promise<boolean> {
    const { stages } = parseDockerfile(dockerfile.toString());
    const names = new Set(stages.map(({ name }) => name));
    for (const [index, { from, instructions }] of stages.entries()) {
      if (instructions.some((each) => /^\s*(?:copy|add|onbuild)\s|--mount=(?!type=(?:secret|ssh|cache|tmpfs)\b)/i.test(each.original)))
        return true;
      const base = from.image.text;
      if (base === "scratch" || (index > 0 && names.has(base))) continue;
      const image = await this.#rooms.images.find(base).catch(() => undefined);
      if (!image || (image.config.config?.OnBuild ?? []).length > 0) return true;
    }
    return false;
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

  async #namedContexts(options: FrontendOptions): Promise<NonNullable<BuildRequest["contexts"]>> {
    const found: Record<string, { dir: string } | { image: string }> = {};
    for (const [name, context] of namedContexts(options)) {
      if ("image" in context) found[name] = context;
      else found[name] = { dir: await this.#directory(options, context.directory, [], context.session) };
    }
    return found;
  }

  async #export(image: Digest, tags: readonly string[]): Promise<Record<string, string>> {
    const answer: Record<string, string> = {};
    for (const [place, exporter] of this.#request.Exporters.entries()) {
      if (isImage(exporter)) Object.assign(answer, this.#exportImage(image, tags));
      else await this.#exportFiles(exporter.Type ?? "", image, place);
    }
    return answer;
  }

  /** The builder has stored and named it. */
  #exportImage(image: Digest, tags: readonly string[]): Record<string, string> {
    const names = tags.map(fullName);
    const vertex = this.#vertex("exporting to image");
    vertex.start();
    vertex.did("exporting layers");
    vertex.did(`writing image ${image}`);
    for (const name of names) vertex.did(`naming to ${name}`);
    vertex.end();
    return {
      "containerimage.digest": image,
      "containerimage.config.digest": image,
      ...(names.length > 0 && { "image.name": names.join(",") }),
    };
  }

  async #exportFiles(type: string, image: Digest, place: number): Promise<void> {
    if (type !== "local" && type !== "tar") throw new GrpcError(UNKNOWN, `exporter ${JSON.stringify(type)} could not be found`);
    const { images, snapshots } = this.#rooms;
    const chain = topLayer(await images.get(image));
    // The sweep at the engine's start knows a build's snapshots by their first word.
    const key = `build-export-${this.#id}-${place}`;
    if (chain !== null) this.#releases.push(() => snapshots.remove(key));
    const tree = chain === null ? emptyTree : new DirectoryTree(await snapshots.view(key, chain), { owner: "kept" });
    const vertex = this.#vertex(type === "tar" ? "sending tarball" : "exporting to client directory");
    await vertex.during(async () => {
      const { progress, done } = vertex.transfer(type === "tar" ? "sending tarball" : "copying files");
      const target = { session: this.#session, place, progress, signal: this.#signal };
      done(type === "tar" ? await sendTar(tree, target) : await sendDirectory(tree, target));
    });
  }
}

/** Names that `docker` gives to the exporter of its own image store. */
function isImage({ Type }: { readonly Type?: string }): boolean {
  return Type === "moby" || Type === "image";
}

function dockerfileOf(files: ReadonlyMap<string, Buffer>, name: string): Buffer | undefined {
  return files.get(name) ?? (name === "Dockerfile" ? files.get("dockerfile") : undefined);
}

/** With registry and tag, as an exporter names images. */
function fullName(tag: string): string {
  const parsed = parseReference(tag);
  return "reference" in parsed ? canonicalReference(withDefaultTag(parsed.reference)) : tag;
}

/** The error with the place in the Dockerfile, which a client shows in a box. */
function describe(error: unknown, status: BuildStatus, source: { filename: string; data: Buffer }): GrpcError {
  if (error instanceof GrpcError) return error;
  const text = buildkitMessage(error instanceof Error ? error.message : String(error));
  const step = error instanceof StepError ? status.step(error.step) : undefined;
  const vertex = error instanceof StepError ? status.vertex(error.step) : undefined;
  const [, line] = /\bline (\d+)/.exec(text) ?? [];
  const range = step?.range ?? (line === undefined ? undefined : { startLine: Number(line), endLine: Number(line) });
  const details = [];
  if (vertex) details.push(jsonDetail("errdefs.Vertex", { digest: vertex.digest }));
  if (range) {
    const info = { filename: source.filename, data: source.data.toString("base64"), language: "Dockerfile" };
    details.push(jsonDetail("errdefs.Source", { info, ranges: [{ start: { line: range.startLine }, end: { line: range.endLine } }] }));
  }
  return new GrpcError(UNKNOWN, text, details);
}
