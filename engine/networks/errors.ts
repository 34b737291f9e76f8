/**
 * Docker's sentences about networks, to the letter.
 */
import { EngineError } from "../errors.ts";

export const noSuchNetwork = (name: string): EngineError => new EngineError("not-found", `network ${name} not found`);
export const ambiguousNetwork = (prefix: string, matches: number): EngineError =>
  new EngineError("invalid", `network ${prefix} is ambiguous (${matches} matches found based on ID prefix)`);
export const networkExists = (name: string): EngineError => new EngineError("conflict", `network with name ${name} already exists`);
export const nameIsEmpty = (): EngineError => new EngineError("invalid", "invalid name: name is empty");
export const noSuchDriver = (driver: string): EngineError => new EngineError("not-found", `plugin "${driver}" not found`);
export const predefinedOperation = (name: string): EngineError =>
  new EngineError("forbidden", `operation is not permitted on predefined ${name} network `);
export const predefinedRemoval = (name: string): EngineError =>
  new EngineError("forbidden", `${name} is a pre-defined network and cannot be removed`);
export const oneInstance = (driver: string): EngineError =>
  new EngineError("forbidden", `only one instance of "${driver}" network is allowed`);

export const configurationOnly = (): EngineError => new EngineError("forbidden", "cannot create endpoint on configuration-only network");
export const noSuchConfiguration = (name: string): EngineError =>
  new EngineError("not-found", `configuration network ${JSON.stringify(name)} does not exist`);
export const configurationInUse = (name: string): EngineError =>
  new EngineError("forbidden", `error while removing network: configuration network ${JSON.stringify(name)} is in use`);

export function hasEndpoints(network: string, endpoints: readonly { containerName: string; id: string }[]): EngineError {
  const list = endpoints.map(({ containerName, id }) => `name:"${containerName}" id:"${id.slice(0, 12)}"`).join(", ");
  return new EngineError("forbidden", `error while removing network: network ${network} has active endpoints (${list})`);
}

export const endpointExists = (containerName: string, network: string): EngineError =>
  new EngineError("forbidden", `endpoint with name ${containerName} already exists in network ${network}`);
export const notConnected = (containerId: string, network: string): EngineError =>
  new EngineError("internal", `container ${containerId} is not connected to network ${network}`);
export const hostNetworkConnect = (): EngineError =>
  new EngineError("invalid", "cannot connect container to host network - container must be created in host network mode");
export const noneNetworkConnect = (): EngineError =>
  new EngineError("invalid", "container cannot be connected to multiple networks with one of the networks in private (none) mode");
export const invalidEndpoint = (problem: string): EngineError => new EngineError("invalid", `invalid endpoint settings:\n${problem}`);
export const addressNeedsSubnet = (): EngineError =>
  invalidEndpoint("user specified IP address is supported only when connecting to networks with user configured subnets");
export const addressNeedsNetwork = (): EngineError =>
  invalidEndpoint("user specified IP address is supported on user defined networks only");

/** Which endpoint could not publish a port. */
export interface PublishFailure {
  readonly containerName: string;
  readonly endpointId: string;
  readonly hostIp: string;
  readonly hostPort: number;
  /** The errno's name. */
  readonly code: string;
}

/** @see the recordings run-p-conflict and create-port-conflict of dockerd 28 */
export function cannotPublish({ containerName, endpointId, hostIp, hostPort, code }: PublishFailure): EngineError {
  const start = `driver failed programming external connectivity on endpoint ${containerName} (${endpointId}): `;
  return new EngineError("internal", `${start}${publishReason(hostIp, hostPort, code)}`);
}

function publishReason(hostIp: string, hostPort: number, code: string): string {
  const address = hostIp.includes(":") ? `[${hostIp}]:${hostPort}` : `${hostIp}:${hostPort}`;
  switch (code) {
    case "EADDRINUSE":
      return `Bind for ${hostIp}:${hostPort} failed: port is already allocated`;
    case "EACCES":
      return `failed to bind host port ${address}: permission denied; to allow ports from ${hostPort} on run \`sudo sysctl net.ipv4.ip_unprivileged_port_start=${hostPort}\``;
    case "EADDRNOTAVAIL":
      return `failed to bind host port ${address}: cannot assign requested address`;
    default:
      return `failed to bind host port ${address}: ${code}`;
  }
}

/** Prefixes what goes wrong when a container starts, as dockerd does; the kind stays. */
export function inSetUp(error: unknown): unknown {
  if (!(error instanceof EngineError)) return error;
  return new EngineError(error.kind, `failed to set up container networking: ${error.message}`, { cause: error });
}
