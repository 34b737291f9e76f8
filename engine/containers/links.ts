/**
 * `--link name:alias` on the default bridge: the alias in /etc/hosts, and variables that tell of the other's ports. On
 * networks that users make, names do this, and the command sends links with the network.
 */
import type { ContainerConfig } from "../api/types/container.ts";
import { EngineError } from "../errors.ts";
import type { ContainerRecord } from "./containers.ts";
import type { ContainerStore } from "./store.ts";

export interface Link {
  readonly name: string;
  readonly alias: string;
}

/** `name:alias` or `name`; what inspect shows, `/name:/self/alias`, is read too. */
export function parseLink(text: string): Link {
  const [name = "", alias = name, ...more] = text.split(":");
  if (name === "" || alias === "" || more.length > 0) throw new EngineError("invalid", `bad format for links: ${text}`);
  return { name: name.replace(/^\//, ""), alias: alias.replace(/^.*\//, "") };
}

/** @throws {EngineError} with Docker's sentence for a container that does not exist */
export function checkLinks(store: ContainerStore, links: readonly string[]): void {
  for (const { name } of links.map(parseLink))
    try {
      store.find(name);
    } catch (error) {
      throw new EngineError("invalid", `could not get container for ${name}: ${(error as Error).message}`, { cause: error });
    }
}

/** Variables for a container that starts. @throws {EngineError} when one that it is linked to does not run */
export function linkEnvironment(store: ContainerStore, record: ContainerRecord): string[] {
  return (record.hostConfig.Links ?? []).map(parseLink).flatMap(({ name, alias }) => {
    const other = store.find(name);
    const address = other.record.sandbox?.endpoints.find(({ networkName }) => networkName === "bridge")?.ipv4;
    if (!other.isUp || !address)
      throw new EngineError("internal", `Cannot link to a non running container: /${other.record.name} AS /${record.name}/${alias}`);
    return linkVariables({ name: `/${record.name}/${alias}`, alias, address }, other.record.config);
  });
}

/** @see https://github.com/moby/moby/blob/v28.5.2/daemon/links/links.go ToEnv */
export function linkVariables(link: { name: string; alias: string; address: string }, other: ContainerConfig): string[] {
  const prefix = link.alias.toUpperCase().replaceAll("-", "_");
  const ports = Object.keys(other.ExposedPorts ?? {})
    .map((text) => ({ port: Number.parseInt(text, 10), protocol: text.split("/")[1] ?? "tcp" }))
    .toSorted(
      (a, b) => Number(b.protocol === "tcp") - Number(a.protocol === "tcp") || a.protocol.localeCompare(b.protocol) || a.port - b.port,
    );
  const [first] = ports;
  const own = (other.Env ?? []).filter((text) => text.includes("=") && !/^(HOME|PATH)=/.test(text));
  return [
    ...(first ? [`${prefix}_PORT=${first.protocol}://${link.address}:${first.port}`] : []),
    ...ports.flatMap(({ port, protocol }) => {
      const variable = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
      return [
        `${variable}=${protocol}://${link.address}:${port}`,
        `${variable}_ADDR=${link.address}`,
        `${variable}_PORT=${port}`,
        `${variable}_PROTO=${protocol}`,
      ];
    }),
    `${prefix}_NAME=${link.name}`,
    ...own.map((text) => `${prefix}_ENV_${text}`),
  ];
}
