/** Which handler answers a request. Paths are Docker's: `/containers/{id}/json`; `{name}` of an image may hold slashes. */
import { EngineError } from "../errors.ts";
import { API_VERSION, OLDEST_API_VERSION } from "../host/version.ts";
import type { Exchange } from "./exchange.ts";

export type Handler = (exchange: Exchange) => Promise<void> | void;

export interface Route {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS";
  readonly path: string;
  readonly handle: Handler;
  /** It takes connections over, so an `Upgrade` header is honored. */
  readonly upgrades?: true;
}

export interface Match {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

export interface Target {
  /** Without the version and the query, decoded. */
  readonly path: string;
  readonly search: string;
  /** As written, e.g. `1.41`; undefined for an unversioned path. */
  readonly version: string | undefined;
}

/** Splits a request's URL. */
export function parseTarget(url: string): Target {
  const question = url.indexOf("?");
  const raw = question < 0 ? url : url.slice(0, question);
  const search = question < 0 ? "" : url.slice(question + 1);
  const path = decodePath(raw.replace(/^https?:\/\/[^/]*/, ""));
  const versioned = /^\/v(\d+(?:\.\d+)*)(\/.*)$/.exec(path);
  return { path: versioned?.[2] ?? path, version: versioned?.[1], search };
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new EngineError("invalid", `invalid URL escape in ${JSON.stringify(path)}`);
  }
}

/**
 * The minor number of an API version; without one it is the newest.
 * @throws {EngineError} invalid with dockerd's sentence outside of what is served
 */
export function minorVersion(version: string | undefined): number {
  if (version === undefined) return minor(API_VERSION);
  if (compare(version, OLDEST_API_VERSION) < 0)
    throw new EngineError(
      "invalid",
      `client version ${version} is too old. Minimum supported API version is ${OLDEST_API_VERSION}, please upgrade your client to a newer version`,
    );
  if (compare(version, API_VERSION) > 0)
    throw new EngineError("invalid", `client version ${version} is too new. Maximum supported API version is ${API_VERSION}`);
  return minor(version);
}

function minor(version: string): number {
  return Number(version.split(".")[1] ?? 0);
}

function compare(left: string, right: string): number {
  const [a, b] = [left, right].map((version) => version.split(".").map(Number));
  for (let index = 0; index < Math.max(a!.length, b!.length); index += 1) {
    const difference = (a![index] ?? 0) - (b![index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** A function that finds the route of a request; earlier routes win. */
export function createRouter(routes: readonly Route[]): (method: string, path: string) => Match | undefined {
  const compiled = routes.map((route) => ({ route, pattern: compile(route.path) }));
  return (method, path) => {
    for (const { route, pattern } of compiled) {
      if (route.method !== method) continue;
      const found = pattern.exec(path);
      if (found) return { route, params: { ...found.groups } };
    }
    return undefined;
  };
}

function compile(path: string): RegExp {
  // With dockerd the name of a container may have slashes: there is none of that name.
  const any = (name: string): boolean => name === "name" || path.startsWith("/containers/");
  const escaped = path.replace(/[.*+?^$()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replace(/\{(\w+)\}/g, (_, name: string) => `(?<${name}>${any(name) ? ".+" : "[^/]+"})`)}$`);
}
