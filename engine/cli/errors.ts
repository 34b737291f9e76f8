/**
 * What is printed when a command fails.
 */
import { ClientError, ConnectionError } from "../client/errors.ts";
import { TemplateError } from "./template/lex.ts";

/** One sentence, in docker's words where the engine said it. */
export function describeError(error: unknown): string {
  if (error instanceof ClientError) return `Error response from daemon: ${error.message}`;
  if (error instanceof ConnectionError) return error.message;
  if (error instanceof TemplateError) return `template parsing error: ${error.message}`;
  return error instanceof Error ? fileProblem(error as NodeJS.ErrnoException) : String(error);
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  EISDIR: "is a directory",
  ENOTDIR: "not a directory",
  EEXIST: "file exists",
  ENOSPC: "no space left on device",
};

/** System calls in Go's words: `open x: no such file or directory`. */
function fileProblem(error: NodeJS.ErrnoException): string {
  const reason = error.code ? REASONS[error.code] : undefined;
  if (!reason || !error.syscall || !error.path) return error.message;
  return `${error.syscall} ${error.path}: ${reason}`;
}
