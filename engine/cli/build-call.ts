/** `berth build`'s command line as what our own engine is asked. */
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { BuildCall } from "../api/types/builds.ts";
import type { AuthConfig } from "../api/types/image.ts";
import type { DockerClient } from "../client/client.ts";
import { buildAnnotations } from "./build-annotations.ts";
import { attestations } from "./build-attest.ts";
import type { AttestFlags } from "./build-attest.ts";
import { buildArgs } from "./build-args.ts";
import { cacheFields } from "./build-cache.ts";
import { isRemote } from "./build-context.ts";
import type { BuildContext } from "./build-context.ts";
import { readSecrets } from "./build-secrets.ts";
import type { Cli } from "./cli.ts";
import { isSshSource } from "../syntax/git-source.ts";
import { csvFields, cut, pairs } from "./run-config/text.ts";

export interface BuildFlags extends AttestFlags {
  readonly "add-host": readonly string[];
  readonly allow: readonly string[];
  readonly annotation: readonly string[];
  readonly "build-arg": readonly string[];
  readonly "build-context": readonly string[];
  readonly "cache-from": readonly string[];
  readonly "cache-to": readonly string[];
  readonly "cgroup-parent": string;
  readonly label: readonly string[];
  readonly network: string;
  readonly "no-cache": boolean;
  readonly "no-cache-filter": readonly string[];
  readonly platform: readonly string[];
  readonly pull: boolean;
  readonly secret: readonly string[];
  readonly "shm-size": number | undefined;
  readonly ssh: readonly string[];
  readonly target: string;
  readonly ulimit: readonly string[];
}

/** Whether the engine is on this machine and this user's, so that it can read what this process can. */
export function sharesFiles({ connection }: DockerClient): boolean {
  const { url } = connection.endpoint;
  if (!url.startsWith("unix://")) return false;
  try {
    return statSync(url.slice("unix://".length)).uid === process.getuid!();
  } catch {
    return false;
  }
}

/** @throws {Error} with buildx's sentences for what cannot be read */
export async function buildCall(
  cli: Cli,
  flags: BuildFlags,
  parts: { context: BuildContext; tags: readonly string[]; auth: Record<string, AuthConfig> },
): Promise<BuildCall> {
  const { context, tags, auth } = parts;
  const secrets = await readSecrets(cli, flags.secret);
  const cacheFrom = cacheFields(cli, flags["cache-from"]);
  const cacheTo = cacheFields(cli, flags["cache-to"]);
  await needLocal(cli, [...cacheFrom, ...cacheTo]);
  const platform = flags.platform.filter((each) => each !== "").join(",");
  return {
    ...(await contextPart(cli, context)),
    tags,
    auth,
    buildArgs: withEpoch(buildArgs(flags["build-arg"], cli.env), cli.env),
    labels: pairs(flags.label),
    noCache: flags["no-cache"],
    noCacheStages: flags["no-cache-filter"].flatMap((each) => each.split(",")),
    pull: flags.pull,
    extraHosts: flags["add-host"].map((host) => host.replace("=", ":")),
    contexts: namedContexts(cli, flags["build-context"]),
    secrets: Object.fromEntries([...secrets].map(([id, content]) => [id, content.toString("base64")])),
    ssh: sshAgents(cli, withAgentFor(context, flags.ssh)),
    allow: flags.allow,
    cacheFrom,
    cacheTo,
    ulimits: flags.ulimit,
    annotations: buildAnnotations(flags.annotation),
    attestations: attestations(flags),
    ...(platform && { platform }),
    ...(flags["cgroup-parent"] && { cgroupParent: flags["cgroup-parent"] }),
    ...(flags.target && { target: flags.target }),
    ...(flags.network !== "default" && flags.network && { networkMode: flags.network }),
    ...(flags["shm-size"] !== undefined && { shmSizeBytes: flags["shm-size"] }),
  };
}

/** The engine itself reads and writes a cache's directory. @throws {Error} when it is elsewhere */
async function needLocal(cli: Cli, caches: readonly Record<string, string>[]): Promise<void> {
  if (!caches.some(({ type }) => type === "local") || sharesFiles(await cli.client())) return;
  throw new Error("A local cache (type=local) needs an engine of your own on this machine: use type=registry");
}

/** The variable that makes builds reproducible is an argument of every build, as with buildx. */
function withEpoch(args: Record<string, string | null>, env: NodeJS.ProcessEnv): Record<string, string | null> {
  const epoch = env["SOURCE_DATE_EPOCH"];
  return epoch && !("SOURCE_DATE_EPOCH" in args) ? { ...args, SOURCE_DATE_EPOCH: epoch } : args;
}

async function contextPart(cli: Cli, context: BuildContext): Promise<Partial<BuildCall>> {
  const { directory, outside, dockerfile, text, remote, tar } = context;
  if (remote !== undefined) return { remote, dockerfile };
  const client = await cli.client();
  if (directory !== undefined && sharesFiles(client)) {
    return { contextDir: directory, dockerfile: outside ?? dockerfile, ...(outside !== undefined && text !== undefined && { text }) };
  }
  const name = directory === undefined ? {} : { contextName: directory };
  return { contextId: await client.builds.upload(tar!, { signal: cli.signal }), dockerfile, ...name };
}

/** `name=path`, `name=docker-image://reference`, `name=oci-layout://path`, and URLs, which the engine fetches. @throws {Error} */
export function namedContexts(cli: Pick<Cli, "cwd">, texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((each) => {
      const [name, value] = cut(each);
      if (name === "" || value === "") throw new Error(`invalid context value: ${each}, expected key=value`);
      if (value.startsWith("docker-image://") || isRemote(value)) return [name, value];
      const layout = /^oci-layout:\/\/(.+)$/.exec(value)?.[1];
      if (layout !== undefined) return [name, `oci-layout://${resolve(cli.cwd, layout)}`];
      if (/^(target|input):/.test(value))
        throw new Error(`The build context ${each} is not supported: it is for "docker buildx bake" alone`);
      return [name, value.startsWith("file://") ? fileURLToPath(value) : resolve(cli.cwd, value)];
    }),
  );
}

/** A context that is fetched by ssh needs an agent, asked for or not. */
function withAgentFor({ remote }: BuildContext, asked: readonly string[]): readonly string[] {
  return asked.length === 0 && remote !== undefined && isSshSource(remote) ? ["default"] : asked;
}

/** `default`, `id`, `id=socket`. @throws {Error} with buildx's sentence */
function sshAgents(cli: Pick<Cli, "cwd" | "env">, texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((each) => {
      const [id, path] = cut(each);
      const socket = path ? resolve(cli.cwd, csvFields(path)[0] ?? "") : cli.env["SSH_AUTH_SOCK"];
      if (!socket) throw new Error("invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set");
      const stats = statSync(socket, { throwIfNoEntry: false });
      if (!stats) throw new Error(`invalid ssh agent socket: stat ${socket}: no such file or directory`);
      if (!stats.isSocket())
        throw new Error(`invalid ssh agent socket: ${socket} is a file: load a key into an agent with ssh-add, and give its socket`);
      return [id || "default", socket];
    }),
  );
}
