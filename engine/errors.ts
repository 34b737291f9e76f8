/**
 * The one error that crosses rooms. A kind says what the caller should do; details go in `cause`.
 * Messages that Docker has are Docker's to the letter, made by named functions beside their noun.
 */
export type ErrorKind =
  | "invalid"
  | "unauthorized"
  | "forbidden"
  | "not-found"
  | "conflict"
  | "not-modified"
  | "not-implemented"
  | "unavailable"
  | "internal";

/** An error whose message is meant for a person; `api/status.ts` maps its kind to an HTTP status. */
export class EngineError extends Error {
  readonly kind: ErrorKind;

  constructor(kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "EngineError";
    this.kind = kind;
  }
}

/** Narrows an unknown thrown value to an EngineError of `kind`. */
export function isKind(error: unknown, kind: ErrorKind): error is EngineError {
  return error instanceof EngineError && error.kind === kind;
}
