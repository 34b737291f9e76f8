/**
 * `--use-api-socket`: a container that may talk to the engine, with the user's registry credentials.
 */
import { posix } from "node:path";
import { Readable } from "node:stream";
import type { ContainerCreateRequest } from "../api/types/container.ts";
import type { AuthConfig } from "../api/types/image.ts";
import { bufferEntry } from "../client/tar/pack.ts";
import { writeTar } from "../client/tar/write.ts";
import { API_SOCKET, CREDENTIALS_FOLDER, credentialsText } from "../compose/api-socket.ts";
import type { Cli } from "./cli.ts";
import { allCredentials } from "./credentials.ts";

export interface SocketUse {
  readonly config: ContainerCreateRequest;
  /** By server; undefined when there are none to hand over. */
  readonly credentials: Readonly<Record<string, AuthConfig>> | undefined;
}

/** The container with the engine's socket in it, and where it finds the credentials. */
export async function withApiSocket(cli: Cli, config: ContainerCreateRequest): Promise<SocketUse> {
  const { endpoint } = (await cli.client()).connection;
  // An engine elsewhere is taken to listen where docker's does.
  const source = /^unix:\/\/(.*)$/.exec(endpoint.url)?.[1] ?? API_SOCKET;
  const mounts = [...(config.HostConfig?.Mounts ?? []), { Type: "bind" as const, Source: source, Target: API_SOCKET, BindOptions: {} }];
  const mounted = { ...config, HostConfig: { ...config.HostConfig, Mounts: mounts } };
  const credentials = await allCredentials(cli);
  const own = (config.Env ?? []).some((text) => text.startsWith("DOCKER_CONFIG="));
  if (own || Object.keys(credentials).length === 0) return { config: mounted, credentials: undefined };
  return { config: { ...mounted, Env: [...(config.Env ?? []), `DOCKER_CONFIG=${CREDENTIALS_FOLDER}`] }, credentials };
}

/** Writes the credentials into a container that has been made. */
export async function writeCredentials(cli: Cli, id: string, credentials: Readonly<Record<string, AuthConfig>>): Promise<void> {
  const path = posix.relative("/", `${CREDENTIALS_FOLDER}/config.json`);
  const entry = bufferEntry(path, Buffer.from(credentialsText(credentials)), 0o600);
  const tar = Readable.from(writeTar(Readable.from([entry])), { objectMode: false });
  await (await cli.client()).containers.putArchive(id, "/", tar, { signal: cli.signal });
}
