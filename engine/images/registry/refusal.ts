/** What registries, and the servers that give tokens for them, say instead of what was asked for. */
import type { IncomingMessage } from "node:http";
import { EngineError } from "../../errors.ts";
import { readBody, TransportError } from "./transport.ts";

/** What a registry said instead of what was asked for. `code` is the protocol's, e.g. `MANIFEST_UNKNOWN`. */
export class RegistryError extends EngineError {
  readonly code: string;
  readonly status: number;
  /** Seconds that the registry asks to wait. */
  readonly retryAfter: string | undefined;

  constructor({ status, retryAfter }: { status: number; retryAfter?: string | undefined }, code: string, message: string) {
    super(status === 401 ? "unauthorized" : status === 403 ? "forbidden" : status === 404 ? "not-found" : "internal", message);
    this.name = "RegistryError";
    this.code = code;
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** Why a request was not even sent: there are no credentials, or no token was given for them. */
export class AccessError extends EngineError {
  /** The same as Docker says it of a request: `Head "<url>": no basic auth credentials`. */
  during(verb: "Head" | "Get", url: string): AccessError {
    return new AccessError(this.kind, `${verb} "${url}": ${this.message}`, { cause: this });
  }
}

/** Whether another try may do better. */
export function isWorthRetrying(error: unknown): boolean {
  if (error instanceof RegistryError) return error.status === 429 || error.status === 408 || error.status >= 500;
  if (!(error instanceof TransportError)) return false;
  const { code } = error.cause as { code?: string };
  return code !== "ENOTFOUND" && code !== "ECONNREFUSED";
}

/** Reads an answer that is no success. @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes */
export async function readError(response: IncomingMessage): Promise<RegistryError> {
  const status = response.statusCode ?? 0;
  const answer = { status, retryAfter: response.headers["retry-after"] };
  const body = await readBody(response, 65536).catch(() => Buffer.alloc(0));
  try {
    const { errors } = JSON.parse(body.toString()) as { errors?: { code?: string; message?: string }[] };
    const { code, message } = errors?.[0] ?? {};
    if (typeof code === "string") {
      const words = code.toLowerCase().replaceAll("_", " ");
      return new RegistryError(answer, code, `${words}: ${message ?? words}`);
    }
  } catch {
    // Not every registry, and no proxy in front of one, answers in JSON.
  }
  if (status === 429) return new RegistryError(answer, "TOOMANYREQUESTS", "toomanyrequests: the registry asks to slow down");
  return new RegistryError(answer, "UNKNOWN", `received unexpected HTTP status: ${status} ${response.statusMessage ?? ""}`.trim());
}
