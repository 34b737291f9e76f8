/** What a build may need of the client besides its files: secrets, ssh agents, logins. */
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { mkdtemp, rm } from "node:fs/promises";
import { chmodSync } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import type { AuthConfig } from "../../api/types/image.ts";
import { GrpcError, NOT_FOUND, UNIMPLEMENTED } from "./grpc.ts";
import { BytesMessage, CredentialsRequest, CredentialsResponse, Empty, IdMessage } from "./messages.ts";
import type { Session } from "./session.ts";

/** The secret with this id, undefined when the client has none. */
export async function readSecret(session: Session, id: string): Promise<Buffer | undefined> {
  try {
    return (await session.ask("/moby.buildkit.secrets.v1.Secrets/GetSecret", { request: IdMessage, answer: BytesMessage }, { ID: id }))
      .data;
  } catch (error) {
    if (error instanceof GrpcError && [NOT_FOUND, UNIMPLEMENTED].includes(error.code)) return undefined;
    throw error;
  }
}

/** The client's login for a registry, e.g. `docker.io`; undefined when it has none. */
export async function readLogin(session: Session, domain: string): Promise<AuthConfig | undefined> {
  // Clients know Docker Hub by the name of its registry.
  const Host = domain === "docker.io" ? "registry-1.docker.io" : domain;
  try {
    const types = { request: CredentialsRequest, answer: CredentialsResponse };
    const { Username, Secret } = await session.ask("/moby.filesync.v1.Auth/Credentials", types, { Host });
    if (Secret === "") return undefined;
    return Username === "" ? { identitytoken: Secret } : { username: Username, password: Secret };
  } catch (error) {
    if (error instanceof GrpcError) return undefined;
    throw error;
  }
}

/** Sockets that reach the client's ssh agents; closed with the build. */
export class ForwardedAgents {
  readonly #session: Session;
  readonly #parent: string;
  readonly #servers = new Map<string, Promise<string | undefined>>();
  readonly #closes: (() => Promise<void>)[] = [];

  /** @param parent a directory for the sockets, with a short path: a socket's has at most 107 bytes */
  constructor(session: Session, parent: string) {
    this.#session = session;
    this.#parent = parent;
  }

  /** Path of a socket, undefined when the client offers no such agent. */
  socket(id: string): Promise<string | undefined> {
    let socket = this.#servers.get(id);
    if (!socket) this.#servers.set(id, (socket = this.#open(id)));
    return socket;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#servers.values());
    for (const close of this.#closes) await close();
  }

  async #open(id: string): Promise<string | undefined> {
    try {
      await this.#session.ask("/moby.sshforward.v1.SSH/CheckAgent", { request: IdMessage, answer: Empty }, { ID: id });
    } catch (error) {
      if (error instanceof GrpcError) return undefined;
      throw error;
    }
    const directory = await mkdtemp(join(this.#parent, "ssh-"));
    const path = join(directory, "agent");
    const connections = new Set<Socket>();
    const server: Server = createServer((socket) => {
      connections.add(socket);
      socket.once("close", () => connections.delete(socket));
      void this.#forward(socket, id).catch(() => socket.destroy());
    });
    server.listen(path);
    await once(server, "listening");
    chmodSync(path, 0o666);
    this.#closes.push(async () => {
      server.close();
      for (const socket of connections) socket.destroy();
      await rm(directory, { recursive: true, force: true });
    });
    return path;
  }

  async #forward(socket: Socket, id: string): Promise<void> {
    socket.on("error", () => socket.destroy());
    const call = this.#session.call("/moby.sshforward.v1.SSH/ForwardAgent", { "buildkit.ssh.id": [id] });
    const up = async (): Promise<void> => {
      for await (const chunk of socket) await call.send(BytesMessage.encode({ data: chunk as Buffer }));
      call.end();
    };
    const down = async (): Promise<void> => {
      for await (const data of call.messages()) socket.write(BytesMessage.decode(data).data);
      socket.end();
    };
    try {
      await Promise.all([up(), down()]);
    } finally {
      socket.destroy();
      call.cancel();
    }
  }
}
