/** Credentials in headers: base64 JSON, with either alphabet and with or without padding. Never logged. */
import { EngineError } from "../errors.ts";
import { authConfig } from "./requests.ts";
import { decode } from "./shape.ts";
import type { AuthConfig } from "./types/image.ts";

/** `X-Registry-Auth`; undefined when there are none. @throws {EngineError} invalid */
export function registryAuth(header: string | string[] | undefined): AuthConfig | undefined {
  const value = decodeHeader(header, "X-Registry-Auth");
  if (value === undefined) return undefined;
  const auth = decode(authConfig, value);
  return Object.values(auth).some((field) => field) ? auth : undefined;
}

/** `X-Registry-Config` of a build: credentials by registry. @throws {EngineError} invalid */
export function registryConfig(header: string | string[] | undefined): Record<string, AuthConfig> {
  const value = decodeHeader(header, "X-Registry-Config");
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([registry, auth]) => [registry, decode(authConfig, auth)]));
}

function decodeHeader(header: string | string[] | undefined, name: string): unknown {
  const text = Array.isArray(header) ? header[0] : header;
  if (!text) return undefined;
  try {
    return JSON.parse(Buffer.from(text, "base64url").toString()) as unknown;
  } catch {
    // The cause would quote the header.
    throw new EngineError("invalid", `invalid ${name} header`);
  }
}
