/**
 * How this engine talks to registries: `daemon.json` beside its log, with dockerd's names, and the environment.
 *
 *     { "registry-mirrors": ["https://mirror.example"], "insecure-registries": ["10.0.0.0/8", "registry.example:5000"],
 *       "proxies": { "http-proxy": "…", "https-proxy": "…", "no-proxy": "…" } }
 *
 * @see https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file
 */
import { EngineError } from "../../errors.ts";
import { readJson } from "../../host/files.ts";
import type { RegistryOptions } from "./endpoint.ts";

export interface RegistrySettings extends RegistryOptions {
  readonly mirrors: readonly string[];
  readonly insecure: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

const PROXIES = { "http-proxy": "HTTP_PROXY", "https-proxy": "HTTPS_PROXY", "no-proxy": "NO_PROXY" } as const;
/** What never goes through a proxy, as in Go. */
const LOOPBACK = "localhost,127.0.0.1-127.255.255.254,::1";

/**
 * Reads the settings; lists of the file and of BERTH_REGISTRY_MIRRORS and BERTH_INSECURE_REGISTRIES (with commas) add up.
 * @param path of daemon.json, which need not exist
 * @throws {EngineError} invalid, in dockerd's words where it has any
 */
export async function readRegistrySettings(path: string, env: NodeJS.ProcessEnv): Promise<RegistrySettings> {
  const file = await readFile(path);
  const { "registry-mirrors": mirrors, "insecure-registries": insecure, proxies, ...unknown } = file;
  const names = Object.keys(unknown);
  if (names.length > 0) throw refused(path, `the following directives don't match any configuration option: ${names.join(", ")}`);
  return {
    mirrors: [...list(path, "registry-mirrors", mirrors), ...split(env["BERTH_REGISTRY_MIRRORS"])].map((each) => checkMirror(path, each)),
    insecure: [...list(path, "insecure-registries", insecure), ...split(env["BERTH_INSECURE_REGISTRIES"])].map((each) =>
      checkInsecure(path, each),
    ),
    env: proxyEnvironment(path, proxies, env),
  };
}

async function readFile(path: string): Promise<Record<string, unknown>> {
  const value = await readJson<unknown>(path).catch((error: unknown) => {
    throw refused(path, (error as Error).message);
  });
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw refused(path, "it is not a JSON object");
  return value as Record<string, unknown>;
}

function list(path: string, name: string, value: unknown): string[] {
  if (value === undefined) return [];
  if (Array.isArray(value) && value.every((each) => typeof each === "string")) return value;
  throw refused(path, `"${name}" is not a list of strings`);
}

function split(text: string | undefined): string[] {
  return (text ?? "")
    .split(",")
    .map((each) => each.trim())
    .filter(Boolean);
}

function checkMirror(path: string, text: string): string {
  const url = URL.parse(text);
  if (!url) throw refused(path, `invalid mirror: ${JSON.stringify(text)} is not a valid URI`);
  const scheme = url.protocol.slice(0, -1);
  if (scheme !== "http" && scheme !== "https") throw refused(path, `invalid mirror: unsupported scheme "${scheme}" in "${text}"`);
  if (url.search || url.hash) throw refused(path, `invalid mirror: query or fragment in "${text}"`);
  return text;
}

function checkInsecure(path: string, text: string): string {
  if (text.includes("://")) throw refused(path, `insecure registry ${text} should not contain '://'`);
  return text;
}

function proxyEnvironment(path: string, value: unknown, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own: NodeJS.ProcessEnv = {};
  if (value !== undefined && (typeof value !== "object" || value === null)) throw refused(path, '"proxies" is not an object');
  for (const [key, proxy] of Object.entries(value ?? {})) {
    if (!(key in PROXIES) || typeof proxy !== "string") throw refused(path, `"proxies" has no "${key}" that is a string`);
    own[PROXIES[key as keyof typeof PROXIES]] = proxy;
  }
  return { ...env, ...own };
}

/** The environment as a connection takes it: the machine itself is spoken to without a proxy, as in Go. */
export function withoutLoopback(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const given = env["NO_PROXY"] ?? env["no_proxy"];
  const { no_proxy: _, ...rest } = env;
  return { ...rest, NO_PROXY: given ? `${given},${LOOPBACK}` : LOOPBACK };
}

function refused(path: string, why: string): EngineError {
  return new EngineError("invalid", `unable to configure the engine with file ${path}: ${why}`);
}
