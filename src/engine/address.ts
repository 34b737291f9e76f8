/** What an endpoint's address means: a socket, a host, another machine through ssh, or one of docker's contexts. */
import { homedir } from "node:os";
import { join } from "node:path";
import { Contexts, tlsFor } from "../../engine/client/contexts.ts";
import type { EndpointOptions } from "../../engine/client/endpoint.ts";
import { dialSsh, parseSsh } from "../../engine/host/ssh.ts";

/** In front of the name of one of docker's contexts. */
export const CONTEXT_PREFIX = "context:";

/** The contexts that docker's own command uses. */
export function dockerContexts(): Contexts {
  return new Contexts(process.env["DOCKER_CONFIG"] || join(homedir(), ".docker"));
}

/** @throws {Error} for a context that does not exist, or an address that ssh would not take */
export async function resolveAddress(address: string): Promise<{ host: string; options: EndpointOptions }> {
  if (!address.startsWith(CONTEXT_PREFIX)) return { host: address, options: dialOptions(address) };
  const contexts = dockerContexts();
  const context = await contexts.get(address.slice(CONTEXT_PREFIX.length));
  const tls = tlsFor(context, await contexts.tls(context.name));
  const host = context.host || "unix:///var/run/docker.sock";
  return { host, options: { ...dialOptions(host), ...(tls ? { tls } : {}) } };
}

function dialOptions(host: string): EndpointOptions {
  if (!host.startsWith("ssh://")) return {};
  parseSsh(host);
  return { dial: () => dialSsh(host) };
}
