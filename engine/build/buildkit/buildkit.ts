/**
 * BuildKit's client protocol, as buildx speaks it: `POST /grpc` carries its calls, `POST /session` carries the engine's.
 *
 *     buildx ── Control.Solve, Status, LLBBridge.* ──► engine
 *     buildx ◄── FileSync, Secrets, SSH, Auth, FileSend ── engine
 */
import { randomBytes } from "node:crypto";
import { Duplex } from "node:stream";
import type { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { join } from "node:path";
import { EngineError } from "../../errors.ts";
import type { Images } from "../../images/images.ts";
import { hostPlatform } from "../../images/platform.ts";
import type { Snapshots } from "../../layers/snapshots.ts";
import type { Builder, BuiltImage } from "../builder.ts";
import type { ContextDirectories } from "./context-directory.ts";
import { definitionOf, resultOf } from "./definition.ts";
import { peerOf } from "../../host/peer.ts";
import type { Peer } from "../../host/peer.ts";
import { GrpcError, NOT_FOUND, readMetadata, toGrpcError, UNIMPLEMENTED } from "./grpc.ts";
import { History } from "./history.ts";
import {
  BuildHistoryEvent,
  BuildHistoryRequest,
  BytesMessage,
  ControlSolveRequest,
  ControlSolveResponse,
  DiskUsageRequest,
  DiskUsageResponse,
  Empty,
  EvaluateRequest,
  GatewaySolveRequest,
  GatewaySolveResponse,
  InfoResponse,
  ListWorkersResponse,
  PongResponse,
  PruneRequest,
  ReturnRequest,
  StatusRequest,
  StatusResponse,
  UpdateBuildHistoryRequest,
  UsageRecord,
} from "./messages.ts";
import type { GatewaySolveRequest as GatewaySolve } from "./messages.ts";
import { Meetings } from "./meetings.ts";
import { serveGrpc, streaming, unary } from "./server.ts";
import type { Method, ServerCall } from "./server.ts";
import { diskUsage, prune } from "./disk-usage.ts";
import { HOST_GATEWAY } from "./options.ts";
import { openSession, sessionId } from "./session.ts";
import type { Session } from "./session.ts";
import { Solve } from "./solve.ts";
import type { SolveParts } from "./solve.ts";

export interface Buildkit {
  /** Serves a connection that was upgraded to HTTP/2; it ends with the client. */
  serve(socket: Duplex): void;
  /** Takes a connection over which the client is called. @param headers names and values by turns */
  addSession(socket: Duplex, headers: readonly string[]): void;
  /** The archive for the build that names it; resolves when it is read, or when nobody reads it any more. */
  upload(name: string, archive: Readable, signal: AbortSignal): Promise<void>;
  /**
   * A build whose files a session has, asked for by a request of its own, as docker did before buildx.
   * @param told gets each piece of the status, encoded, and says when it can take more
   * @returns what the exporters say
   * @throws {EngineError} invalid, with what the client is told of a build that failed
   */
  build(request: SessionBuild, call: { client: Peer | undefined; signal: AbortSignal; told: (status: Buffer) => Promise<void> }): Answer;
}

type Answer = Promise<Record<string, string>>;

/** In the words of Control.Solve. */
export interface SessionBuild {
  readonly session: string;
  /** The name of the archive that is uploaded as its context. */
  readonly upload?: string | undefined;
  /** Of the Dockerfile frontend. */
  readonly options: Readonly<Record<string, string>>;
  readonly exporters: readonly { readonly Type: string; readonly Attrs: Readonly<Record<string, string>> }[];
}

export interface BuildkitOptions {
  readonly builder: Builder;
  readonly images: Images;
  readonly snapshots: Snapshots;
  /** Where what clients send is kept. */
  readonly contexts: ContextDirectories;
  /** Emptied when the engine starts. */
  readonly scratch: string;
}

const CONTROL = "/moby.buildkit.v1.Control/";
const GATEWAY = "/moby.buildkit.v1.frontend.LLBBridge/";
/** The two sides of a build open their connections in any order. */
const PATIENCE_MS = 10_000;
/** Builds that have ended and whose status can still be asked for. */
const REMEMBERED = 16;

/** What clients look for before they use it. */
const FRONTEND_CAPS = [
  "frontend.caps",
  "frontend.inputs",
  "frontend.subrequests",
  "gateway.evaluate",
  "gateway.solve.evaluate",
  "gateway.solve.metadata",
  "importcaches",
  "proto.refarray",
  "readfile",
  "reference.output",
  "return",
  "returnmap",
  "solve.base",
  "statfile",
];
const LLB_CAPS = [
  "exporter.image.attestations",
  "exporter.multiple",
  "source.local",
  "source.local.sessionid",
  "source.image",
  "file.base",
  "exec.meta.base",
  "history.filter",
];

export function openBuildkit(options: BuildkitOptions): Buildkit {
  return new Control(options);
}

class Control implements Buildkit {
  readonly #options: BuildkitOptions;
  readonly #sessions = new Meetings<Session>(PATIENCE_MS);
  readonly #uploads = new Meetings<Readable>(PATIENCE_MS);
  readonly #solves = new Meetings<Solve>(PATIENCE_MS);
  /** Builds that run, by the results that they have announced. */
  readonly #results = new Map<string, Solve>();
  #ended: { ref: string; solve: Solve }[] = [];
  readonly #history: History;

  constructor(options: BuildkitOptions) {
    this.#options = options;
    this.#history = new History(options.builder.inspector);
  }

  serve(socket: Duplex): void {
    serveGrpc(socket, this.#table(peerOf(socket)));
  }

  addSession(socket: Duplex, headers: readonly string[]): void {
    this.#addSession(socket, readMetadata(headers));
  }

  async build(
    { session, upload, options, exporters }: SessionBuild,
    { client, signal, told }: Parameters<Buildkit["build"]>[1],
  ): Promise<Record<string, string>> {
    const request = {
      Ref: randomBytes(12).toString("hex"),
      Session: session,
      Frontend: "dockerfile.v0",
      Cache: undefined,
      FrontendAttrs: { ...options },
      Entitlements: [],
      Internal: false,
      Exporters: exporters.map(({ Type, Attrs }) => ({ Type, Attrs: { ...Attrs } })),
    };
    const following = this.#tell(request.Ref, signal, told);
    try {
      return (await this.#solve(request, { signal, client, archive: upload === undefined ? undefined : () => this.#uploaded(upload) }))
        .ExporterResponse;
    } catch (error) {
      throw new EngineError("invalid", toGrpcError(error).message, { cause: error });
    } finally {
      // What comes after the archive's end is nothing, but its request waits until it is read.
      if (upload !== undefined) this.#uploads.get(upload)?.resume();
      await following;
    }
  }

  async upload(name: string, archive: Readable, signal: AbortSignal): Promise<void> {
    this.#uploads.bring(name, archive);
    try {
      await finished(archive, { writable: false, signal });
    } finally {
      this.#uploads.take(name, archive);
    }
  }

  #uploaded(name: string): Promise<Readable> {
    return this.#uploads.wait(name, () => new GrpcError(NOT_FOUND, "the archive of the build context did not come"));
  }

  /** Ends with the build. */
  async #tell(ref: string, signal: AbortSignal, told: (status: Buffer) => Promise<void>): Promise<void> {
    const solve = await this.#solves.wait(ref, () => new Error("The build did not begin")).catch(() => undefined);
    if (solve) for await (const event of solve.feed.follow(signal)) await told(StatusResponse.encode(event));
  }

  #addSession(socket: Duplex, metadata: ReadonlyMap<string, readonly string[]>): void {
    const id = sessionId(metadata);
    if (id === undefined) return void socket.destroy();
    const session = openSession(socket, id, metadata);
    session.signal.addEventListener("abort", () => this.#sessions.take(id, session), { once: true });
    this.#sessions.bring(id, session);
  }

  /** @param client the process at the other end */
  #table(client: Peer | undefined): ReadonlyMap<string, Method> {
    return new Map<string, Method>([
      [`${CONTROL}ListWorkers`, unary(Empty, ListWorkersResponse, () => ({ record: [worker()] }))],
      [`${CONTROL}Info`, unary(Empty, InfoResponse, () => ({ buildkitVersion: VERSION }))],
      [
        `${CONTROL}DiskUsage`,
        unary(DiskUsageRequest, DiskUsageResponse, async (request) => ({ record: await diskUsage(this.#options.builder, request) })),
      ],
      [`${CONTROL}Prune`, streaming(PruneRequest, UsageRecord, (request) => prune(this.#options.builder, request))],
      [
        `${CONTROL}Solve`,
        unary(ControlSolveRequest, ControlSolveResponse, (request, call) => this.#solve(request, { signal: call.signal, client })),
      ],
      [`${CONTROL}Status`, streaming(StatusRequest, StatusResponse, ({ Ref }, call) => this.#status(Ref, call))],
      [`${CONTROL}Session`, (call) => this.#tunnel(call)],
      [
        `${CONTROL}ListenBuildHistory`,
        streaming(BuildHistoryRequest, BuildHistoryEvent, (request, call) => this.#history.listen(request, call.signal)),
      ],
      [`${CONTROL}UpdateBuildHistory`, unary(UpdateBuildHistoryRequest, Empty, (request) => this.#updateHistory(request))],
      [`${GATEWAY}Ping`, unary(Empty, PongResponse, () => capabilities())],
      [`${GATEWAY}Solve`, unary(GatewaySolveRequest, GatewaySolveResponse, (request, call) => this.#load(request, call))],
      [`${GATEWAY}Evaluate`, unary(EvaluateRequest, Empty, (request, call) => this.#evaluate(request.Ref, call))],
      [`${GATEWAY}Return`, unary(ReturnRequest, Empty, (request, call) => this.#return(request, call))],
    ]);
  }

  async #solve(
    request: ControlSolveRequest,
    call: Omit<SolveParts, "request" | "session">,
  ): Promise<{ ExporterResponse: Record<string, string> }> {
    const { Ref, Session: id } = request;
    const session = await this.#session(id);
    const solve = new Solve(
      {
        ...this.#options,
        scratch: join(this.#options.scratch, "buildkit"),
        contexts: this.#options.contexts,
        session: (other) => this.#session(other),
      },
      { ...call, request, session },
    );
    this.#solves.bring(Ref, solve);
    try {
      return { ExporterResponse: await solve.run() };
    } finally {
      for (const [id, owner] of this.#results) if (owner === solve) this.#results.delete(id);
      this.#ended.push({ ref: Ref, solve });
      for (const old of this.#ended.splice(0, Math.max(0, this.#ended.length - REMEMBERED))) this.#solves.take(old.ref, old.solve);
    }
  }

  /** Of a build that runs, or has just ended; of an older one as it was recorded. */
  async *#status(ref: string, call: ServerCall): AsyncGenerator<Partial<StatusResponse>> {
    const isRecorded = !this.#solves.get(ref) && (await this.#options.builder.inspector.knows(ref));
    yield* isRecorded ? this.#history.status(ref) : (await this.#solveOf(ref)).feed.follow(call.signal);
  }

  async #updateHistory(request: UpdateBuildHistoryRequest): Promise<object> {
    await this.#history.update(request);
    return {};
  }

  async #load({ Frontend, FrontendOpt, FrontendInputs }: GatewaySolve, call: ServerCall) {
    if (Frontend === "") throw new GrpcError(UNIMPLEMENTED, "builds of LLB definitions are not supported");
    const solve = await this.#solveOf(buildId(call));
    const request = FrontendOpt["requestid"];
    if (request) return { result: { ref: {}, metadata: await solve.describe(request, FrontendOpt) } };
    const inputs = new Map(Object.entries(FrontendInputs).map(([name, definition]) => [name, this.#input(name, definition)]));
    const id = await solve.load(Frontend, FrontendOpt, inputs);
    this.#results.set(id, solve);
    return { result: { ref: { id, def: definitionOf(id) } } };
  }

  /** What another build of this client comes to, which is built when it is needed. */
  #input(name: string, definition: Buffer): () => Promise<BuiltImage> {
    const ref = resultOf(definition);
    const solve = ref === undefined ? undefined : this.#results.get(ref);
    if (!solve) throw new GrpcError(UNIMPLEMENTED, `the input ${JSON.stringify(name)} is not a result of a build that runs here`);
    return () => solve.built(ref!);
  }

  async #evaluate(ref: string, call: ServerCall): Promise<object> {
    await (await this.#solveOf(buildId(call))).built(ref);
    return {};
  }

  async #return(request: ReturnRequest, call: ServerCall): Promise<object> {
    (await this.#solveOf(buildId(call))).return(request);
    return {};
  }

  #session(id: string): Promise<Session> {
    return this.#sessions.wait(id, () => new GrpcError(NOT_FOUND, `no active session for ${id}: context deadline exceeded`));
  }

  #solveOf(ref: string): Promise<Solve> {
    return this.#solves.wait(ref, () => new GrpcError(NOT_FOUND, `no such job ${ref}`));
  }

  /** A session inside of a call: each message is a piece of its connection. */
  async #tunnel(call: ServerCall): Promise<void> {
    call.open();
    const socket = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => void call.send(BytesMessage.encode({ data: chunk })).then(() => done(), done),
      final: (done) => {
        call.end();
        done();
      },
    });
    call.signal.addEventListener("abort", () => socket.destroy(), { once: true });
    socket.on("error", () => undefined);
    this.#addSession(socket, call.metadata);
    try {
      for await (const data of call.messages()) socket.push(BytesMessage.decode(data).data);
      socket.push(null);
    } catch {
      socket.destroy();
    }
  }
}

function buildId(call: ServerCall): string {
  return call.metadata.get("buildkit-controlapi-buildid")?.[0] ?? "";
}

const VERSION = { package: "github.com/moby/buildkit", version: "v0.25.0", revision: "berth" };

/** The first says that archives, several platforms, pushes and caches in directories are had here. */
const LABELS = {
  "org.mobyproject.buildkit.worker.snapshotter": "overlayfs",
  "org.mobyproject.buildkit.worker.moby.host-gateway-ip": HOST_GATEWAY,
};

function worker() {
  const { os, architecture, variant = "" } = hostPlatform();
  return { ID: "berth", Labels: LABELS, platforms: [{ OS: os, Architecture: architecture, Variant: variant }], BuildkitVersion: VERSION };
}

function capabilities() {
  const enabled = (ids: readonly string[]) => ids.map((ID) => ({ ID, Enabled: true }));
  return { FrontendAPICaps: enabled(FRONTEND_CAPS), LLBCaps: enabled(LLB_CAPS), Workers: [worker()] };
}
