/**
 * Logins at registries as docker keeps them: in config.json, or with a helper program. Only reading; `berth login` writes them.
 * @see https://docs.docker.com/reference/cli/docker/login/#credential-stores
 */
import type { AuthConfig } from "../api/types/image.ts";

/** What of config.json is about logins. */
export interface LoginsFile {
  readonly auths?: Readonly<Record<string, { readonly auth?: string; readonly identitytoken?: string; readonly registrytoken?: string }>>;
  /** Name of the helper that keeps all logins: `docker-credential-<name>`. */
  readonly credsStore?: string;
  /** Names of helpers by server. */
  readonly credHelpers?: Readonly<Record<string, string>>;
}

/** Runs a helper program and gives what it prints. @throws {Error} with what it says */
export type RunHelper = (name: string, action: "get" | "list", input: string) => Promise<string>;

/** The key of Docker Hub's credentials. */
export const HUB_SERVER = "https://index.docker.io/v1/";

/** Key under which a registry's credentials are kept. */
export function serverKey(domain: string): string {
  return domain === "docker.io" || domain === "index.docker.io" || domain === "registry-1.docker.io" || domain === "" ? HUB_SERVER : domain;
}

/** The registry of a key, as it stands in front of an image's name. */
export function domainOfKey(server: string): string {
  const domain = bare(server);
  return serverKey(domain) === HUB_SERVER ? "docker.io" : domain;
}

/** The helper that keeps a server's credentials; undefined when the file does. */
export function helperFor(file: LoginsFile, server: string): string | undefined {
  return file.credHelpers?.[server] ?? (file.credsStore || undefined);
}

/** Credentials of a registry, undefined when there are none. @param domain e.g. `docker.io`, `localhost:5000` */
export async function loginOf(file: LoginsFile, domain: string, run: RunHelper): Promise<AuthConfig | undefined> {
  const server = serverKey(domain);
  const helper = helperFor(file, server);
  if (helper) return askHelper(helper, server, run);
  const key = Object.keys(file.auths ?? {}).find((name) => sameServer(name, server));
  return key ? decode(file.auths![key]!, server) : undefined;
}

/** Credentials of all registries, by server: what a build may need. What a helper does not give is left out. */
export async function allLogins(file: LoginsFile, run: RunHelper): Promise<Record<string, AuthConfig>> {
  const found: Record<string, AuthConfig> = {};
  for (const server of new Set([...Object.keys(file.auths ?? {}), ...Object.keys(file.credHelpers ?? {})])) {
    const auth = await loginOf(file, server === HUB_SERVER ? "docker.io" : server, run).catch(() => undefined);
    if (auth) found[server] = auth;
  }
  return found;
}

/** A login without its password. */
export interface Login {
  readonly domain: string;
  readonly username: string;
  /** Undefined when config.json keeps it. */
  readonly helper?: string | undefined;
}

/** Who is logged in where. A store is asked once for all that it has; one that fails has none. */
export async function listLogins(file: LoginsFile, run: RunHelper): Promise<Login[]> {
  const { auths = {}, credsStore, credHelpers = {} } = file;
  const logins = new Map<string, Login>();
  const add = (server: string, username: string, helper?: string): void => {
    const domain = domainOfKey(server);
    if (!logins.has(domain) && username !== "") logins.set(domain, { domain, username, helper });
  };
  for (const [server, helper] of Object.entries(credHelpers)) add(server, (await usersOf(helper, run))[server] ?? "", helper);
  if (credsStore) for (const [server, username] of Object.entries(await usersOf(credsStore, run))) add(server, username, credsStore);
  for (const [server, entry] of Object.entries(auths)) {
    const { username, identitytoken } = decode(entry, server);
    add(server, username ?? (identitytoken ? "<token>" : ""));
  }
  return [...logins.values()].toSorted((a, b) => (a.domain < b.domain ? -1 : 1));
}

/** Users by server. */
async function usersOf(helper: string, run: RunHelper): Promise<Readonly<Record<string, string>>> {
  try {
    const users: unknown = JSON.parse(await run(helper, "list", ""));
    const named = Object.entries(users ?? {}).filter((entry): entry is [string, string] => typeof entry[1] === "string");
    return Object.fromEntries(named);
  } catch {
    return {};
  }
}

const bare = (name: string): string => name.replace(/^https?:\/\//, "").split("/")[0]!;

/** Keys may carry a scheme and a path. */
export function sameServer(a: string, b: string): boolean {
  return a === b || bare(a) === bare(b);
}

function decode(entry: { auth?: string; identitytoken?: string; registrytoken?: string }, serveraddress: string): AuthConfig {
  const text = Buffer.from(entry.auth ?? "", "base64").toString();
  const colon = text.indexOf(":");
  return {
    ...(colon > 0 ? { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, "") } : {}),
    ...(entry.identitytoken ? { identitytoken: entry.identitytoken } : {}),
    ...(entry.registrytoken ? { registrytoken: entry.registrytoken } : {}),
    serveraddress,
  };
}

async function askHelper(helper: string, server: string, run: RunHelper): Promise<AuthConfig | undefined> {
  const answer = await run(helper, "get", server).catch((error: Error) => {
    if (/credentials not found/.test(error.message)) return undefined;
    throw error;
  });
  if (answer === undefined) return undefined;
  const { Username, Secret } = JSON.parse(answer) as { Username: string; Secret: string };
  return Username === "<token>"
    ? { identitytoken: Secret, serveraddress: server }
    : { username: Username, password: Secret, serveraddress: server };
}
