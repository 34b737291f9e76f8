/** What fetching from elsewhere may use of the client: secrets that log in, and its ssh agent. */
import { homedir } from "node:os";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import type { GitSource } from "../syntax/git-source.ts";
import type { BuildRequest } from "./builder.ts";

export type Access = Pick<BuildRequest, "secret" | "sshAgent">;

/**
 * Value of the header Authorization for a download by ADD, from the secret HTTP_AUTH_HEADER_<host> or HTTP_AUTH_TOKEN_<host>.
 * @see https://docs.docker.com/build/building/secrets/#http-authentication-for-add
 */
export async function httpAuthorization({ secret }: Access, host: string): Promise<string | undefined> {
  const header = await secret?.(`HTTP_AUTH_HEADER_${host}`);
  if (header) return header.toString().trim();
  const token = await secret?.(`HTTP_AUTH_TOKEN_${host}`);
  return token && `Bearer ${token.toString().trim()}`;
}

/**
 * The same for a Git repository, from GIT_AUTH_HEADER or GIT_AUTH_TOKEN, whose names may end with a dot and the host.
 * @see https://docs.docker.com/build/building/secrets/#git-authentication-for-remote-contexts
 */
async function gitAuthorization({ secret }: Access, host: string): Promise<string | undefined> {
  for (const suffix of [`.${host}`, ""]) {
    const header = await secret?.(`GIT_AUTH_HEADER${suffix}`);
    if (header) return header.toString().trim();
    const token = await secret?.(`GIT_AUTH_TOKEN${suffix}`);
    if (token) return `basic ${Buffer.from(`x-access-token:${token.toString().trim()}`).toString("base64")}`;
  }
  return undefined;
}

/**
 * Environment of git that may log in at `url`. Nothing is ever asked at a terminal; the host key of a server that is not
 * known yet is taken, one that has changed is refused. Keys are those of the client's agent, never the engine's own.
 * @param directory for the keys of new hosts; goes with the clone
 * @throws {EngineError} invalid when an agent is needed and the client offers none
 */
export async function gitEnvironment(
  access: Access,
  { url, isSsh }: Pick<GitSource, "url" | "isSsh">,
  directory: string,
): Promise<NodeJS.ProcessEnv> {
  const known = [join(directory, "known_hosts"), join(homedir(), ".ssh/known_hosts")].map((path) => `"${path}"`).join(" ");
  const options = ["BatchMode=yes", "IdentityFile=none", "StrictHostKeyChecking=accept-new", `UserKnownHostsFile=${known}`];
  const ssh = ["ssh -F /dev/null", ...options.map((option) => `-o '${option}'`)].join(" ");
  const agent = await access.sshAgent?.("default");
  if (agent === undefined && isSsh)
    throw new EngineError(
      "invalid",
      'no SSH key "default" forwarded from the client: load a key into an agent with ssh-add, and build with --ssh default',
    );
  const host = /^https?:\/\/(?:[^/@]*@)?([^/:]+)/.exec(url)?.[1];
  const header = host && (await gitAuthorization(access, host));
  return {
    ...process.env,
    SSH_AUTH_SOCK: agent,
    GIT_TERMINAL_PROMPT: "0",
    GIT_PROTOCOL_FROM_USER: "0",
    GIT_SSH_COMMAND: ssh,
    // By the environment, so that nobody sees it among the arguments, and for this host alone.
    ...(header && {
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: `http.${new URL(url).origin}/.extraheader`,
      GIT_CONFIG_VALUE_0: `Authorization: ${header}`,
    }),
  };
}
