/**
 * Registry credentials as docker keeps them: in config.json, or with a helper program.
 */
import type { AuthConfig } from "../api/types/image.ts";
import { allLogins, helperFor, loginOf, sameServer } from "../client/logins.ts";
import type { RunHelper } from "../client/logins.ts";
import type { Cli } from "./cli.ts";
import { writeSettings } from "./settings.ts";

export { HUB_SERVER, serverKey } from "../client/logins.ts";

/** A helper that has no credentials of a server says so by failing. */
const run: RunHelper = async (name, action, input) =>
  (await import("../host/credential-helper.ts")).runCredentialHelper(name, action, input);

/** Credentials of a registry, undefined when there are none. @param domain e.g. `docker.io`, `localhost:5000` */
export async function credentialsFor(cli: Cli, domain: string): Promise<AuthConfig | undefined> {
  return loginOf((await cli.settings()).file, domain, run);
}

/** Credentials of all registries, by server: what a build may need. */
export async function allCredentials(cli: Cli): Promise<Record<string, AuthConfig>> {
  return allLogins((await cli.settings()).file, run);
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
