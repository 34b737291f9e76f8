/** A disk that is full, said so that its user knows what to do. */
import { statfs } from "node:fs/promises";
import { EngineError } from "../errors.ts";
import { StepError } from "./builder.ts";

/** Less is not left to a failed command's files. */
const ROOM_BYTES = 16 << 20;

const MESSAGE = 'no space left on device: make room where the engine keeps its data, e.g. with "berth system prune"';

/** Whether what a failed command wrote can stay, for who looks into it. @param path anywhere on the engine's disk */
export async function hasRoom(path: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize >= ROOM_BYTES;
}

/** The same error; when its reason is a full disk or quota, one that says so. */
export function explained(error: unknown): unknown {
  if (!isFull(error)) return error;
  if (error instanceof StepError) return new StepError(MESSAGE, { step: error.step, cause: error });
  return new EngineError("internal", MESSAGE, { cause: error });
}

function isFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ["ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException).code ?? "") || isFull(error.cause);
}
