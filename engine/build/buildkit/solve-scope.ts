/** What all parts of one client's build share: its session, what it is told, and what goes when it ends. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { makeDirectory, removeTree } from "../../host/files.ts";
import type { Images } from "../../images/images.ts";
import type { Snapshots } from "../../layers/snapshots.ts";
import type { Builder } from "../builder.ts";
import type { Access } from "../remote-access.ts";
import { ForwardedAgents, readLogin, readSecret } from "./client-services.ts";
import type { ContextDirectories } from "./context-directory.ts";
import type { FrontendOptions } from "./options.ts";
import type { Session } from "./session.ts";
import { Vertex } from "./status.ts";
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

export class SolveScope {
  readonly id = randomBytes(12).toString("hex");
  readonly feed = new StatusFeed();
  readonly rooms: SolveRooms;
  readonly session: Session;
  readonly signal: AbortSignal;
  /** The context, when it comes beside the session. */
  readonly archive: (() => Promise<Readable>) | undefined;
  /** Things to let go of when the build ends, newest last. */
  readonly #releases: (() => Promise<void>)[] = [];
  #agents: ForwardedAgents | undefined;
  #vertexes = 0;

  constructor(rooms: SolveRooms, { session, signal, archive }: Pick<SolveScope, "session" | "signal" | "archive">) {
    this.archive = archive;
    this.rooms = rooms;
    this.session = session;
    this.signal = signal;
  }

  vertex(name: string): Vertex {
    return new Vertex(this.feed, `${this.id} ${this.#vertexes++}`, { name });
  }

  /** Has something let go of when the build ends; the newest first. */
  later(release: () => Promise<void>): void {
    this.#releases.push(release);
  }

  /** The build has ended, and tells nothing more. */
  async close(): Promise<void> {
    for (const release of this.#releases.splice(0).toReversed()) await release();
    this.feed.end();
  }

  /** A directory that goes with the build. */
  async scratch(): Promise<string> {
    const directory = join(this.rooms.scratch, randomBytes(12).toString("hex"));
    await makeDirectory(directory);
    this.later(() => removeTree(directory));
    return directory;
  }

  async emptyDirectory(): Promise<string> {
    const empty = await this.rooms.contexts.take("");
    this.later(() => empty.release());
    return empty.directory;
  }

  /** Who has the files: of several builds at once each has a session, and one may be for all their files. */
  async sessionOf(options: FrontendOptions, directory: string): Promise<Session> {
    const id = options[`local-sessionid:${directory}`];
    return id === undefined ? this.session : this.sessionBy(id);
  }

  sessionBy(id: string): Promise<Session> {
    return this.orAborted(this.rooms.session(id));
  }

  orAborted<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this;
    const aborted = new Promise<never>((_resolve, reject) => {
      if (signal.aborted) reject(signal.reason as Error);
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    });
    return Promise.race([promise, aborted]);
  }

  /** The client's secrets and agents. */
  access(): Required<Access> {
    return { secret: (id) => readSecret(this.session, id), sshAgent: async (id) => (await this.#forwarded()).socket(id) };
  }

  /** The client's login to a registry. */
  readonly login = (domain: string): ReturnType<typeof readLogin> => readLogin(this.session, domain);

  async #forwarded(): Promise<ForwardedAgents> {
    await makeDirectory(this.rooms.scratch);
    if (this.#agents) return this.#agents;
    const agents = new ForwardedAgents(this.session, this.rooms.scratch);
    this.later(() => agents.close());
    return (this.#agents = agents);
  }
}
