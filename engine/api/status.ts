/** From an error to what a client sees of it: the one map of kinds to HTTP status. */
import { explained } from "../build/full-disk.ts";
import { EngineError } from "../errors.ts";
import type { ErrorKind } from "../errors.ts";

const STATUS: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  "not-found": 404,
  conflict: 409,
  "not-modified": 304,
  "not-implemented": 501,
  unavailable: 503,
  internal: 500,
};

/**
 * HTTP status and the sentence for the body. Anything but an EngineError is 500 and not expected: it is logged with its
 * stack, and its message is shown all the same.
 */
export function describeError(raw: unknown): { status: number; message: string; expected: boolean } {
  const error = raw instanceof EngineError ? raw : explained(raw);
  if (error instanceof EngineError) return { status: STATUS[error.kind], message: error.message, expected: true };
  return { status: 500, message: error instanceof Error ? error.message : String(error), expected: false };
}

/** Go's answer for a number that is none; dockerd gives it the status 500. */
export function notANumber(value: string): EngineError {
  return new EngineError("internal", `strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`);
}
