/** What an endpoint's address means: a socket, a host, another machine through ssh, or one of docker's contexts. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Contexts, tlsFor } from "../../engine/client/contexts.ts";
import { parseEndpoint } from "../../engine/client/endpoint.ts";
import type { EndpointOptions } from "../../engine/client/endpoint.ts";
import { dialSsh, parseSsh } from "../../engine/host/ssh.ts";
import { t } from "../language/server/words.ts";
import { dockerDirectory } from "./environment.ts";
import { CONTEXT_PREFIX } from "./state.ts";

/** The contexts that docker's own command uses. */
export function dockerContexts(): Contexts {
  return new Contexts(dockerDirectory());
}

/** @throws {Error} for a context that does not exist, or an address that ssh would not take */
export async function resolveAddress(address: string): Promise<{ host: string; options: EndpointOptions }> {
  if (!address.startsWith(CONTEXT_PREFIX))
    return { host: address, options: { ...dialOptions(address), ...(await environmentTls(address)) } };
  const contexts = dockerContexts();
  const context = await contexts.get(address.slice(CONTEXT_PREFIX.length));
  const tls = tlsFor(context, await contexts.tls(context.name));
  const host = context.host || "unix:///var/run/docker.sock";
  return { host, options: { ...dialOptions(host), ...(tls ? { tls } : {}) } };
}

/** Certificates as docker's command takes them from the environment, for the host of the environment only. */
async function environmentTls(address: string): Promise<EndpointOptions> {
  const { DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_TLS, DOCKER_CERT_PATH } = process.env;
  if (address !== DOCKER_HOST || (!DOCKER_TLS_VERIFY && !DOCKER_TLS)) return {};
  const read = (name: string): Promise<string | undefined> =>
    readFile(join(DOCKER_CERT_PATH || dockerDirectory(), name), "utf8").catch(() => undefined);
  const [ca, cert, key] = await Promise.all([read("ca.pem"), read("cert.pem"), read("key.pem")]);
  const verify = Boolean(DOCKER_TLS_VERIFY);
  return { tls: { verify, ...(ca && verify ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) } };
}

function dialOptions(host: string): EndpointOptions {
  if (!host.startsWith("ssh://")) return {};
  parseSsh(host);
  return { dial: () => dialSsh(host) };
}

/** What is wrong with an address as it is typed, before anything is written or asked; undefined when nothing is. */
export function addressProblem(text: string): string | undefined {
  const address = text.trim();
  if (!/^(unix|tcp|ssh|http|https):\/\/[^/\s]|^unix:\/\/\/\S/.test(address))
    return t("Write unix:///path, tcp://host:port or ssh://user@host");
  try {
    parseEndpoint(address, dialOptions(address));
    return undefined;
  } catch {
    return t("This is no address of an engine");
  }
}
