/** Notices that somebody deleted an engine's directories while it lives. */
import { statSync } from "node:fs";

/** How often to look. */
export const LOOK_MS = 5000;

/** The holder notices at once and ends everybody. Who looks gives it so long: two that kill at a time may miss something. */
export const HOLDER_MS = 2000;

/** Calls `act` once, a little after `directory` is gone or another one has its name. Keeps no process alive. */
export function whenVanished(directory: string, act: () => void): void {
  const { ino } = statSync(directory);
  const timer = setInterval(() => {
    if (statSync(directory, { throwIfNoEntry: false })?.ino === ino) return;
    clearInterval(timer);
    setTimeout(act, HOLDER_MS);
  }, LOOK_MS).unref();
}
