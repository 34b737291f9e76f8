/** Exclusive locks that the kernel drops when their owner dies, however it dies. */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { check, declare, errorCode } from "./libc.ts";
import { findProgram } from "./programs.ts";

const flockCall = declare("int flock(int fd, int operation)");

/** Takes the lock if it is free; undefined when somebody has it. The returned function gives it back. */
export function tryLock(path: string): (() => void) | undefined {
  const [LOCK_EX, LOCK_NB] = [2, 4];
  const file = openSync(path, "a", 0o600);
  try {
    check(flockCall(file, LOCK_EX | LOCK_NB), "take the lock");
    return () => closeSync(file);
  } catch (error) {
    closeSync(file);
    if (errorCode(error) === "EAGAIN") return undefined;
    throw error;
  }
}

/**
 * Waits for the lock. Uses the program flock on our own descriptor, so that any Node can wait without stopping its thread
 * and without native code. The returned function gives it back.
 */
export async function lock(path: string, signal?: AbortSignal): Promise<() => void> {
  const file = openSync(path, "a", 0o600);
  try {
    await new Promise<void>((resolve, reject) => {
      const child = spawn(findProgram("flock") ?? "flock", ["--exclusive", "3"], {
        stdio: ["ignore", "ignore", "ignore", file],
        ...(signal && { signal }),
      });
      child.once("error", reject).once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`Cannot lock "${path}"`))));
    });
    return () => closeSync(file);
  } catch (error) {
    closeSync(file);
    throw error;
  }
}
