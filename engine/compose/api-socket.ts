/**
 * `use_api_socket`: a service that may talk to the engine, with the user's registry credentials.
 * Follows docker compose's `apiSocket.go`, so that hashes agree.
 */
import type { AuthConfig } from "../api/types/image.ts";
import type { Project } from "./project.ts";
import type { ServiceConfig } from "./service.ts";

/** Where the engine's socket is in the container, and in the hashed configuration. */
export const API_SOCKET = "/var/run/docker.sock";

const CONFIG = "#apisocket";
/** Where DOCKER_CONFIG points to in the container. */
export const CREDENTIALS_FOLDER = "/run/secrets/docker";

/** Whether any service asks for it. */
export function usesApiSocket({ services }: Project): boolean {
  return Object.values(services).some((service) => service.use_api_socket);
}

/**
 * The project with the socket's mount, DOCKER_CONFIG and the credentials in the services that ask for them.
 * @param credentials text of a `config.json`
 */
export function withApiSocket(project: Project, credentials: string): Project {
  const services = Object.entries(project.services).map(([name, service]) => [
    name,
    service.use_api_socket ? withSocket(service) : service,
  ]);
  return {
    ...project,
    configs: { ...project.configs, [CONFIG]: { name: CONFIG, content: credentials } },
    services: Object.fromEntries(services) as Project["services"],
  };
}

function withSocket(service: ServiceConfig): ServiceConfig {
  const volumes = [...(service.volumes ?? []), { type: "bind" as const, source: API_SOCKET, target: API_SOCKET }];
  // Who says where the credentials are knows what to put there.
  if (service.environment?.["DOCKER_CONFIG"] !== undefined) return { ...service, volumes };
  return {
    ...service,
    volumes,
    environment: { ...service.environment, DOCKER_CONFIG: CREDENTIALS_FOLDER },
    configs: [...(service.configs ?? []), { source: CONFIG, target: `${CREDENTIALS_FOLDER}/config.json` }],
  };
}

/** Credentials by server as a `config.json` says them. */
export function credentialsText(credentials: Readonly<Record<string, AuthConfig>>): string {
  const auths = Object.entries(credentials).map(([server, { username = "", password = "", identitytoken }]) => [
    server,
    { auth: Buffer.from(`${username}:${password}`).toString("base64"), ...(identitytoken ? { identitytoken } : {}) },
  ]);
  return `${JSON.stringify({ auths: Object.fromEntries(auths) as unknown }, undefined, 2)}\n`;
}

/** What the engine is asked to mount: its own socket, wherever it listens. @param endpoint `unix:///run/x.sock` */
export function atEndpoint(service: ServiceConfig, endpoint: string): ServiceConfig {
  const path = /^unix:\/\/(.*)$/.exec(endpoint)?.[1];
  if (!service.use_api_socket || !path) return service;
  return {
    ...service,
    volumes: (service.volumes ?? []).map((volume) => (volume.source === API_SOCKET ? { ...volume, source: path } : volume)),
  };
}
