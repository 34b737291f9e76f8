import { createInterface } from "node:readline/promises";
import { text as readText } from "node:stream/consumers";
import type { AuthConfig } from "../../api/types/image.ts";
import { command } from "../cli.ts";
import type { Cli } from "../cli.ts";
import { HUB_SERVER, credentialsFor, eraseCredentials, serverKey, storeCredentials } from "../credentials.ts";
import { bool, text } from "../flags.ts";
import { readHidden } from "../prompt.ts";

export const login = command({
  usage: "[OPTIONS] [SERVER]",
  about: "Authenticate to a registry.\nDefaults to Docker Hub if no server is specified.",
  arity: [0, 1],
  flags: {
    password: text("Password or Personal Access Token (PAT)", { short: "p" }),
    "password-stdin": bool("Take the Password or Personal Access Token (PAT) from stdin"),
    username: text("Username", { short: "u" }),
  },
  async run(cli, { args: [server = ""], flags }) {
    const domain = server.replace(/^https?:\/\//, "").split("/")[0]!;
    const password = await givenPassword(cli, flags);
    const key = serverKey(domain);
    const known = !flags.username && password === undefined ? await credentialsFor(cli, domain) : undefined;
    if (known) cli.print("Authenticating with existing credentials...");
    const auth = known ?? (await askCredentials(cli, { key, username: flags.username, password }));
    const client = await cli.client();
    const { Status, IdentityToken } = await client.system.login(auth, { signal: cli.signal });
    const kept: AuthConfig = IdentityToken ? { ...auth, password: "", identitytoken: IdentityToken } : auth;
    const path = known ? undefined : await storeCredentials(cli, key, kept);
    if (path) cli.complain(unencrypted(path));
    if (Status) cli.print(Status);
  },
});

function unencrypted(path: string): string {
  return `\nWARNING! Your credentials are stored unencrypted in '${path}'.\nConfigure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n`;
}

async function givenPassword(
  cli: Cli,
  flags: { password: string; "password-stdin": boolean; username: string },
): Promise<string | undefined> {
  if (flags.password) {
    cli.complain("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
    if (flags["password-stdin"]) throw new Error("--password and --password-stdin are mutually exclusive");
    return flags.password;
  }
  if (!flags["password-stdin"]) return undefined;
  if (!flags.username) throw new Error("Must provide --username with --password-stdin");
  return (await readText(cli.stdin)).replace(/\r?\n$/, "");
}

async function askCredentials(
  cli: Cli,
  { key, username, password }: { key: string; username: string; password: string | undefined },
): Promise<AuthConfig> {
  if (!cli.stdin.isTTY && (!username || password === undefined))
    throw new Error("Error: Cannot perform an interactive login from a non TTY device");
  const name = username || (await ask(cli, key === HUB_SERVER ? "Username: " : `Username for ${key}: `));
  if (!name) throw new Error("Error: Non-null Username Required");
  const secret = password ?? (await readHidden(cli, "Password: "));
  if (!secret) throw new Error("Error: Password Required");
  return { username: name, password: secret, serveraddress: key };
}

async function ask(cli: Cli, question: string): Promise<string> {
  const lines = createInterface({ input: cli.stdin, output: cli.stdout });
  try {
    return (await lines.question(question, { signal: cli.signal })).trim();
  } finally {
    lines.close();
  }
}

export const logout = command({
  usage: "[SERVER]",
  about: "Log out from a registry.\nIf no server is specified, the default is defined by the daemon.",
  arity: [0, 1],
  flags: {},
  async run(cli, { args: [server = ""] }) {
    const domain = server.replace(/^https?:\/\//, "").split("/")[0]!;
    const key = serverKey(domain);
    cli.print(`Removing login credentials for ${key}`);
    await eraseCredentials(cli, key);
  },
});
