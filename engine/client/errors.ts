/**
 * What can go wrong between a client and an engine: the engine said no, or there was no engine to ask.
 */

/** The engine answered with an error. The message is the engine's own sentence, without any prefix. */
export class ClientError extends Error {
  /** HTTP status, 300 and above. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "ClientError";
    this.status = status;
  }
}

/** No engine answered at `endpoint`; the socket's own error is in `cause`. */
export class ConnectionError extends Error {
  readonly endpoint: string;

  constructor(endpoint: string, cause: unknown) {
    super(describe(endpoint, cause), { cause });
    this.name = "ConnectionError";
    this.endpoint = endpoint;
  }
}

/** An answer that came to its end too soon. */
export function endedEarly(): Error {
  return Object.assign(new Error("unexpected EOF"), { code: "ECONNRESET" });
}

/** The sentence in the body of an answer that is an error. */
export function messageOf(body: string): string {
  try {
    const parsed = JSON.parse(body) as { message?: unknown };
    return typeof parsed?.message === "string" ? parsed.message.trim() : body;
  } catch {
    return body;
  }
}

/** Narrows to an answer of the engine with `status`, e.g. 404 when the object does not exist. */
export function isStatus(error: unknown, status: number): error is ClientError {
  // By name: a client may be of another bundle.
  return error instanceof Error && error.name === "ClientError" && (error as ClientError).status === status;
}

/** Sentences of the docker client, which scripts and extensions look for. */
function describe(endpoint: string, cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === "EACCES" || code === "EPERM") return `permission denied while trying to connect to the Docker daemon socket at ${endpoint}`;
  if (code === "ECONNREFUSED" || code === "ENOENT" || code === "ENOTSOCK")
    return `Cannot connect to the Docker daemon at ${endpoint}. Is the docker daemon running?`;
  return `error during connect: ${cause instanceof Error ? cause.message : String(cause)}`;
}
