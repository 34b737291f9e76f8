/**
 * Which engine a command talks to: `--host`, `--context`, `--root`, `BERTH_ROOT`, `DOCKER_HOST`, `DOCKER_CONTEXT`, the chosen context, or
 * the user's own.
 */
import { readFile } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import type { Socket } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { connect } from "../client/client.ts";
import type { DockerClient } from "../client/client.ts";
import type { EndpointOptions } from "../client/endpoint.ts";
import { Contexts, tlsFor } from "../client/contexts.ts";
import { ConnectionError } from "../client/errors.ts";
import { announcementsPath, enginePaths } from "../host/paths.ts";
import type { Cli, Globals } from "./cli.ts";
import { settingsDirectory } from "./settings.ts";

/** Our own engine is started when it does not run; any other is somebody else's business. */
export type Target =
  | { readonly own: true; readonly root: string | undefined }
  | { readonly own: false; readonly url: string; readonly context: string; readonly options?: EndpointOptions };

interface Environment {
  readonly env: NodeJS.ProcessEnv;
  readonly globals: Globals;
}

/** Finds the engine that is meant; the nearest word counts. @throws {Error} for a context that does not exist */
export async function findTarget({ env, globals }: Environment): Promise<Target> {
  if (globals.host) return { own: false, url: globals.host, context: "default" };
  if (globals.context && globals.context !== "default") return contextTarget({ env, globals }, globals.context);
  const root = globals.root || env["BERTH_ROOT"];
  if (root) return { own: true, root };
  if (env["DOCKER_HOST"]) return { own: false, url: env["DOCKER_HOST"], context: "default" };
  const context = globals.context || env["DOCKER_CONTEXT"];
  if (context && context !== "default") return contextTarget({ env, globals }, context);
  const chosen = context ? "default" : await chosenContext({ env, globals });
  return chosen === "default" ? { own: true, root: undefined } : contextTarget({ env, globals }, chosen);
}

/** What `berth context use` chose; what `docker context use` chose is docker's business. */
function chosenContext(environment: Environment): Promise<string> {
  // A settings file that cannot be read is told where it is used.
  return new Contexts(settingsDirectory(environment)).current().catch(() => "default");
}

async function contextTarget(environment: Environment, name: string): Promise<Target> {
  const contexts = new Contexts(settingsDirectory(environment));
  const context = await contexts.get(name).catch((error: Error) => {
    throw new Error(`Failed to initialize: unable to resolve docker endpoint: ${error.message}`);
  });
  const tls = tlsFor(context, await contexts.tls(name));
  return { own: false, url: context.host || "unix:///var/run/docker.sock", context: name, ...(tls ? { options: { tls } } : {}) };
}

/** A client of the engine that is meant, ready to answer. */
export async function connectTarget(cli: Cli): Promise<DockerClient> {
  const target = await findTarget(cli);
  const options = { userAgent: "Docker-Client/28.2.2 (linux) berth", ...apiVersion(cli) };
  if (!target.own)
    return connect(target.url, { ...options, ...(await tlsOptions(cli)), ...target.options, ...(await sshOptions(target.url)) });
  const paths = enginePaths(target.root, cli.env);
  const first = cli.announced?.fifo === announcementsPath(paths) ? await dialNow(paths.socket) : undefined;
  if (first) return connect(`unix://${paths.socket}`, { ...options, dial: first });
  const client = connect(`unix://${paths.socket}`, options);
  try {
    await client.connection.apiVersion(cli.signal);
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    const { startOwnEngine } = await import("./own-engine.ts");
    await startOwnEngine(cli, target.root);
  }
  return client;
}

/**
 * Connects to an engine that has heard of this command just now: it runs and is ours, so that it need not be asked first.
 * @returns what gives this connection once, then others; undefined when it has ended since
 */
function dialNow(path: string): Promise<(() => Duplex) | undefined> {
  let first: Socket | undefined = connectSocket({ path });
  const dial = (): Duplex => {
    const socket = first ?? connectSocket({ path });
    first = undefined;
    return socket;
  };
  return new Promise((resolve) => {
    first!.once("connect", () => resolve(dial)).on("error", () => resolve(undefined));
  });
}

async function sshOptions(url: string): Promise<EndpointOptions> {
  if (!url.startsWith("ssh://")) return {};
  const { dialSsh, parseSsh } = await import("../host/ssh.ts");
  parseSsh(url);
  return { dial: () => dialSsh(url) };
}

function apiVersion(cli: Cli): { apiVersion?: string } {
  const version = cli.env["DOCKER_API_VERSION"];
  return version ? { apiVersion: version } : {};
}

async function tlsOptions({ env, globals }: Environment): Promise<EndpointOptions> {
  const verify = globals.tlsVerify || Boolean(env["DOCKER_TLS_VERIFY"]);
  if (!globals.tls && !verify) return {};
  const directory = env["DOCKER_CERT_PATH"] || settingsDirectory({ env, globals });
  const read = (given: string | undefined, name: string): Promise<string | undefined> =>
    given ? readFile(given, "utf8") : readFile(join(directory, name), "utf8").catch(() => undefined);
  const [ca, cert, key] = await Promise.all([
    read(globals.tlsCa, "ca.pem"),
    read(globals.tlsCert, "cert.pem"),
    read(globals.tlsKey, "key.pem"),
  ]);
  return { tls: { verify, ...(ca && verify ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) } };
}
