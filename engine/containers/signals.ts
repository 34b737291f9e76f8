/** Signals by name or number, as `docker kill` and STOPSIGNAL take them. */
import { constants } from "node:os";

/** The number of `SIGTERM`, `term`, `15`, `RTMIN+3`; undefined when there is no such signal. */
export function signalNumber(text: string): number | undefined {
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    return number >= 1 && number <= 64 ? number : undefined;
  }
  const name = text.toUpperCase().replace(/^SIG/, "");
  const realTime = /^RTM(IN|AX)(?:([+-])(\d+))?$/.exec(name);
  if (realTime) {
    const offset = Number(realTime[3] ?? 0) * (realTime[2] === "-" ? -1 : 1);
    const number = (realTime[1] === "IN" ? 34 : 64) + offset;
    return number >= 34 && number <= 64 ? number : undefined;
  }
  return (constants.signals as Record<string, number>)[`SIG${name}`];
}
