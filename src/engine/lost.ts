/** What is said when the engine went away in the middle of something. */
import { t } from "../language/server/words.ts";

const BROKEN: ReadonlySet<unknown> = new Set(["ECONNRESET", "EPIPE", "ERR_STREAM_PREMATURE_CLOSE"]);

/** The error's own sentence, unless it is only that of a connection that broke. */
export function sentenceOf(error: Error): string {
  const { code, message } = (error.name === "ConnectionError" ? error.cause : error) as NodeJS.ErrnoException;
  const broken = BROKEN.has(code) && (error.name === "ConnectionError" || message === "aborted" || message === "Premature close");
  return broken ? t("The connection to the engine was lost before this was done: see what there is, and do it again") : error.message;
}
