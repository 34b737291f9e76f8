/**
 * Making a container, getting its image first where it is missing: for run and create.
 */
import { open, rm } from "node:fs/promises";
import type { ContainerCreateRequest } from "../api/types/container.ts";
import { isStatus } from "../client/errors.ts";
import { familiarReference, parseReference, withDefaultTag } from "../syntax/reference.ts";
import type { Reference } from "../syntax/reference.ts";
import type { Cli } from "./cli.ts";
import { describeError } from "./errors.ts";

export interface CreateOptions {
  readonly name: string;
  readonly platform: string;
  /** `missing`, `always` or `never`. */
  readonly pull: string;
  /** Pulls without a word. */
  readonly quiet: boolean;
  readonly "use-api-socket"?: boolean;
}

const PULL_MODES = ["always", "missing", "never", ""];

/** @throws {Error} for a mode that does not exist */
export function checkPullMode(mode: string): void {
  if (!PULL_MODES.includes(mode)) throw new Error(`invalid pull option: '${mode}': must be one of "always", "missing" or "never"`);
}

/** @returns the container's id; its warnings have been printed */
export async function createContainer(cli: Cli, config: ContainerCreateRequest, options: CreateOptions): Promise<string> {
  const local = config.HostConfig?.Dns?.find((address) => /^127\.|^::1$/.test(address));
  if (local !== undefined) cli.complain(`WARNING: Localhost DNS (${local}) may fail in containers.`);
  const cidFile = config.HostConfig?.ContainerIDFile ?? "";
  const file = cidFile ? await openCidFile(cidFile) : undefined;
  try {
    const use = options["use-api-socket"] ? await import("./api-socket.ts") : undefined;
    const { config: whole, credentials } = use ? await use.withApiSocket(cli, config) : { config, credentials: undefined };
    const id = await createWithImage(cli, whole, options);
    if (credentials) await use?.writeCredentials(cli, id, credentials);
    await file?.write(id);
    return id;
  } catch (error) {
    if (file) await rm(cidFile, { force: true });
    throw error;
  } finally {
    await file?.close();
  }
}

async function openCidFile(path: string): ReturnType<typeof open> {
  return open(path, "wx").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw new Error(`failed to create the container ID file: ${describeError(error)}`);
    throw new Error(`container ID file found, make sure the other container isn't running or delete ${path}`);
  });
}

async function createWithImage(cli: Cli, config: ContainerCreateRequest, options: CreateOptions): Promise<string> {
  const client = await cli.client();
  const reference = readImage(config.Image ?? "");
  checkPlatform(options.platform);
  const { platform, name } = options;
  const create = () => client.containers.create(config, { name: name || undefined, platform: platform || undefined, signal: cli.signal });
  if (options.pull === "always" && reference) await pullQuietly(cli, reference, options);
  const created = await create().catch(async (error: unknown) => {
    if (!isStatus(error, 404) || options.pull === "never" || !reference) throw error;
    cli.complain(`Unable to find image '${familiarReference(withDefaultTag(reference))}' locally`);
    await pullQuietly(cli, reference, options);
    return create();
  });
  for (const warning of created.Warnings ?? []) cli.complain(`WARNING: ${warning}`);
  return created.Id;
}

/** Undefined for an image that is named by its id. */
function readImage(image: string): Reference | undefined {
  const parsed = parseReference(image);
  if ("reference" in parsed) return parsed.reference;
  if (/^(sha256:)?[0-9a-f]{64}$/.test(image)) return undefined;
  throw new Error(parsed.problem);
}

const SYSTEMS = ["linux", "windows", "darwin", "freebsd", "wasi", "js", "solaris", "aix"];
const PROCESSORS =
  /^(amd64|x86_64|x86-64|386|i386|arm|armhf|armel|aarch64|arm64|riscv64|ppc64|ppc64le|s390x|mips|mips64|mips64le|mipsle|loong64|wasm)$/;

/** One word is a system or a processor. @see https://github.com/containerd/platforms Parse @throws {Error} */
function checkPlatform(text: string): void {
  const [first = "", ...rest] = text.toLowerCase().split("/");
  if (text === "" || rest.length > 0 || SYSTEMS.includes(first) || PROCESSORS.test(first)) return;
  throw new Error(`error parsing specified platform: ${JSON.stringify(text)}: unknown operating system or architecture: invalid argument`);
}

async function pullQuietly(cli: Cli, reference: Reference, { platform, quiet }: CreateOptions): Promise<void> {
  const [{ pullMessages }, { showProgress, throwFailure }] = await Promise.all([import("./pull-image.ts"), import("./progress.ts")]);
  const messages = pullMessages(cli, reference, { platform: platform || undefined });
  if (!quiet) return showProgress(cli, messages, { output: cli.stderr });
  for await (const message of messages) throwFailure(message);
}

/** Proxies of the user's settings, as docker hands them to containers. */
export async function withProxies(cli: Cli, config: ContainerCreateRequest): Promise<ContainerCreateRequest> {
  const { file } = await cli.settings();
  if (!file.proxies) return config;
  const own = new Set((config.Env ?? []).map((text) => text.split("=")[0]));
  const added = proxyVariables(file.proxies[cli.env["DOCKER_HOST"] ?? ""] ?? file.proxies["default"] ?? {}).filter(
    (text) => !own.has(text.split("=")[0]),
  );
  return added.length > 0 ? { ...config, Env: [...(config.Env ?? []), ...added] } : config;
}

const PROXIES: Readonly<Record<string, string>> = {
  httpProxy: "HTTP_PROXY",
  httpsProxy: "HTTPS_PROXY",
  noProxy: "NO_PROXY",
  ftpProxy: "FTP_PROXY",
  allProxy: "ALL_PROXY",
};

function proxyVariables(settings: Readonly<Record<string, string>>): string[] {
  return Object.entries(PROXIES).flatMap(([setting, name]) => {
    const value = settings[setting];
    return value ? [`${name}=${value}`, `${name.toLowerCase()}=${value}`] : [];
  });
}
