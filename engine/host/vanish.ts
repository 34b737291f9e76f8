/** Notices that somebody deleted an engine's directories while it lives. */
import { statSync } from "node:fs";

/** How often to look. */
export const LOOK_MS = 5000;

/** Calls `act` once when `directory` is gone or another one has its name. Keeps no process alive. */
export function whenVanished(directory: string, act: () => void): void {
  const { ino } = statSync(directory);
  const timer = setInterval(() => {
    if (statSync(directory, { throwIfNoEntry: false })?.ino === ino) return;
    clearInterval(timer);
    act();
  }, LOOK_MS).unref();
}
