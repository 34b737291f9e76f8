/** When a container that ended is started again, and after how long. @see moby's restartmanager */
import type { RestartPolicy } from "../api/types/container.ts";

const FIRST_MS = 100;
const LONGEST_MS = 60_000;
/** Who ran that long has earned the first pause again. */
const STEADY_MS = 10_000;

export interface Ending {
  readonly exitCode: number;
  /** A user stopped it just now. */
  readonly stopped: boolean;
  /** Restarts so far. */
  readonly restartCount: number;
}

export function shouldRestart(policy: RestartPolicy | undefined, { exitCode, stopped, restartCount }: Ending): boolean {
  if (stopped) return false;
  switch (policy?.Name) {
    case "always":
    case "unless-stopped":
      return true;
    case "on-failure":
      return exitCode !== 0 && (!policy.MaximumRetryCount || restartCount < policy.MaximumRetryCount);
    default:
      return false;
  }
}

/** Whether an engine that finds a container not running starts it. */
export function shouldStartWithEngine(policy: RestartPolicy | undefined, ending: Ending & { stoppedByUser: boolean }): boolean {
  if (policy?.Name === "always") return true;
  return !ending.stoppedByUser && shouldRestart(policy, ending);
}

/** Milliseconds to wait before the next restart. */
export function restartDelay(before: number, ranMs: number): number {
  if (before === 0 || ranMs >= STEADY_MS) return FIRST_MS;
  return Math.min(before * 2, LONGEST_MS);
}
