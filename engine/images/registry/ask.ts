/** Questions to one repository of a registry. */
import type { Reference } from "../../syntax/reference.ts";
import type { PullOptions } from "../images.ts";
import { RegistryClient } from "./client.ts";
import { endpointsOf } from "./endpoint.ts";
import type { Endpoint, RegistryOptions } from "./endpoint.ts";

export type AskOptions = Pick<PullOptions, "auth" | "signal">;

export type RegistryAsked = AskOptions & { registry: RegistryOptions };

/** Works with a repository of its registry, not of a mirror unless the endpoint is given; closes the connection in the end. */
export async function withClient<T>(
  name: Pick<Reference, "domain" | "path">,
  options: RegistryAsked & { endpoint?: Endpoint; push?: boolean },
  ask: (client: RegistryClient) => Promise<T>,
): Promise<T> {
  const endpoint = options.endpoint ?? endpointsOf(name.domain, options.registry).find(({ mirror }) => !mirror)!;
  const auth = endpoint.mirror ? undefined : options.auth;
  const access = { repository: name.path, push: options.push ?? false, auth, signal: options.signal };
  const client = await RegistryClient.connect(endpoint, access, options.registry.env ?? process.env);
  try {
    return await ask(client);
  } finally {
    client.close();
  }
}
