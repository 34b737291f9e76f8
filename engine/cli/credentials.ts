/**
 * Registry credentials as docker keeps them: in config.json, or with a helper program.
 */
import type { AuthConfig } from "../api/types/image.ts";
import type { Cli } from "./cli.ts";
import type { SettingsFile } from "./settings.ts";
import { writeSettings } from "./settings.ts";

/** The key of Docker Hub's credentials. */
export const HUB_SERVER = "https://index.docker.io/v1/";

/** Key under which a registry's credentials are kept. */
export function serverKey(domain: string): string {
  return domain === "docker.io" || domain === "index.docker.io" || domain === "registry-1.docker.io" || domain === "" ? HUB_SERVER : domain;
}

/** Credentials of a registry, undefined when there are none. @param domain e.g. `docker.io`, `localhost:5000` */
export async function credentialsFor(cli: Cli, domain: string): Promise<AuthConfig | undefined> {
  const { file } = await cli.settings();
  const server = serverKey(domain);
  const helper = helperFor(file, server);
  if (helper) return askHelper(helper, server);
  const key = Object.keys(file.auths ?? {}).find((name) => sameServer(name, server));
  return key ? decode(file.auths![key]!, server) : undefined;
}

/** Credentials of all registries, by server: what a build may need. */
export async function allCredentials(cli: Cli): Promise<Record<string, AuthConfig>> {
  const { file } = await cli.settings();
  const servers = new Set([...Object.keys(file.auths ?? {}), ...Object.keys(file.credHelpers ?? {})]);
  const found: Record<string, AuthConfig> = {};
  for (const server of servers) {
    const auth = await credentialsFor(cli, server === HUB_SERVER ? "docker.io" : server).catch(() => undefined);
    if (auth) found[server] = auth;
  }
  return found;
}

function helperFor(file: SettingsFile, server: string): string | undefined {
  return file.credHelpers?.[server] ?? (file.credsStore || undefined);
}

/** Keys may carry a scheme and a path. */
function sameServer(a: string, b: string): boolean {
  const bare = (name: string): string => name.replace(/^https?:\/\//, "").split("/")[0]!;
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

/** Keeps credentials. @returns the file they are readable in, undefined when a helper keeps them */
export async function storeCredentials(cli: Cli, server: string, auth: AuthConfig): Promise<string | undefined> {
  const settings = await cli.settings();
  const helper = helperFor(settings.file, server);
  if (helper) {
    const { runCredentialHelper } = await import("../host/credential-helper.ts");
    const secret = auth.identitytoken
      ? { Username: "<token>", Secret: auth.identitytoken }
      : { Username: auth.username, Secret: auth.password };
    await runCredentialHelper(helper, "store", JSON.stringify({ ServerURL: server, ...secret }));
    // As docker does: the file says that there is a login, the helper has it.
    settings.file.auths = { ...settings.file.auths, [server]: {} };
    await writeSettings(settings);
    return undefined;
  }
  const encoded = auth.identitytoken
    ? { auth: encode(auth.username ?? "", ""), identitytoken: auth.identitytoken }
    : { auth: encode(auth.username ?? "", auth.password ?? "") };
  settings.file.auths = { ...settings.file.auths, [server]: encoded };
  await writeSettings(settings);
  return `${settings.directory}/config.json`;
}

function encode(username: string, password: string): string {
  return Buffer.from(`${username}:${password}`).toString("base64");
}

/** Forgets credentials, if there are any. */
export async function eraseCredentials(cli: Cli, server: string): Promise<void> {
  const settings = await cli.settings();
  const helper = helperFor(settings.file, server);
  if (helper) {
    const { runCredentialHelper } = await import("../host/credential-helper.ts");
    await runCredentialHelper(helper, "erase", server);
  }
  const keys = Object.keys(settings.file.auths ?? {}).filter((name) => sameServer(name, server));
  for (const key of keys) delete settings.file.auths![key];
  if (keys.length > 0) await writeSettings(settings);
}

async function askHelper(helper: string, server: string): Promise<AuthConfig | undefined> {
  const { runCredentialHelper } = await import("../host/credential-helper.ts");
  const answer = await runCredentialHelper(helper, "get", server).catch((error: Error) => {
    if (/credentials not found/.test(error.message)) return undefined;
    throw error;
  });
  if (answer === undefined) return undefined;
  const { Username, Secret } = JSON.parse(answer) as { Username: string; Secret: string };
  return Username === "<token>"
    ? { identitytoken: Secret, serveraddress: server }
    : { username: Username, password: Secret, serveraddress: server };
}
